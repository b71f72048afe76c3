// Convolution over one, two or three dimensions: as many as `kernel` has entries. Weight [out, in/groups, kernel…].
#pragma once

#include "core/scope.h"

#include <vector>

namespace gd {

struct ConvolutionShape {
  int64_t in, out;
  std::vector<int64_t> kernel;
  int64_t stride = 1, padding = 0, dilation = 1, groups = 1;  // the same along every dimension
  bool bias = false;

  int64_t fan_in() const;   // in/groups · kernel
  int64_t fan_out() const;  // out/groups · kernel
};

struct Convolution {
  Tensor weight, bias;
  std::vector<int64_t> stride, padding, dilation;
  int64_t groups;

  Convolution(const Scope& scope, const ConvolutionShape& shape, Init weight_init);
  Tensor operator()(const Tensor& x) const;
};

}  // namespace gd
