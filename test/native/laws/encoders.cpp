// Laws of every registered encoder and head, on their own examples.
#include "core/parts.h"
#include "core/range.h"
#include "laws/examples.h"
#include "laws/gradients.h"
#include "profile/counter.h"
#include "test.h"

namespace gd {
namespace {

Tensor probe(const Features& features) {
  // A fixed random direction in every floating output: one scalar that all of them reach.
  Tensor sum;
  for (const auto& [name, tensor] : features) {
    if (!tensor.is_floating_point()) continue;
    std::vector<int64_t> rest(tensor.sizes().begin() + 1, tensor.sizes().end());
    const Tensor direction = example_tensor({name, rest}, 1, 11);
    const Tensor part = (tensor * direction).mean();
    sum = sum.defined() ? sum + part : part;
  }
  return sum;
}

template <class Part>
void each(const std::function<void(const Entry<Part>&)>& law) {
  for (const auto& [name, entry] : Registry<Part>::instance().entries()) {
    if (entry.example.options.is_null()) {
      native_test::fail(__FILE__, __LINE__, name + " brings no example(): no law can be checked on it");
      continue;
    }
    law(entry);
  }
}

Features run(Encoder& encoder, const Features& fields, bool training, int64_t first_row = 0, bool recompute = false) {
  Pass pass;
  pass.training = training;
  pass.update_statistics = false;
  pass.seed = 99;
  pass.first_row = first_row;
  pass.recompute = recompute;
  return encoder(fields, pass);
}

Features rows(const Features& features, int64_t from, int64_t to) {
  Features out;
  for (const auto& [name, tensor] : features) out.set(name, tensor.slice(0, from, to));
  return out;
}

}  // namespace

TEST("laws: an encoder's gradients equal finite differences, also when blocks are recomputed") {
  each<Encoder>([](const Entry<Encoder>& entry) {
    if (excepted(entry.example, "gradient")) return;
    for (const bool recompute : {false, true}) {
      State state(c10::kCPU, at::kDouble, 3);
      const auto encoder = Registry<Encoder>::instance().make(entry.name, Scope(state, "encoder"), entry.example.options);
      Features fields = example_features(entry.example, 2);
      auto leaves = make_leaves(fields, entry.example);
      for (const auto& slot : state.slots())
        if (!slot.buffer) leaves.push_back(slot.tensor);
      check_gradients(
          entry.name, leaves, [&] { return probe(run(*encoder, fields, true, 0, recompute)); }, 2);
    }
  });
}

TEST("laws: an encoder of blocks computes them again where it is told to") {
  each<Encoder>([](const Entry<Encoder>& entry) {
    if (entry.name == "table-mlp") return;  // two layers: nothing between them is worth it
    double forward = 0, again[2] = {0, 0};
    for (const bool recompute : {false, true}) {
      State state(c10::kCPU, at::kFloat, 3);
      const auto encoder = Registry<Encoder>::instance().make(entry.name, Scope(state, "encoder"), entry.example.options);
      const Features fields = example_features(entry.example, 2);
      const Counter counter;
      Tensor out;
      {
        const Range range("encoder");
        out = probe(run(*encoder, fields, true, 0, recompute));
      }
      out.backward();
      forward = counter.work().parts.at("encoder").forward;
      again[recompute] = counter.work().again();
    }
    if (again[1] - again[0] < 0.25 * forward)
      native_test::fail(__FILE__, __LINE__,
                        c10::str(entry.name, ": expected at least a quarter of its ", forward, " operations again but got ",
                                 again[1] - again[0]));
  });
}

TEST("laws: an encoder gives the same in one batch as in pieces, dropout on") {
  each<Encoder>([](const Entry<Encoder>& entry) {
    State state(c10::kCPU, at::kDouble, 3);
    const auto encoder = Registry<Encoder>::instance().make(entry.name, Scope(state, "encoder"), entry.example.options);
    const Features fields = example_features(entry.example, 4);
    // With BatchNorm pieces have other statistics: then the law holds for evaluation alone.
    const bool training = !excepted(entry.example, "chunks");
    const Features whole = run(*encoder, fields, training);
    const Features first = run(*encoder, rows(fields, 0, 1), training, 0), rest = run(*encoder, rows(fields, 1, 4), training, 1);
    for (const auto& [name, tensor] : whole) {
      if (!tensor.is_floating_point()) continue;
      const Tensor pieces = at::cat({first.at(name), rest.at(name)});
      if (!at::allclose(tensor, pieces, 1e-9, 1e-10))
        native_test::fail(
            __FILE__, __LINE__,
            entry.name + ": " + name + " differs in pieces by " + std::to_string((tensor - pieces).abs().max().item<double>()));
    }
  });
}

TEST("laws: an encoder gives what it says it gives") {
  each<Encoder>([](const Entry<Encoder>& entry) {
    State state(c10::kCPU, at::kDouble, 3);
    const auto encoder = Registry<Encoder>::instance().make(entry.name, Scope(state, "encoder"), entry.example.options);
    const Features out = run(*encoder, example_features(entry.example, 3), false);
    for (const auto& grain : entry.gives) {
      if (!out.has(grain))
        native_test::fail(__FILE__, __LINE__, entry.name + " says it gives " + grain + " but does not");
      else
        EXPECT(out.at(grain).size(0) == 3);
    }
    for (const auto& slot : state.slots()) {
      const int64_t depth = encoder->depth_of(std::string_view(slot.name).substr(8));
      EXPECT(depth >= 0 && depth <= encoder->depth());
    }
  });
}

TEST("laws: a head's gradients equal finite differences") {
  each<Head>([](const Entry<Head>& entry) {
    if (excepted(entry.example, "gradient")) return;
    State state(c10::kCPU, at::kDouble, 3);
    const auto head = Registry<Head>::instance().make(entry.name, Scope(state, "head"), entry.example.options);
    Features given = example_features(entry.example, 3);
    auto leaves = make_leaves(given, entry.example);
    for (const auto& slot : state.slots())
      if (!slot.buffer) leaves.push_back(slot.tensor);
    check_gradients(
        entry.name, leaves,
        [&] {
          Features features = given;
          Pass pass;
          pass.training = true;
          pass.update_statistics = false;
          pass.seed = 99;
          (*head)(features, pass);
          // A head that writes over what it reads: only what changed counts.
          Features changed;
          for (const auto& [name, tensor] : features)
            if (!given.has(name) || !given.at(name).is_same(tensor)) changed.set(name, tensor);
          return probe(changed);
        },
        4);
  });
}

}  // namespace gd
