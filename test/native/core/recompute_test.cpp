#include "core/recompute.h"

#include "kernels/dropout.h"
#include "test.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>

using namespace gd;

namespace {

struct Outcome {
  Tensor y, x_gradient;
  std::vector<Tensor> gradients;
  uint64_t site;
};

// Runs `block` on x with and without recomputation, and lets each parameter of `parameters` give its gradient.
Outcome outcome(bool recomputed, const std::vector<Tensor>& parameters, bool x_needs_gradient,
                const std::function<Tensor(const Tensor&, Pass&)>& block, const Tensor& start) {
  for (const Tensor& p : parameters) p.mutable_grad().reset();
  const Tensor x = start.detach().clone().set_requires_grad(x_needs_gradient);
  Pass pass;
  pass.training = true;
  pass.recompute = recomputed;
  pass.seed = 3;
  const Tensor y = recompute(x, pass, parameters, block);
  y.pow(2).sum().backward();
  Outcome out{y.detach(), x.grad(), {}, pass.site};
  for (const Tensor& p : parameters) out.gradients.push_back(p.grad());
  return out;
}

void expect_same(const Outcome& a, const Outcome& b) {
  EXPECT(at::equal(a.y, b.y));
  EXPECT(a.site == b.site);
  EXPECT(a.x_gradient.defined() == b.x_gradient.defined());
  if (a.x_gradient.defined()) EXPECT(at::equal(a.x_gradient, b.x_gradient));
  for (size_t i = 0; i < a.gradients.size(); ++i) {
    EXPECT(a.gradients[i].defined() == b.gradients[i].defined());
    if (a.gradients[i].defined()) EXPECT(at::equal(a.gradients[i], b.gradients[i]));
  }
}

Tensor leaf(at::IntArrayRef shape) { return at::randn(shape).set_requires_grad(true); }

}  // namespace

TEST("recompute: gradients are bit-equal with dropout on, with frozen and unused parameters, with and without a gradient of x") {
  at::manual_seed(1);
  const Tensor w1 = leaf({8, 8}), w2 = leaf({8, 8}), unused = leaf({3}), frozen = at::randn({8, 8});
  const auto block = [&](const Tensor& x, Pass& pass) {
    const Tensor hidden = dropout(at::gelu(at::linear(x, w1)), 0.5, pass);
    return x + drop_path(dropout(at::linear(at::linear(hidden, frozen), w2), 0.2, pass), 0.3, pass);
  };
  const Tensor x = at::randn({5, 8});
  for (const bool needs : {true, false})
    expect_same(outcome(false, {w1, w2, unused, frozen}, needs, block, x),
                outcome(true, {w1, w2, unused, frozen}, needs, block, x));
}

TEST("recompute: the block runs again in the backward only, and not at all without gradients") {
  const Tensor w = leaf({4, 4});
  int runs = 0;
  const auto block = [&](const Tensor& x, Pass&) {
    ++runs;
    return at::linear(x, w).tanh();
  };
  Pass pass;
  pass.recompute = true;
  {
    const NoGradGuard no_grad;
    EXPECT(!recompute(at::ones({2, 4}), pass, {w}, block).requires_grad());
    EXPECT(runs == 1);
  }
  const Tensor y = recompute(at::ones({2, 4}), pass, {w}, block);
  EXPECT(runs == 2);
  y.sum().backward();
  EXPECT(runs == 3);
}

TEST("recompute: blocks within blocks") {
  at::manual_seed(2);
  const Tensor w1 = leaf({6, 6}), w2 = leaf({6, 6});
  const auto inner = [&](const Tensor& x, Pass& pass) { return dropout(at::linear(x, w1).relu(), 0.5, pass); };
  const auto outer = [&](const Tensor& x, Pass& pass) {
    const Tensor middle = recompute(x, pass, {w1}, inner);
    return at::linear(dropout(recompute(middle, pass, {w1}, inner), 0.5, pass), w2);
  };
  const Tensor x = at::randn({4, 6});
  expect_same(outcome(false, {w1, w2}, true, outer, x), outcome(true, {w1, w2}, true, outer, x));
}

TEST("recompute: many blocks one after the other, each within the backward of the next") {
  at::manual_seed(3);
  std::vector<Tensor> weights;
  for (int i = 0; i < 200; ++i) weights.push_back((at::randn({4, 4}) * 0.4).set_requires_grad(true));
  const auto chain = [&](bool recomputed) {
    Pass pass;
    pass.recompute = recomputed;
    Tensor x = at::ones({2, 4});
    for (const Tensor& w : weights) {
      w.mutable_grad().reset();
      x = recompute(x, pass, {w}, [w](const Tensor& in, Pass&) { return in + at::linear(in, w).tanh(); });
    }
    x.sum().backward();
    std::vector<Tensor> gradients;
    for (const Tensor& w : weights) gradients.push_back(w.grad().flatten());
    return at::cat(gradients);
  };
  EXPECT(at::equal(chain(false), chain(true)));
}

TEST("recompute: autocast as in the forward, and no cast weight stays behind for a later use") {
  at::manual_seed(4);
  const Tensor w = leaf({8, 8}), ones = at::ones({3, 8});
  const auto block = [&](const Tensor& x, Pass&) { return at::linear(at::linear(x, w).tanh(), w); };
  const auto in_autocast = [](const auto& body) {
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::increment_nesting();
    const Tensor out = body();
    EXPECT(out.scalar_type() == at::kBFloat16);
    EXPECT(at::autocast::is_autocast_cache_enabled());
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
    return out;
  };
  const auto gradient = [&](bool recomputed) {
    w.mutable_grad().reset();
    Pass pass;
    pass.recompute = recomputed;
    const Tensor x = ones.clone().set_requires_grad(true);
    // The use after the block, in the same region, must still reach the weight.
    const Tensor y = in_autocast([&] { return at::linear(recompute(x, pass, {w}, block), w); });
    y.to(at::kFloat).sum().backward();
    EXPECT(!at::autocast::is_autocast_enabled(at::kCPU));
    return w.grad();
  };
  // Not bit-equal: one of the two sums the gradients of the weight's uses in bfloat16.
  const Tensor plain = gradient(false), again = gradient(true);  // in this order: the recomputed one is the last
  EXPECT(at::allclose(plain, again, 2e-2, 2e-2));
  // The backward cast the weight outside any region: the next region must see the weight as it is then.
  {
    const NoGradGuard no_grad;
    w.mul_(3);
  }
  const Tensor seen = in_autocast([&] { return at::linear(ones, w); });
  EXPECT(at::allclose(seen.to(at::kFloat), at::linear(ones, w), 2e-2, 2e-2));
}

TEST("recompute: a changed input and a second derivative are refused") {
  const Tensor w = leaf({4, 4});
  Pass pass;
  pass.recompute = true;
  const auto block = [&](const Tensor& x, Pass&) { return at::linear(x, w).tanh(); };
  const Tensor y = recompute(at::ones({2, 4}), pass, {w}, block);
  {
    const NoGradGuard no_grad;
    w.mul_(2);
  }
  EXPECT_THROWS(y.sum().backward(), "modified by an inplace operation");
  const Tensor z = recompute(at::ones({2, 4}), pass, {w}, block).sum();
  EXPECT_THROWS(torch::autograd::grad({z}, {w}, {}, /*retain_graph=*/true, /*create_graph=*/true), "expected first derivatives");
}
