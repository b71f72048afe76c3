#include "heads/from_to.h"

#include "core/error.h"

#include <ATen/ATen.h>

namespace gd {

const Tensor& FromTo::read_sequence(const Features& features) const {
  const Tensor& x = read(features);
  expect(x.dim() == 3, "bad-shape", "expected ", from_, " of shape [B, N, D] for pooling but got ", x.sizes());
  return x;
}

Option mask_option() {
  return feature_option("mask", "", "feature [B, N], true where a place counts, e.g. text.mask; empty: all count");
}

Tensor mask_of(const Features& features, const std::string& name) {
  return name.empty() ? Tensor() : features.at(name).to(at::kBool);
}

Option init_deviation_option() {
  return number_option("initDeviation", 0, "deviation of the normal that weights start with; 0: torch's default");
}

Linear started(const Scope& scope, int64_t in, int64_t out, bool bias, const Options& options) {
  const double deviation = options.number("initDeviation");
  expect(deviation >= 0, "bad-option", "expected at least 0 for ", scope.prefix(), "'s initDeviation but got ", deviation);
  if (deviation == 0) return Linear(scope, in, out, bias);
  return Linear(scope, in, out, Init::gaussian(deviation), bias ? std::optional(Init::fan_in(in)) : std::nullopt);
}

}  // namespace gd
