// The sigmoid contrast twice more: by plain loops in float64, and as one composes it of libtorch operators.
#pragma once

#include "kernels/sigmoid_contrast.h"

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

namespace gd {

// Signs [N, M] of the pairs: +1, −1, or 0 for pairs that do not count; float64.
inline Tensor sigmoid_signs(int64_t n, int64_t m, const SigmoidContrastPlan& plan) {
  Tensor out = at::full({n, m}, -1, at::kDouble);
  if (plan.row_labels.defined())
    out.masked_fill_(at::matmul(plan.row_labels.to(at::kDouble), plan.column_labels.to(at::kDouble).t()) > 0, 1);
  const auto listed = [&](const Tensor& offsets, const Tensor& columns, double value) {
    for (int64_t i = 0; offsets.defined() && i < n; ++i)
      for (int64_t k = offsets[i].item<int64_t>(); k < offsets[i + 1].item<int64_t>(); ++k)
        out[i][columns[k].item<int64_t>()] = value;
  };
  listed(plan.positive_offsets, plan.positive_columns, 1);
  for (int64_t i = 0; plan.row_partner.defined() && i < n; ++i)
    if (plan.row_partner[i].item<int64_t>() >= 0) out[i][plan.row_partner[i].item<int64_t>()] = 1;
  listed(plan.excluded_offsets, plan.excluded_columns, 0);
  if (plan.row_there.defined()) out.masked_fill_(~plan.row_there.unsqueeze(1), 0);
  if (plan.column_there.defined()) out.masked_fill_(~plan.column_there.unsqueeze(0), 0);
  return out;
}

struct SigmoidContrastReference {
  Tensor row_sum, a, b, scale, bias;  // [N], gradients [N, D], [M, D], [N], []
};

inline SigmoidContrastReference sigmoid_contrast_reference(const Tensor& given_a, const Tensor& given_b,
                                                           const Tensor& given_scale, double bias,
                                                           const SigmoidContrastPlan& plan) {
  const Tensor a = given_a.to(at::kDouble).contiguous(), b = given_b.to(at::kDouble).contiguous();
  const int64_t n = a.size(0), m = b.size(0), width = a.size(1);
  const Tensor scales = given_scale.to(at::kDouble).expand({n}).contiguous(), signs = sigmoid_signs(n, m, plan);
  const Tensor weights = plan.weight.defined() ? plan.weight.to(at::kDouble).contiguous() : at::ones({n}, at::kDouble);
  SigmoidContrastReference out{at::zeros({n}, at::kDouble), at::zeros_like(a), at::zeros_like(b), at::zeros({n}, at::kDouble),
                               at::zeros({}, at::kDouble)};
  const double *x = a.const_data_ptr<double>(), *y = b.const_data_ptr<double>(), *sign = signs.const_data_ptr<double>();
  double *sums = out.row_sum.mutable_data_ptr<double>(), *da = out.a.mutable_data_ptr<double>();
  double *db = out.b.mutable_data_ptr<double>(), *dscale = out.scale.mutable_data_ptr<double>();
  double dbias = 0;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < m; ++j) {
      const double s = sign[i * m + j], scale = scales.const_data_ptr<double>()[i];
      if (s == 0) continue;
      double dot = 0;
      for (int64_t d = 0; d < width; ++d) dot += x[i * width + d] * y[j * width + d];
      const double q = s * (scale * dot + bias);
      sums[i] += std::max(-q, 0.0) + std::log1p(std::exp(-std::abs(q)));
      const double dz = -weights.const_data_ptr<double>()[i] * s / (1 + std::exp(q));
      for (int64_t d = 0; d < width; ++d) {
        da[i * width + d] += dz * scale * y[j * width + d];
        db[j * width + d] += dz * scale * x[i * width + d];
      }
      dscale[i] += dz * dot;
      dbias += dz;
    }
  out.bias.fill_(dbias);
  return out;
}

inline Tensor sigmoid_contrast_composed(const Tensor& a, const Tensor& b, const Tensor& scale, const Tensor& bias,
                                        const SigmoidContrastPlan& plan) {
  const Tensor z = at::matmul(a * (scale.dim() == 1 ? scale.unsqueeze(1) : scale), b.t()) + bias;
  const Tensor signs = sigmoid_signs(a.size(0), b.size(0), plan).to(a.scalar_type());
  const Tensor each = (-at::log_sigmoid(signs * z)).masked_fill(signs == 0, 0).sum(1);
  return (plan.weight.defined() ? each * plan.weight.to(a.scalar_type()) : each).sum();
}

}  // namespace gd
