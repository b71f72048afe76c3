#include "heads/layers/attention.h"

#include "kernels/dropout.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

namespace gd {

Tensor visible_keys(const Tensor& mask) {
  const Tensor real = mask.to(at::kBool);
  return real.logical_or(real.any(1, /*keepdim=*/true).logical_not()).unsqueeze(1).unsqueeze(1);
}

Tensor split_heads(const Tensor& x, int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

Tensor merge_heads(const Tensor& x) { return x.transpose(1, 2).reshape({x.size(0), x.size(2), x.size(1) * x.size(3)}); }

Tensor attend(const Tensor& queries, const Tensor& keys, const Tensor& values, const Visibility& visibility, double rate,
              Pass& pass) {
  Tensor visible = visibility.keys;
  bool causal = visibility.causal;
  const bool fused = !pass.training || rate == 0;
  if (causal && (visible.defined() || !fused)) {  // the fused kernel takes one or the other
    const Tensor earlier =
        at::ones({queries.size(2), keys.size(2)}, queries.options().dtype(at::kBool).requires_grad(false)).tril();
    visible = visible.defined() ? visible.logical_and(earlier) : earlier;
    causal = false;
  }
  if (fused)
    return at::scaled_dot_product_attention(queries, keys, values,
                                            visible.defined() ? std::optional<Tensor>(visible) : std::nullopt,
                                            /*dropout_p=*/0.0, causal);
  Tensor scores = at::matmul(queries, keys.transpose(-2, -1)) * (1 / std::sqrt(static_cast<double>(queries.size(-1))));
  if (visible.defined()) scores = scores.masked_fill(visible.logical_not(), -std::numeric_limits<double>::infinity());
  const auto precise = scores.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const Tensor weights = at::softmax(scores, -1, precise).to(values.scalar_type());
  return at::matmul(dropout(weights, rate, pass), values);
}

}  // namespace gd
