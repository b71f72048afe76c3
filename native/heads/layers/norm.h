// Normalisations, with torch's parameter names.
#pragma once

#include "core/pass.h"
#include "core/scope.h"

namespace gd {

// Over the last dimension (Ba et al. 2016).
struct LayerNorm {
  Tensor weight, bias;
  double eps;

  LayerNorm(const Scope& scope, int64_t width, double eps);
  Tensor operator()(const Tensor& x) const;
};

// Over all dimensions but the second (Ioffe and Szegedy 2015), [B, C, …]. In training it normalises with the statistics of
// what it is given: of one chunk when the batch is cut, of one rank when it is spread.
struct BatchNorm {
  Tensor weight, bias;
  Tensor running_mean, running_var, num_batches_tracked;
  double momentum = 0.1, eps = 1e-5;
  bool frozen;  // the running statistics also in training

  BatchNorm(const Scope& scope, int64_t channels, Init weight_init = Init::ones(), bool frozen = false);
  Tensor operator()(const Tensor& x, const Pass& pass) const;
};

}  // namespace gd
