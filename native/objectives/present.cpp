#include "objectives/present.h"

#include <ATen/ATen.h>

namespace gd {

Tensor present_of(const Features& features, std::string_view feature) {
  const std::string modality(feature.substr(0, feature.find('.')));
  if (const Tensor* present = features.find(modality + ".present")) return *present;
  const Tensor& like = features.at(feature);
  return at::ones({like.size(0)}, like.options().dtype(at::kBool).requires_grad(false));
}

Tensor mean_over(const Tensor& values, const Tensor& valid) {
  const Tensor weight = valid.to(values.scalar_type());
  // where, not a product: a value of a sample that does not count may be inf or nan.
  return at::where(valid, values, at::zeros_like(values)).sum() / weight.sum().clamp_min(1);
}

}  // namespace gd
