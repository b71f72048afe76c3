// Kernels whose work ranks share give every rank what one process has.
#include "distributed/in_ranks.h"
#include "kernels/contrast.h"
#include "kernels/sigmoid_contrast.h"
#include "test.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

namespace gd {
namespace {

constexpr int64_t rows = 24, columns = 36, width = 64;

struct Inputs {
  Tensor a, b, scale, bias;
  explicit Inputs(bool many_scales = false) {
    const auto wave = [](at::IntArrayRef sizes, double phase) {
      int64_t count = 1;
      for (const int64_t size : sizes) count *= size;
      return (at::arange(count, at::kDouble) * 0.7 + phase).sin().to(at::kFloat).view(sizes).clone().set_requires_grad(true);
    };
    a = wave({rows, width}, 0);
    b = wave({columns, width}, 1);
    scale = many_scales ? wave({rows}, 2) : at::scalar_tensor(0.2, at::kFloat).set_requires_grad(true);
    bias = at::scalar_tensor(-1.5, at::kFloat).set_requires_grad(true);
  }
};

// Everything that comes out, and every gradient of a loss that weights each of them differently.
std::vector<Tensor> outcome(const ContrastPlan& plan, bool many_scales, Group* group) {
  const Inputs in(many_scales);
  const Contrast found = contrast(in.a, in.b, in.scale, plan, group);
  Tensor loss;
  std::vector<Tensor> out;
  double weight = 1;
  for (const Tensor& x :
       {found.row_lse, found.column_lse, found.row_own, found.column_own, found.row_target, found.column_target}) {
    if (!x.defined()) continue;
    out.push_back(x.detach());
    const Tensor part = (x * at::linspace(weight, -0.5, x.size(0))).sum();
    loss = loss.defined() ? loss + part : part;
    weight *= 0.8;
  }
  for (const Tensor& x : {found.row_rank, found.column_rank})
    if (x.defined()) out.push_back(x.to(at::kFloat));
  torch::autograd::backward({loss}, {});
  for (const Tensor& x : {in.a, in.b, in.scale}) out.push_back(x.grad());
  return out;
}

void same(const std::vector<Tensor>& expected, const std::vector<Tensor>& found) {
  EXPECT(expected.size() == found.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT(expected[i].sizes() == found[i].sizes());
    const double size = expected[i].abs().max().item<double>();
    EXPECT(size > 0);
    EXPECT_CLOSE((expected[i] - found[i]).abs().max().item<double>() / size, 0, 1e-6);
  }
}

void equals_alone(const ContrastPlan& plan, bool many_scales = false) {
  const auto alone = outcome(plan, many_scales, nullptr);
  for (const int64_t world : {1, 2, 4}) {
    std::vector<std::vector<Tensor>> of_ranks(static_cast<size_t>(world));
    in_ranks(world, [&](int64_t rank, std::shared_ptr<MeetingPoint> point, uint16_t port) {
      ProcessGroup group(meeting(rank, world, port), std::move(point));
      of_ranks[static_cast<size_t>(rank)] = outcome(plan, many_scales, &group);
    });
    for (const auto& found : of_ranks) same(alone, found);
  }
}

Tensor partners(int64_t from, int64_t to) {
  const Tensor out = at::arange(from, at::kLong) * 5 % to;
  out[3] = -1;
  return out;
}

Tensor there(int64_t count) {
  const Tensor out = at::ones({count}, at::kBool);
  out[1].fill_(false);
  out[count - 2].fill_(false);
  return out;
}

}  // namespace

TEST("ranks: the shared soft-max contrast, partners, masks and a scale for each row") {
  ContrastPlan plan;
  plan.row_partner = partners(rows, columns);
  plan.column_partner = partners(columns, rows);
  equals_alone(plan);
  plan.row_there = there(rows);
  plan.column_there = there(columns);
  equals_alone(plan, /*many_scales=*/true);
}

TEST("ranks: the shared soft-max contrast against soft targets, and with excluded pairs") {
  ContrastPlan plan;
  plan.row_labels = at::rand({rows, 4}).gt(0.5).to(at::kFloat);
  plan.column_labels = at::rand({columns, 4}).gt(0.5).to(at::kFloat);
  plan.label_temperature = 0.5;
  equals_alone(plan);
  ContrastPlan excluding;
  excluding.excluded_offsets = at::arange(rows + 1, at::kLong) * 2;
  excluding.excluded_columns = at::tensor({3, 7}, at::kInt).repeat({rows});
  equals_alone(excluding);
}

TEST("ranks: the shared sigmoid contrast") {
  const auto outcome = [](Group* group) {
    const Inputs in;
    SigmoidContrastPlan plan;
    plan.row_partner = partners(rows, columns);
    plan.row_there = there(rows);
    plan.positive_offsets = at::arange(rows + 1, at::kLong);
    plan.positive_columns = (at::arange(rows, at::kInt) * 7 % columns).to(at::kInt);
    plan.weight = at::linspace(0.5, 2, rows);
    const SigmoidContrastTotal found = sigmoid_contrast(in.a, in.b, in.scale, in.bias, plan, group);
    torch::autograd::backward({found.total * 3}, {});
    return std::vector<Tensor>{found.total.detach(), found.row_sum, found.row_rank.to(at::kFloat), in.a.grad(), in.b.grad(),
                               in.scale.grad(),      in.bias.grad()};
  };
  const auto alone = outcome(nullptr);
  for (const int64_t world : {1, 2, 4})
    in_ranks(world, [&](int64_t rank, std::shared_ptr<MeetingPoint> point, uint16_t port) {
      ProcessGroup group(meeting(rank, world, port), std::move(point));
      same(alone, outcome(&group));
    });
}

}  // namespace gd
