#include "heads/layers/norm.h"

#include "core/group.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace gd {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Tensor by_channel(const Tensor& of_channels, const Tensor& like) {
  std::vector<int64_t> shape(static_cast<size_t>(like.dim()), 1);
  shape[1] = -1;
  return of_channels.view(shape);
}

// Batch normalisation (Ioffe and Szegedy 2015) with the statistics of all ranks' samples. Outputs: y, mean [C], variance [C]
// (biased). Statistics are of float32 at least. libtorch's own passes over
// the samples, with the ranks' sums between them.
struct SyncedBatchNorm : torch::autograd::Function<SyncedBatchNorm> {
  static variable_list forward(AutogradContext* ctx, const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                               Group* group) {
    const Tensor precise = x.to(at::promote_types(x.scalar_type(), at::kFloat));
    const auto [own_mean, own_variance] = at::batch_norm_update_stats(precise, {}, {}, /*momentum=*/0);
    const Tensor all = group->gather(at::stack({own_mean, own_variance}));  // [size, 2, C]
    const Tensor mean = all.select(1, 0).mean(0);
    const Tensor variance = all.select(1, 1).mean(0) + (all.select(1, 0) - mean).square().mean(0);
    const Tensor inverse = (variance + eps).rsqrt();
    ctx->save_for_backward({x, weight, mean, inverse});
    ctx->saved_data["group"] = reinterpret_cast<int64_t>(group);
    ctx->saved_data["eps"] = eps;
    const Tensor slope = weight * inverse;
    const Tensor y = at::addcmul(by_channel(bias - mean * slope, x), precise, by_channel(slope, x));
    ctx->mark_non_differentiable({mean, variance});
    return {y.to(x.scalar_type()), mean, variance};
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &mean = saved[2], &inverse = saved[3];
    auto* group = reinterpret_cast<Group*>(ctx->saved_data["group"].toInt());
    const double eps = ctx->saved_data["eps"].toDouble();
    const Tensor g = gradients[0].to(mean.scalar_type()), precise = x.to(mean.scalar_type());
    // Of this rank's samples, with the statistics of all: Σ g · normalised x, Σ g.
    const auto [unused, of_both, of_g] =
        at::native_batch_norm_backward(g, precise, weight, {}, {}, mean, inverse, /*train=*/true, eps, {false, true, true});
    const Tensor sums = at::stack({of_g, of_both});
    group->sum(sums);
    sums.div_(static_cast<double>(x.numel() / x.size(1) * group->size()));
    // (g − mean g − normalised x · mean(g · normalised x)) · weight · inverse, as factors of g and x and a rest by channel.
    const Tensor factor = weight * inverse, of_x = -factor * inverse * sums[1], rest = -factor * sums[0] - of_x * mean;
    const Tensor dx = at::addcmul(at::addcmul(by_channel(rest, x), precise, by_channel(of_x, x)), g, by_channel(factor, x));
    return {dx.to(x.scalar_type()), of_both, of_g, Tensor(), Tensor()};
  }
};

}  // namespace

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
  if (of_batch && pass.group) {
    const auto out = SyncedBatchNorm::apply(x, weight, bias, eps, pass.group);
    if (moves) {
      const NoGradGuard no_grad;
      const double samples = static_cast<double>(x.numel() / x.size(1) * pass.group->size());
      const_cast<Tensor&>(running_mean).lerp_(out[1].to(running_mean.scalar_type()), momentum);
      const_cast<Tensor&>(running_var).lerp_(out[2].to(running_var.scalar_type()) * (samples / (samples - 1)), momentum);
    }
    return out[0];
  }
  // Without running statistics the operator normalises with the batch's and moves nothing.
  const Tensor none;
  const bool given = moves || !of_batch;
  return at::batch_norm(x, weight, bias, given ? running_mean : none, given ? running_var : none, of_batch, momentum, eps,
                        /*cudnn_enabled=*/true);
}

}  // namespace gd
