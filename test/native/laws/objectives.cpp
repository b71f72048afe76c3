// Laws of every registered objective, on its own example.
#include "core/parts.h"
#include "laws/examples.h"
#include "laws/gradients.h"
#include "test.h"

namespace gd {
namespace {

constexpr int64_t batch = 5;

struct Made {
  explicit Made(const Entry<Objective>& entry)
      : state(c10::kCPU, at::kDouble, 3),
        objective(
            Registry<Objective>::instance().make(entry.name, Scope(state, "objectives." + entry.name), entry.example.options)) {}
  Tensor total(const Features& features, const Relation& relation) {
    Pass pass;
    pass.training = true;
    Tensor sum;
    for (const auto& [name, loss] : (*objective)(features, relation, pass).terms) sum = sum.defined() ? sum + loss : loss;
    return sum;
  }
  State state;
  std::unique_ptr<Objective> objective;
};

Relation label_relation(int64_t rows) {
  Relation out;
  out.kind = Relation::Kind::labels;
  out.rows = example_tensor({"rows", {3}, ExampleFeature::labels}, rows, 5).clamp_min(0);
  out.columns = example_tensor({"columns", {3}, ExampleFeature::labels}, rows, 6).clamp_min(0);
  return out;
}

// Each sample with its neighbour too; one pair neither with nor against the other.
Relation pair_relation() {
  Relation out;
  out.kind = Relation::Kind::pairs;
  const Tensor positive = at::eye(batch, at::kBool);
  for (int64_t i = 0; i < batch; i += 2) positive[i][(i + 1) % batch] = true;
  const auto list = [](const Tensor& mask) {
    return PairList{at::cat({at::zeros({1}, at::kLong), mask.sum(1).cumsum(0)}), mask.nonzero().select(1, 1).to(at::kInt)};
  };
  out.positive = list(positive);
  const Tensor neutral = at::zeros_like(positive);
  neutral[1][3] = true;
  out.neutral = list(neutral);
  return out;
}

void each(const std::function<void(const Entry<Objective>&)>& law) {
  for (const auto& [name, entry] : Registry<Objective>::instance().entries()) {
    if (entry.example.options.is_null()) {
      native_test::fail(__FILE__, __LINE__, "the objective " + name + " brings no example(): no law can be checked on it");
      continue;
    }
    law(entry);
  }
}

}  // namespace

TEST("laws: an objective's gradients equal finite differences") {
  each([](const Entry<Objective>& entry) {
    if (excepted(entry.example, "gradient")) return;
    for (const std::string kind : {"identity", "labels", "pairs"}) {
      Made made(entry);
      Features features = example_features(entry.example, batch);
      auto leaves = make_leaves(features, entry.example);
      for (const auto& slot : made.state.slots())
        if (!slot.buffer) leaves.push_back(slot.tensor);
      const Relation relation = kind == "labels" ? label_relation(batch) : kind == "pairs" ? pair_relation() : Relation{};
      check_gradients(entry.name + " (" + kind + ")", leaves, [&] { return made.total(features, relation); });
    }
  });
}

TEST("laws: an objective does not change when the batch is permuted") {
  each([](const Entry<Objective>& entry) {
    if (excepted(entry.example, "permutation")) return;
    Made made(entry);
    const Features features = example_features(entry.example, batch);
    const Tensor order = at::tensor({3, 0, 4, 1, 2}, at::kLong);
    Features permuted;
    for (const auto& [name, tensor] : features) permuted.set(name, tensor.index_select(0, order));
    for (const bool labels : {false, true}) {
      Relation relation = labels ? label_relation(batch) : Relation{}, moved = relation;
      if (labels) {
        moved.rows = relation.rows.index_select(0, order);
        moved.columns = relation.columns.index_select(0, order);
      }
      EXPECT_CLOSE(made.total(features, relation).item<double>(), made.total(permuted, moved).item<double>(), 1e-10);
    }
  });
}

TEST("laws: an objective stays finite at extreme features") {
  each([](const Entry<Objective>& entry) {
    if (excepted(entry.example, "extremes")) return;
    for (const double size : {0.0, 1e-30, 1e4}) {
      Made made(entry);
      Features features = example_features(entry.example, batch);
      for (const auto& feature : entry.example.features)
        if (feature.kind == ExampleFeature::real) features.set(feature.name, features.at(feature.name) * size);
      auto leaves = make_leaves(features, entry.example);
      const Tensor loss = made.total(features, {});
      EXPECT(std::isfinite(loss.item<double>()));
      loss.backward();
      for (const auto& leaf : leaves)
        if (leaf.grad().defined() && size != 0) EXPECT(at::isfinite(leaf.grad()).all().item<bool>());
    }
  });
}

TEST("laws: samples without a modality do not count") {
  each([](const Entry<Objective>& entry) {
    if (excepted(entry.example, "present")) return;
    Made made(entry);
    const Features some = example_features(entry.example, batch);
    // A sixth sample full of nonsense, said to be absent, must change nothing.
    Features more;
    for (const auto& feature : entry.example.features) {
      const Tensor& held = some.at(feature.name);
      const Tensor nonsense = feature.kind == ExampleFeature::targets ? at::full_like(held.slice(0, 0, 1), -100)
                              : feature.kind == ExampleFeature::real  ? at::full_like(held.slice(0, 0, 1), 1e3)
                                                                      : held.slice(0, 0, 1);
      more.set(feature.name, at::cat({held, nonsense}));
      const std::string modality = feature.name.substr(0, feature.name.find('.'));
      const Tensor present = at::ones({batch + 1}, at::kBool);
      present[batch] = false;
      more.set(modality + ".present", present);
    }
    EXPECT_CLOSE(made.total(some, {}).item<double>(), made.total(more, {}).item<double>(), 1e-10);
  });
}

}  // namespace gd
