#include "heads/layers/convolution.h"

#include "core/error.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

int64_t volume(const std::vector<int64_t>& kernel) {
  int64_t product = 1;
  for (const int64_t k : kernel) product *= k;
  return product;
}

}  // namespace

int64_t ConvolutionShape::fan_in() const { return in / groups * volume(kernel); }
int64_t ConvolutionShape::fan_out() const { return out / groups * volume(kernel); }

Convolution::Convolution(const Scope& scope, const ConvolutionShape& shape, Init weight_init)
    : stride(shape.kernel.size(), shape.stride),
      padding(shape.kernel.size(), shape.padding),
      dilation(shape.kernel.size(), shape.dilation),
      groups(shape.groups) {
  std::vector<int64_t> sizes{shape.out, shape.in / shape.groups};
  sizes.insert(sizes.end(), shape.kernel.begin(), shape.kernel.end());
  weight = scope.parameter("weight", sizes, weight_init);
  if (shape.bias) bias = scope.parameter("bias", {shape.out}, Init::fan_in(shape.fan_in()));
}

Tensor Convolution::operator()(const Tensor& x) const {
  // By dimension, and not the general operator, because autocast on the CPU knows only these.
  switch (weight.dim()) {
    case 3: return at::conv1d(x, weight, bias, stride, padding, dilation, groups);
    case 4: return at::conv2d(x, weight, bias, stride, padding, dilation, groups);
    case 5: return at::conv3d(x, weight, bias, stride, padding, dilation, groups);
    default: fail("bad-shape", "expected one to three dimensions for a convolution but got a weight of ", weight.sizes());
  }
}

}  // namespace gd
