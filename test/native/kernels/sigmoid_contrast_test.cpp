#include "kernels/sigmoid_contrast.h"

#include "kernels/sigmoid_contrast_reference.h"
#include "kernels/sigmoid_contrast_tiles.h"
#include "laws/gradients.h"
#include "test.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <limits>

using namespace gd;

namespace {

Tensor normal(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::TensorOptions(at::kDouble));
}
Tensor unit(const Tensor& x) { return x / x.norm(2, 1, true).clamp_min(1e-12); }

struct Case {
  std::string name;
  Tensor a, b, scale, bias;  // float64
  SigmoidContrastPlan plan;
};

Case random_case(int64_t n, int64_t m, int64_t width, double scale, double bias) {
  Case out{c10::str("random ", n, "×", m, "×", width), unit(normal({n, width}, 1)),          unit(normal({m, width}, 2)),
           at::scalar_tensor(scale, at::kDouble),      at::scalar_tensor(bias, at::kDouble), {}};
  out.plan.row_partner = at::arange(n).remainder(m);
  return out;
}

// Masks, excluded and further positive pairs, labels, weights, rows without partner and a scale for each row.
void everything(Case& made) {
  const int64_t n = made.a.size(0), m = made.b.size(0);
  SigmoidContrastPlan& plan = made.plan;
  const auto pairs = [&](int64_t every, Tensor& offsets, Tensor& columns) {
    std::vector<int64_t> starts{0};
    std::vector<int> found;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < m; ++j)
        if ((i * 31 + j * 17) % every == 0) found.push_back(static_cast<int>(j));
      starts.push_back(static_cast<int64_t>(found.size()));
    }
    offsets = at::tensor(starts, at::kLong);
    columns = at::tensor(found, at::kInt);
  };
  pairs(7, plan.excluded_offsets, plan.excluded_columns);
  pairs(5, plan.positive_offsets, plan.positive_columns);
  plan.row_there = at::arange(n).remainder(5) != 3;
  plan.column_there = at::arange(m).remainder(7) != 2;
  plan.row_labels = (normal({n, 5}, 11) > 1).to(at::kDouble);
  plan.column_labels = (normal({m, 5}, 12) > 1).to(at::kDouble);
  plan.row_partner = plan.row_partner.masked_fill(at::arange(n).remainder(4) == 1, -1);
  plan.weight = normal({n}, 14).abs();
  made.scale = normal({n}, 13).abs() * 5 + 1;
}

SigmoidContrastPlan plan_as(SigmoidContrastPlan plan, at::ScalarType type) {
  for (Tensor* x : {&plan.row_labels, &plan.column_labels, &plan.weight})
    if (x->defined()) *x = x->to(type);
  return plan;
}

struct Run {
  Tensor total, a, b, scale, bias;
};

template <class How>
Run run(const Case& made, at::ScalarType type, const How& how) {
  const auto leaf = [&](const Tensor& x) { return x.to(type).clone().set_requires_grad(true); };
  const Tensor a = leaf(made.a), b = leaf(made.b), scale = leaf(made.scale), bias = leaf(made.bias);
  const Tensor total = how(a, b, scale, bias, plan_as(made.plan, type));
  total.backward();
  return {total.detach(), a.grad(), b.grad(), scale.grad(), bias.grad()};
}

Tensor by_kernel(const Tensor& a, const Tensor& b, const Tensor& scale, const Tensor& bias, const SigmoidContrastPlan& plan) {
  return sigmoid_contrast(a, b, scale, bias, plan).total;
}

void expect_as_good(const std::string& what, const Tensor& ours, const Tensor& composed, const Tensor& reference) {
  const auto error = [&](const Tensor& x) { return (x.to(at::kDouble) - reference).abs().max().item<double>(); };
  const double rounding = 1.2e-7 * reference.abs().max().item<double>() + 1e-9;
  if (error(ours) <= 2 * error(composed) + rounding) return;
  native_test::fail(__FILE__, __LINE__,
                    c10::str(what, ": expected an error of at most twice ", error(composed), " but got ", error(ours)));
}

