#include "heads/layers/linear.h"

#include "test.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>

using namespace gd;

namespace {

struct Outcome {
  Tensor y, dx, dweight, dbias;
};

Tensor leaf(const Tensor& x) { return x.detach().clone(at::MemoryFormat::Preserve).set_requires_grad(true); }

template <typename Apply>
Outcome run(const Apply& apply, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const Tensor a = leaf(x), w = leaf(weight), b = bias.defined() ? leaf(bias) : Tensor();
  Outcome out;
  out.y = apply(a, w, b);
  torch::autograd::backward({(out.y * out.y.detach().cos()).sum()}, {});
  out.dx = a.grad();
  out.dweight = w.grad();
  if (b.defined()) out.dbias = b.grad();
  return out;
}

double apart(const Tensor& a, const Tensor& b) {
  const Tensor exact = b.to(at::kDouble);
  return ((a.to(at::kDouble) - exact).abs().max() / exact.abs().max().clamp_min(1e-12)).item<double>();
}

void same(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const Outcome ours = run([](const auto&... t) { return linear(t...); }, x, weight, bias);
  const Outcome exact = run([](const auto&... t) { return at::linear(t...); }, x.to(at::kDouble), weight.to(at::kDouble),
                            bias.defined() ? bias.to(at::kDouble) : Tensor());
  EXPECT(ours.y.scalar_type() == at::kFloat);
  EXPECT(ours.y.sizes() == exact.y.sizes());
  EXPECT_CLOSE(apart(ours.y, exact.y), 0, 2e-6);
  EXPECT_CLOSE(apart(ours.dx, exact.dx), 0, 2e-5);
  EXPECT_CLOSE(apart(ours.dweight, exact.dweight), 0, 2e-5);
  EXPECT(ours.dbias.defined() == bias.defined());
  if (bias.defined()) EXPECT_CLOSE(apart(ours.dbias, exact.dbias), 0, 2e-5);
}

}  // namespace

TEST("linear: equals libtorch's in double, value and gradients, large and small, with strides and without a bias") {
  const Tensor weight = at::randn({96, 256}) / 16, bias = at::randn({96});
  same(at::randn({64, 256}), weight, bias);         // large enough for oneDNN
  same(at::randn({3, 256}), weight, bias);          // too small for it
  same(at::randn({4, 33, 256}), weight, Tensor());  // [B, T, D]
  same(at::randn({64, 7, 512}).slice(2, 0, 256), weight, bias);
  same(at::randn({256, 77}).t(), at::randn({256, 96}).t() / 16, bias);
}

TEST("linear: a derivative of its derivative exists") {
  const auto second = [](const auto& apply, at::ScalarType type) {
    const Tensor x = leaf(at::linspace(-1, 1, 64 * 256).view({64, 256}).to(type));
    const Tensor w = leaf(at::linspace(1, -2, 96 * 256).view({96, 256}).to(type));
    const Tensor y = apply(x, w, Tensor()).pow(3).sum();
    const auto first = torch::autograd::grad({y}, {x}, {}, /*retain_graph=*/true, /*create_graph=*/true);
    return torch::autograd::grad({first[0].pow(2).sum()}, {w})[0];
  };
  const Tensor ours = second([](const auto&... t) { return linear(t...); }, at::kFloat);
  EXPECT_CLOSE(apart(ours, second([](const auto&... t) { return at::linear(t...); }, at::kDouble)), 0, 1e-4);
}

TEST("linear: autocast decides its type") {
  at::autocast::set_autocast_enabled(at::kCPU, true);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  const Tensor y = linear(at::randn({64, 256}), at::randn({96, 256}), Tensor());
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT(y.scalar_type() == at::kBFloat16);
}
