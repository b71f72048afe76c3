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

}  // namespace gd
