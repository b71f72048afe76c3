#include "distributed/gather.h"

#include "core/error.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace gd {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct GatherRows : torch::autograd::Function<GatherRows> {
  static Tensor forward(AutogradContext* ctx, const Tensor& mine, Group* group, double factor) {
    ctx->saved_data["rank"] = group->rank();
    ctx->saved_data["factor"] = factor;
    ctx->saved_data["size"] = group->size();
    return group->gather(mine).flatten(0, 1);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    const int64_t rank = ctx->saved_data["rank"].toInt(), size = ctx->saved_data["size"].toInt();
    const int64_t rows = gradients[0].size(0) / size;
    return {gradients[0].narrow(0, rank * rows, rows) * ctx->saved_data["factor"].toDouble(), Tensor(), Tensor()};
  }
};

}  // namespace

Features of_one_length(const Features& mine, Group& group) {
  std::vector<int64_t> lengths;
  for (const auto& [name, field] : mine) lengths.push_back(field.dim() < 2 ? 0 : field.size(1));
  const Tensor longest = at::tensor(lengths, at::kLong);
  group.largest(longest);
  Features out;
  int64_t i = 0;
  for (const auto& [name, field] : mine) {
    const int64_t missing = longest[i].item<int64_t>() - lengths[static_cast<size_t>(i)];
    ++i;
    if (missing == 0) {
      out.set(name, field);
      continue;
    }
    std::vector<int64_t> pad(static_cast<size_t>(2 * (field.dim() - 1)), 0);
    pad.back() = missing;
    out.set(name, at::constant_pad_nd(field, pad, name.ends_with(".targets") ? no_target : 0));
  }
  return out;
}

Negatives negatives_of(std::string_view name) {
  if (name == "global") return Negatives::global;
  if (name == "local") return Negatives::local;
  if (name == "global-local-gradient") return Negatives::global_local_gradient;
  fail("bad-option", "expected global, local or global-local-gradient for train.negatives but got '", name, "'");
}

Tensor gather_rows(const Tensor& mine, Group& group, Negatives negatives) {
  if (!mine.requires_grad()) return group.gather(mine).flatten(0, 1);
  return GatherRows::apply(mine, &group, negatives == Negatives::global ? static_cast<double>(group.size()) : 1.0);
}

Features gather_features(const Features& mine, const std::vector<std::string>& names, Group& group, Negatives negatives) {
  Features out = mine;
  for (const auto& name : names)
    if (const Tensor* feature = mine.find(name)) out.set(name, gather_rows(*feature, group, negatives));
  return out;
}

}  // namespace gd
