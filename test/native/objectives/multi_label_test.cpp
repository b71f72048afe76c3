// What the laws over all objectives do not say: logits of a head, and labels that are some of a column's.
#include "core/parts.h"
#include "core/registry.h"
#include "test.h"

#include <ATen/ATen.h>

using namespace gd;

namespace {

struct Built {
  explicit Built(Value::Object options)
      : state(at::kCPU, at::kDouble, 5),
        objective(Registry<Objective>::instance().make("multi-label", Scope(state, "objectives.multi-label"),
                                                       Value(std::move(options)))) {}
  double operator()(const Tensor& feature, const Tensor& labels) {
    Features features;
    features.set("image.global", feature);
    features.set("labels.values", labels);
    Pass pass;
    return (*objective)(features, Relation{}, pass).terms.front().second.item<double>();
  }
  State state;
  std::unique_ptr<Objective> objective;
};

// −log σ(z) where the label is 1, −log σ(−z) where it is 0.
double each(double z, int label) { return std::log1p(std::exp(label == 1 ? -z : z)); }

const Tensor logits = at::tensor({0.5, -1.0, 2.0, 0.0}, at::kDouble).view({2, 2});

}  // namespace

TEST("multi-label: a head's logits are taken as they are, and unknown labels left out") {
  Built loss({{"width", 2}, {"classes", 2}, {"logits", true}});
  EXPECT(loss.state.slots().empty());
  const double value = loss(logits, at::tensor({1.f, 0.f, -1.f, 1.f}).view({2, 2}));
  EXPECT_CLOSE(value, (each(0.5, 1) + each(-1, 0) + each(0, 1)) / 3, 1e-12);
}

TEST("multi-label: labels may be some of a column's") {
  Built loss({{"width", 2}, {"classes", 2}, {"logits", true}, {"firstLabel", 1}, {"positiveWeights", Value::Array{2.0, 1.0}}});
  const double value = loss(logits, at::tensor({0.f, 1.f, 0.f, 1.f, -128.f, 1.f}).view({2, 3}));
  EXPECT_CLOSE(value, (2 * each(0.5, 1) + each(-1, 0) + each(0, 1)) / 3, 1e-12);
  EXPECT_THROWS(loss(logits, at::zeros({2, 2}, at::kDouble)), "expected at least 3 labels");
}

TEST("multi-label: a column of more labels than classes is refused unless told which") {
  Built loss({{"width", 2}, {"classes", 2}, {"logits", true}});
  EXPECT_THROWS(loss(logits, at::zeros({2, 3}, at::kDouble)), "expected labels [2, 2]");
  EXPECT_THROWS(Built({{"width", 3}, {"classes", 2}, {"logits", true}}), "expected multi-label.width 2");
}
