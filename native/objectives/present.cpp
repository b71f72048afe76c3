#include "objectives/present.h"

#include "core/group.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace gd {

namespace {

struct SumOverRanks : torch::autograd::Function<SumOverRanks> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& mine, Group* group) {
    ctx->saved_data["size"] = group->size();
    const Tensor out = mine.clone();
    group->sum(out);
    return out;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 const torch::autograd::variable_list& gradients) {
    return {gradients[0] * ctx->saved_data["size"].toInt(), Tensor()};
  }
};

}  // namespace

Tensor present_of(const Features& features, std::string_view feature) {
  const std::string modality(feature.substr(0, feature.find('.')));
  if (const Tensor* present = features.find(modality + ".present")) return *present;
  const Tensor& like = features.at(feature);
  return at::ones({like.size(0)}, like.options().dtype(at::kBool).requires_grad(false));
}

Tensor sum_over_ranks(const Tensor& mine, Group* group) { return group ? SumOverRanks::apply(mine, group) : mine; }

Tensor mean_over(const Tensor& values, const Tensor& valid, const Tensor& weights, Group* group) {
  // where, not a product: a value of a sample that does not count may be inf or nan.
  Tensor kept = at::where(valid, values, at::zeros_like(values)), share = valid.to(values.scalar_type());
  if (weights.defined()) {
    share = share * weights.to(values.scalar_type());
    kept = kept * share;
  }
  const Tensor total = sum_over_ranks(kept.sum(), group), whole = sum_over_ranks(share.sum(), group);
  return total / (weights.defined() ? at::where(whole > 0, whole, at::ones_like(whole)) : whole.clamp_min(1));
}

}  // namespace gd