void check(Case made) {
  for (Tensor* x : {&made.a, &made.b, &made.scale, &made.bias}) *x = x->to(at::kFloat).to(at::kDouble);
  if (made.plan.weight.defined()) made.plan.weight = made.plan.weight.to(at::kFloat).to(at::kDouble);
  SigmoidContrastReference reference =
      sigmoid_contrast_reference(made.a, made.b, made.scale, made.bias.item<double>(), made.plan);
  const Tensor total = (made.plan.weight.defined() ? reference.row_sum * made.plan.weight : reference.row_sum).sum();
  if (made.scale.dim() == 0) reference.scale = reference.scale.sum();
  const Run ours = run(made, at::kFloat, by_kernel), composed = run(made, at::kFloat, sigmoid_contrast_composed);
  expect_as_good(made.name + " total", ours.total, composed.total, total);
  expect_as_good(made.name + " gradient of a", ours.a, composed.a, reference.a);
  expect_as_good(made.name + " gradient of b", ours.b, composed.b, reference.b);
  expect_as_good(made.name + " gradient of scale", ours.scale, composed.scale, reference.scale);
  expect_as_good(made.name + " gradient of bias", ours.bias, composed.bias, reference.bias);
  const Run twice = run(made, at::kDouble, by_kernel);
  EXPECT(at::allclose(twice.total, total, 1e-12, 1e-12));
  EXPECT(at::allclose(twice.a, reference.a, 1e-10, 1e-13));
  EXPECT(at::allclose(twice.b, reference.b, 1e-10, 1e-13));
  EXPECT(at::allclose(twice.scale, reference.scale, 1e-10, 1e-12));
  EXPECT(at::allclose(twice.bias, reference.bias, 1e-10, 1e-12));
}

}  // namespace

TEST("sigmoid contrast: against float64, random, of all sizes") {
  for (const auto& [n, m, width] : {std::tuple(1, 1, 64),
                                    {2, 2, 64},
                                    {3, 7, 1},
                                    {127, 127, 64},
                                    {127, 127, 1024},
                                    {64, 200, 192},
                                    {300, 65, 512},
                                    {33, 1030, 48},
                                    {1100, 40, 65},
                                    {4097, 65, 64}})
    check(random_case(n, m, width, 10, -10));
}

TEST("sigmoid contrast: against float64 at the extremes and with everything") {
  Case made = random_case(127, 127, 64, 100, 0);
  made.name = "all equal";
  made.a = made.b = unit(at::ones({127, 64}, at::kDouble));
  check(made);
  made.name = "one-hot";
  made.a = made.b = at::eye(127, at::kDouble);
  check(made);
  made.name = "±100";
  made.a = unit(at::ones({127, 64}, at::kDouble)) * (at::arange(127).remainder(2) * 2 - 1).unsqueeze(1);
  made.b = unit(at::ones({127, 64}, at::kDouble));
  check(made);
  for (const auto& [n, m, width] : {std::tuple(3, 3, 8), {40, 61, 32}, {130, 70, 64}, {20, 600, 16}}) {
    Case whole = random_case(n, m, width, 1, -2);
    whole.name = c10::str("everything ", n, "×", m);
    everything(whole);
    check(whole);
  }
}

TEST("sigmoid contrast: gradients equal finite differences, times what comes from above") {
  for (const bool whole : {false, true}) {
    Case made = random_case(7, 9, 6, 3, -1);
    if (whole) everything(made);
    std::vector<Tensor> leaves;
    for (const Tensor& x : {made.a, made.b, made.scale, made.bias}) leaves.push_back(x.clone().set_requires_grad(true));
    check_gradients("sigmoid contrast", leaves, [&] {
      return sigmoid_contrast(leaves[0], leaves[1], leaves[2], leaves[3], made.plan).total.square() * 0.01;
    });
  }
}

