// The forms of the global contrast against whole matrices in float64: losses and gradients.
#include "core/parts.h"
#include "core/registry.h"
#include "test.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

namespace gd {
namespace {

constexpr int64_t samples = 23, width = 6;

Tensor normal(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::TensorOptions(at::kDouble));
}

PairList listed(const Tensor& mask) {
  return {at::cat({at::zeros({1}, at::kLong), mask.sum(1).cumsum(0)}), mask.nonzero().select(1, 1).to(at::kInt)};
}

struct World {
  Tensor a = normal({samples, width}, 1), b = normal({samples, width}, 2);
  Tensor positive, neutral;  // bool [samples, samples]
  Tensor there = at::ones({samples}, at::kBool), weights;
  World() {
    const Tensor kind = at::arange(samples * samples).view({samples, samples}).mul(7).remainder(19);
    positive = (kind == 3).logical_or(at::eye(samples, at::kBool)).clone();
    neutral = (kind == 5).logical_and(positive.logical_not());
    positive[4].fill_(false);  // a row without a positive
    positive[6].fill_(true);   // and one without a negative
    neutral[6].fill_(false);
    there[9].fill_(false);
  }
};

// The objective's loss and the gradients of a and b.
std::vector<Tensor> found(const World& world, Value::Object options, const Relation& relation) {
  options.emplace_back("temperature", 1);
  options.emplace_back("normalise", false);
  State state(c10::kCPU, at::kDouble, 3);
  const auto objective =
      Registry<Objective>::instance().make("global-contrast", Scope(state, "objective"), Value(std::move(options)));
  Features features;
  const Tensor a = world.a.clone().set_requires_grad(true), b = world.b.clone().set_requires_grad(true);
  features.set("image.global", a);
  features.set("text.global", b);
  features.set("image.present", world.there);
  if (world.weights.defined()) features.set("sample.values", world.weights);
  Pass pass;
  const Tensor loss = (*objective)(features, relation, pass).terms[0].second;
  loss.backward();
  return {loss.detach(), a.grad(), b.grad()};
}

// One direction by matrices: z [N, M], who is positive and a candidate, which rows are there. Mean over the rows with a positive.
Tensor direction(const Tensor& z, const Tensor& positive, const Tensor& candidate, const std::string& form, double hardness,
                 const Tensor& weights) {
  const double never = -std::numeric_limits<double>::infinity();
  const Tensor negative = candidate.logical_and(positive.logical_not());
  Tensor total = at::zeros({}, at::kDouble), all = at::zeros({}, at::kDouble);
  for (int64_t i = 0; i < z.size(0); ++i) {
    const Tensor own = z[i].masked_select(positive[i].logical_and(candidate[i]));
    if (own.numel() == 0) continue;
    const Tensor every = at::logsumexp(z[i].masked_fill(candidate[i].logical_not(), never), 0);
    Tensor loss;
    if (form == "mean") {
      loss = (every - own).mean();
    } else if (form == "any") {
      loss = every - at::logsumexp(own, 0);
    } else {
      const Tensor others = z[i].masked_select(negative[i]);
      const Tensor weight = (others * hardness).exp();
      const Tensor sum = others.numel() == 0 ? at::zeros({}, at::kDouble) : (others.exp() * weight / weight.mean()).sum();
      loss = ((own.exp() + sum).log() - own).mean();
    }
    const Tensor w = weights.defined() ? weights[i] : at::ones({}, at::kDouble);
    total = total + w * loss;
    all = all + w;
  }
  return total / all;
}

std::vector<Tensor> expected(const World& world, const Tensor& positive, const Tensor& neutral, const std::string& form,
                             double hardness) {
  const Tensor a = world.a.clone().set_requires_grad(true), b = world.b.clone().set_requires_grad(true);
  const Tensor z = at::matmul(a, b.t());
  const Tensor candidate = neutral.logical_not().logical_and(world.there.unsqueeze(1));
  const Tensor weights = world.weights.defined() ? world.weights.flatten() : Tensor();
  const Tensor loss = 0.3 * direction(z, positive, candidate, form, hardness, weights) +
                      0.7 * direction(z.t(), positive.t(), candidate.t(), form, hardness, weights);
  loss.backward();
  return {loss.detach(), a.grad(), b.grad()};
}

void same(const std::vector<Tensor>& x, const std::vector<Tensor>& y) {
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_CLOSE((x[i] - y[i]).abs().max().item<double>() / y[i].abs().max().item<double>(), 0, 1e-10);
}

Relation pairs_of(const World& world, bool neutral) {
  Relation out;
  out.kind = Relation::Kind::pairs;
  out.positive = listed(world.positive);
  if (neutral) out.neutral = listed(world.neutral);
  return out;
}

}  // namespace

TEST("global contrast: several positives and neutral pairs in every form are those of whole matrices") {
  World world;
  const Tensor none = at::zeros_like(world.neutral);
  for (const bool neutral : {false, true})
    for (const bool weighted : {false, true})
      for (const std::string form : {"mean", "apart", "any"})
        for (const double hardness : {0.0, 0.7}) {
          if (hardness > 0 && form != "apart") continue;
          world.weights = weighted ? at::linspace(0, 2, samples, at::kDouble).unsqueeze(1) : Tensor();
          Value::Object options{{"positives", form}, {"hardness", hardness}, {"rowWeight", 0.3}};
          if (weighted) {
            options.emplace_back("rowSampleWeights", "sample.values");
            options.emplace_back("columnSampleWeights", "sample.values");
          }
          same(found(world, options, pairs_of(world, neutral)),
               expected(world, world.positive, neutral ? world.neutral : none, form, hardness));
        }
}

TEST("global contrast: negatives by their hardness under the identity relation") {
  World world;
  world.there.fill_(true);
  const Tensor own = at::eye(samples, at::kBool), none = at::zeros_like(own);
  for (const double hardness : {0.0, 0.25, 2.0})
    same(found(world, {{"hardness", hardness}, {"rowWeight", 0.3}}, {}), expected(world, own, none, "apart", hardness));
}

TEST("global contrast: refuses what does not go together") {
  const World world;
  EXPECT_THROWS(found(world, {{"hardness", 1}, {"zLoss", 0.1}}, {}), "expected no zLoss beside a hardness");
  EXPECT_THROWS(found(world, {{"hardness", -1}}, {}), "expected a hardness of at least 0");
  EXPECT_THROWS(found(world, {{"hardness", 1}}, pairs_of(world, true)), "expected positives apart");
  Relation labels;
  labels.kind = Relation::Kind::labels;
  labels.rows = labels.columns = at::ones({samples, 2}, at::kDouble);
  EXPECT_THROWS(found(world, {{"hardness", 1}}, labels), "expected the identity relation or one that lists pairs");
  EXPECT_THROWS(found(world, {{"rowSampleWeights", "image.global"}}, {}), "expected one number a sample for image.global");
}

}  // namespace gd
