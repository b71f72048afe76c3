#include "heads/layers/linear.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>

namespace gd {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// libtorch's linear in float32 asks MKL, which has no AVX-512 code for processors that are not Intel's: there oneDNN, the other
// library inside libtorch, is 1.1 to 1.5 times as fast (test/bench/README.md). This operator of it takes ordinary strided tensors.
using OneDnnLinear = Tensor(const Tensor&, const Tensor&, const std::optional<Tensor>&, std::string_view,
                            c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);

const std::optional<c10::TypedOperatorHandle<OneDnnLinear>>& one_dnn() {
  static const auto found = []() -> std::optional<c10::TypedOperatorHandle<OneDnnLinear>> {
#if defined(__x86_64__) && defined(__GNUC__)
    if (__builtin_cpu_is("intel")) return std::nullopt;
    const auto handle = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    if (handle && handle->hasKernelForDispatchKey(c10::DispatchKey::CPU)) return handle->typed<OneDnnLinear>();
#endif
    return std::nullopt;
  }();
  return found;
}

// x [rows, in], weight [out, in], both of any strides.
Tensor by_one_dnn(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias = std::nullopt) {
  return one_dnn()->call(x, weight, bias, "none", c10::List<std::optional<at::Scalar>>(), "");
}

struct FastLinear : torch::autograd::Function<FastLinear> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
    ctx->save_for_backward({x, weight});
    ctx->saved_data["bias"] = bias.has_value();
    at::AutoDispatchBelowADInplaceOrView below;
    auto sizes = x.sizes().vec();
    sizes.back() = weight.size(0);
    return by_one_dnn(x.reshape({-1, x.size(-1)}), weight, bias).view(sizes);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1];
    const Tensor g = gradients[0].reshape({-1, weight.size(0)});
    Tensor dx, dweight, dbias;
    if (ctx->needs_input_grad(0)) {
      // oneDNN's operator has no derivative: where one is wanted of this, the ordinary product.
      dx = (c10::GradMode::is_enabled() ? at::mm(g, weight) : by_one_dnn(g, weight.t())).view(x.sizes());
    }
    // Here the inner dimension is the number of rows, for which MKL is as fast.
    if (ctx->needs_input_grad(1)) dweight = at::mm(g.t(), x.reshape({-1, x.size(-1)}));
    if (ctx->saved_data["bias"].toBool() && ctx->needs_input_grad(2)) dbias = g.sum(0);
    return {dx, dweight, dbias};
  }
};

bool fast(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  constexpr int64_t worth = int64_t{1} << 20;  // multiplications; below, calls cost more than they do
  return x.is_cpu() && x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat && x.dim() >= 2 &&
         x.size(-1) == weight.size(1) && (!bias.defined() || bias.scalar_type() == at::kFloat) &&
         x.numel() * weight.size(0) >= worth && !at::autocast::is_autocast_enabled(at::kCPU) && one_dnn();
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (!fast(x, weight, bias)) return at::linear(x, weight, bias);
  return FastLinear::apply(x, weight, bias.defined() ? std::optional(bias) : std::nullopt);
}

}  // namespace gd
