#include "kernels/dropout.h"

#include "core/draw.h"
#include "core/error.h"
#include "kernels/dropout_mask.h"

#include <ATen/ATen.h>
#ifdef GADOLINIUM_CUDA
#include <c10/cuda/CUDAStream.h>
#endif
#include <torch/csrc/autograd/custom_function.h>

namespace gd {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

DropoutType type_of(const Tensor& x) {
  switch (x.scalar_type()) {
    case at::kDouble: return DropoutType::f64;
    case at::kFloat: return DropoutType::f32;
    case at::kHalf: return DropoutType::f16;
    case at::kBFloat16: return DropoutType::bf16;
    default: fail("bad-dropout", "expected floating numbers for dropout but got ", x.scalar_type());
  }
}

Tensor apply_mask(const Tensor& x, const DropoutPlan& plan) {
  const Tensor in = x.contiguous();
  const Tensor out = at::empty_like(in, at::MemoryFormat::Contiguous);
  const DropoutType type = type_of(x);
#ifdef GADOLINIUM_CUDA
  if (in.is_cuda()) {
    dropout_cuda(in.const_data_ptr(), out.mutable_data_ptr(), type, plan, c10::cuda::getCurrentCUDAStream().stream());
    return out;
  }
#endif
  expect(in.is_cpu(), "no-kernel", "expected a tensor on the CPU for dropout in this build but got one on ", x.device());
  dropout_cpu(in.const_data_ptr(), out.mutable_data_ptr(), type, plan);
  return out;
}

struct Plan : torch::CustomClassHolder {
  explicit Plan(const DropoutPlan& plan) : plan(plan) {}
  DropoutPlan plan;
};

struct Dropout : torch::autograd::Function<Dropout> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const DropoutPlan& plan) {
    ctx->saved_data["plan"] = c10::IValue::make_capsule(c10::make_intrusive<Plan>(plan));
    return apply_mask(x, plan);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    const auto capsule = ctx->saved_data["plan"].toCapsule();
    const DropoutPlan& plan = static_cast<const Plan&>(*capsule).plan;
    // Linear in x: the gradient of the gradient is the same mask once more.
    return {Dropout::apply(gradients[0], plan), Tensor()};
  }
};

}  // namespace

Tensor dropout(const Tensor& x, double p, Pass& pass) {
  expect(p >= 0 && p < 1, "bad-dropout", "expected a probability of at least 0 and below 1 for dropout but got ", p);
  if (!pass.training || p == 0) return x;
  const uint64_t site = pass.site++;
  if (x.numel() == 0) return x;
  DropoutPlan plan;
  plan.rows = x.dim() == 0 ? 1 : x.size(0);
  plan.width = x.numel() / plan.rows;
  plan.first_row = pass.first_row;
  plan.key = key(pass.seed, site);
  plan.threshold = static_cast<uint32_t>(std::min(p * 4294967296.0, 4294967295.0));
  plan.scale = 1 / (1 - p);
  return Dropout::apply(x, plan);
}

Tensor drop_path(const Tensor& x, double p, Pass& pass) {
  if (!pass.training || p == 0) return dropout(x, p, pass);  // x itself, after the check of p
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[0] = x.size(0);
  const Tensor alive = at::ones(shape, x.options().requires_grad(false));
  return x * dropout(alive, p, pass);
}

}  // namespace gd