TEST("sigmoid contrast: ranks, half types, blocks of rows, nothing asked for") {
  Case made = random_case(130, 75, 16, 3, -1);
  made.a = made.a.index_select(0, at::arange(130).remainder(20));  // many ties
  const Tensor a = made.a.to(at::kFloat), b = made.b.to(at::kFloat), scale = made.scale.to(at::kFloat),
               bias = made.bias.to(at::kFloat);
  const SigmoidContrastTotal whole = sigmoid_contrast(a, b, scale, bias, made.plan);
  EXPECT(!whole.total.requires_grad());
  const Tensor z = at::matmul(a.to(at::kDouble), b.to(at::kDouble).t());
  const Tensor own = z.gather(1, made.plan.row_partner.unsqueeze(1));
  EXPECT(at::equal(whole.row_rank, ((z > own).sum(1) + 1).to(at::kInt)));

  Tensor sums = at::zeros({});
  for (int64_t first = 0; first < 130; first += 50) {
    SigmoidContrastPlan plan;
    plan.row_partner = made.plan.row_partner.slice(0, first, first + 50);
    sums += sigmoid_contrast(a.slice(0, first, first + 50), b, scale, bias, plan).total;
  }
  EXPECT_CLOSE(sums.item<double>(), whole.total.item<double>(), 1e-6);

  const SigmoidContrastTotal half = sigmoid_contrast(a.to(at::kBFloat16), b.to(at::kBFloat16), scale, bias, made.plan);
  const SigmoidContrastTotal same =
      sigmoid_contrast(a.to(at::kBFloat16).to(at::kFloat), b.to(at::kBFloat16).to(at::kFloat), scale, bias, made.plan);
  EXPECT(at::equal(half.row_sum, same.row_sum));
  EXPECT_THROWS(sigmoid_contrast(a, b, scale, at::ones({2}), made.plan), "expected one number for bias but got [2]");
}

TEST("sigmoid contrast: every element of every output is written, whatever lay in memory") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Case made = random_case(130, 600, 33, 10, -1);
  everything(made);
  const SigmoidContrastPlan plan = plan_as(made.plan, at::kFloat);
  const Tensor a = at::where(plan.row_there.unsqueeze(1), made.a.to(at::kFloat), at::full({}, nan));
  const Tensor b = at::where(plan.column_there.unsqueeze(1), made.b.to(at::kFloat), at::full({}, nan));
  const Tensor scale = made.scale.to(at::kFloat), bias = made.bias.to(at::kFloat);
  SigmoidContrastProblem p;
  p.rows = 130, p.columns = 600, p.width = 33, p.a_stride = p.b_stride = 33;
  p.a = a.const_data_ptr(), p.b = b.const_data_ptr(), p.scale = scale.const_data_ptr(), p.scale_by_row = true;
  p.bias = bias.const_data_ptr(), p.weight = plan.weight.const_data_ptr();
  p.row_there = static_cast<const uint8_t*>(plan.row_there.const_data_ptr());
  p.column_there = static_cast<const uint8_t*>(plan.column_there.const_data_ptr());
  p.excluded_offsets = plan.excluded_offsets.const_data_ptr<int64_t>();
  p.excluded_columns = plan.excluded_columns.const_data_ptr<int32_t>();
  p.row_labels = plan.row_labels.const_data_ptr(), p.column_labels = plan.column_labels.const_data_ptr();
  p.label_width = 5, p.row_partner = plan.row_partner.const_data_ptr<int64_t>();
  std::vector<Tensor> outputs;
  const auto poisoned = [&](at::IntArrayRef shape) {
    outputs.push_back(at::full(shape, nan));
    return outputs.back().mutable_data_ptr();
  };
  const Tensor rank = at::full({130}, -7, at::kInt), workspace = at::full({sigmoid_contrast_workspace_cpu(p)}, 255, at::kByte);
  const SigmoidContrastResult to{poisoned({130}),     rank.mutable_data_ptr<int32_t>(),
                                 poisoned({130, 33}), poisoned({600, 33}),
                                 poisoned({130}),     poisoned({130})};
  sigmoid_contrast_cpu(p, to, workspace.mutable_data_ptr());
  for (const Tensor& output : outputs) EXPECT(!output.isnan().any().item<bool>());
  EXPECT((rank >= 0).all().item<bool>());
  EXPECT(outputs[0].masked_select(~plan.row_there).eq(0).all().item<bool>());
}
