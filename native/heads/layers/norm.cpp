#include "heads/layers/norm.h"

#include <ATen/ATen.h>

namespace gd {

LayerNorm::LayerNorm(const Scope& scope, int64_t width, double eps)
    : weight(scope.parameter("weight", {width}, Init::ones())), bias(scope.parameter("bias", {width}, Init::zeros())), eps(eps) {}

Tensor LayerNorm::operator()(const Tensor& x) const { return at::layer_norm(x, weight.sizes(), weight, bias, eps); }

BatchNorm::BatchNorm(const Scope& scope, int64_t channels, Init weight_init, bool frozen)
    : weight(scope.parameter("weight", {channels}, weight_init)),
      bias(scope.parameter("bias", {channels}, Init::zeros())),
      running_mean(scope.buffer("running_mean", at::zeros({channels}))),
      running_var(scope.buffer("running_var", at::ones({channels}))),
      num_batches_tracked(scope.buffer("num_batches_tracked", at::zeros({}, at::kLong))),
      frozen(frozen) {}

Tensor BatchNorm::operator()(const Tensor& x, const Pass& pass) const {
  const bool of_batch = pass.training && !frozen;
  const bool moves = of_batch && pass.update_statistics;
  if (moves) const_cast<Tensor&>(num_batches_tracked).add_(1);
  // Without running statistics the operator normalises with the batch's and moves nothing.
  const Tensor none;
  const bool given = moves || !of_batch;
  return at::batch_norm(x, weight, bias, given ? running_mean : none, given ? running_var : none, of_batch, momentum, eps,
                        /*cudnn_enabled=*/true);
}

}  // namespace gd
