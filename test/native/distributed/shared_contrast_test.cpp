// Kernels whose work ranks share give every rank what one process has.
#include "distributed/in_ranks.h"
#include "kernels/contrast.h"
#include "kernels/sigmoid_contrast.h"
#include "kernels/word_region.h"
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
  for (const Tensor& x : {found.row_lse, found.column_lse, found.row_own, found.column_own, found.row_target, found.column_target,
                          found.row_hard_lse, found.column_hard_lse, found.pair_score}) {
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

// This rank's samples of `whole`, from both sides.
Tensor mine_of(const Tensor& whole, Group& group) {
  const int64_t count = whole.size(0) / group.size();
  return whole.narrow(0, group.rank() * count, count);
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
  for (const int64_t world : {1, 2, 3, 4}) {
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

void excluding(ContrastPlan& plan) {
  plan.excluded_offsets = at::arange(rows + 1, at::kLong) * 2;
  plan.excluded_columns = at::tensor({3, 7}, at::kInt).repeat({rows});
}

}  // namespace

TEST("ranks: the shared soft-max contrast, partners, masks, excluded and listed pairs, a hardness and a scale for each row") {
  ContrastPlan plan;
  plan.row_partner = partners(rows, columns);
  plan.column_partner = partners(columns, rows);
  equals_alone(plan);
  plan.row_there = there(rows);
  plan.column_there = there(columns);
  equals_alone(plan, /*many_scales=*/true);
  excluding(plan);
  plan.pair_offsets = at::arange(rows + 1, at::kLong) * 3;
  plan.pair_columns = at::tensor({1, 7, 30}, at::kInt).repeat({rows});
  plan.hardness = 0.6;
  equals_alone(plan, /*many_scales=*/true);
}

TEST("ranks: the shared soft-max contrast against soft targets, and with excluded pairs") {
  ContrastPlan plan;
  plan.row_labels = at::rand({rows, 4}).gt(0.5).to(at::kFloat);
  plan.column_labels = at::rand({columns, 4}).gt(0.5).to(at::kFloat);
  plan.label_temperature = 0.5;
  equals_alone(plan);
  excluding(plan);
  equals_alone(plan);
}

TEST("ranks: the soft-max contrast in a ring, of which each rank holds its samples alone") {
  // Partners of the same rank for any number of them
  const auto partner = [](int64_t from, int64_t to) {
    const Tensor out = (at::arange(from, at::kLong) * to).floor_divide(from);
    out[5] = -1;
    return out;
  };
  const auto outcome = [&](const ContrastPlan& whole, bool many_scales, Group* group) {
    const Inputs in(many_scales);
    const auto mine = [&](const Tensor& x) { return group && x.defined() ? mine_of(x, *group) : x; };
    ContrastPlan plan = whole;
    for (Tensor* x : {&plan.row_there, &plan.column_there, &plan.row_labels, &plan.column_labels}) *x = mine(*x);
    if (group && plan.row_partner.defined()) {
      const auto own = [&](const Tensor& x, int64_t others) {
        const Tensor part = mine(x);
        return at::where(part < 0, part, part - group->rank() * (others / group->size()));
      };
      plan.row_partner = own(plan.row_partner, columns);
      plan.column_partner = own(plan.column_partner, rows);
    }
    const Tensor scale = many_scales ? mine(in.scale) : in.scale;
    const Contrast found =
        group ? contrast_in_ring(mine(in.a), mine(in.b), scale, plan, *group) : contrast(in.a, in.b, scale, plan);
    Tensor loss = at::zeros({}, at::kFloat);
    std::vector<Tensor> out;
    double weight = 1;
    for (const Tensor& x : {found.row_lse, found.column_lse, found.row_own, found.column_own, found.row_target,
                            found.column_target, found.row_hard_lse, found.column_hard_lse}) {
      weight *= 0.8;
      if (!x.defined()) continue;
      out.push_back(group ? group->gather(x).flatten(0, 1) : x.detach());
      loss = loss + (x * mine(at::linspace(weight, -0.5, out.back().size(0)))).sum();
    }
    for (const Tensor& x : {found.row_rank, found.column_rank})
      if (x.defined()) out.push_back((group ? group->gather(x).flatten(0, 1) : x).to(at::kFloat));
    torch::autograd::backward({loss}, {});
    for (const Tensor& x : {in.a.grad(), in.b.grad(), in.scale.grad()}) {
      if (group) group->sum(x);  // zeros where samples are another rank's
      out.push_back(x);
    }
    return out;
  };
  ContrastPlan partners, masked, labelled;
  partners.row_partner = partner(rows, columns);
  partners.column_partner = partner(columns, rows);
  masked = partners;
  masked.row_there = there(rows);
  masked.column_there = there(columns);
  masked.hardness = 0.6;
  labelled.row_labels = at::rand({rows, 4}).gt(0.5).to(at::kFloat);
  labelled.column_labels = at::rand({columns, 4}).gt(0.5).to(at::kFloat);
  labelled.label_temperature = 0.5;
  labelled.column_there = there(columns);
  for (const bool many_scales : {false, true})
    for (const ContrastPlan& plan : {partners, masked, labelled, ContrastPlan{}}) {
      const auto alone = outcome(plan, many_scales, nullptr);
      for (const int64_t world : {1, 2, 3, 4}) {
        std::vector<std::vector<Tensor>> of_ranks(static_cast<size_t>(world));
        in_ranks(world, [&](int64_t rank, std::shared_ptr<MeetingPoint> point, uint16_t port) {
          ProcessGroup group(meeting(rank, world, port), std::move(point));
          of_ranks[static_cast<size_t>(rank)] = outcome(plan, many_scales, &group);
        });
        for (const auto& found : of_ranks) same(alone, found);
      }
    }
}

TEST("ranks: the shared scores of words and regions, with unequal numbers of both") {
  const int64_t images = 12, regions = 9, texts = 7, words = 5;
  const auto outcome = [&](int64_t size, Group* group) {
    const auto wave = [size](int64_t samples, int64_t length, double phase) {
      return (at::arange(samples * length * size, at::kDouble) * 0.7 + phase)
          .sin()
          .to(at::kFloat)
          .view({samples, length, size})
          .set_requires_grad(true);
    };
    const Tensor v = wave(images, regions, 0), e = wave(texts, words, 1);
    const auto first = [](int64_t samples, int64_t length) {
      return at::arange(length).unsqueeze(0) <= at::arange(samples).unsqueeze(1).remainder(length);
    };
    const Tensor z = word_region(v, e, first(texts, words), first(images, regions), {}, group);
    (z * at::linspace(1, -0.5, z.numel()).view(z.sizes())).sum().backward();
    return std::vector<Tensor>{z.detach(), v.grad(), e.grad()};
  };
  for (const int64_t size : {8, 64}) {  // with and without products of regions
    const auto alone = outcome(size, nullptr);
    for (const int64_t world : {1, 2, 3, 4})
      in_ranks(world, [&](int64_t rank, std::shared_ptr<MeetingPoint> point, uint16_t port) {
        ProcessGroup group(meeting(rank, world, port), std::move(point));
        same(alone, outcome(size, &group));
      });
  }
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
  for (const int64_t world : {1, 2, 3, 4})
    in_ranks(world, [&](int64_t rank, std::shared_ptr<MeetingPoint> point, uint16_t port) {
      ProcessGroup group(meeting(rank, world, port), std::move(point));
      same(alone, outcome(&group));
    });
}

}  // namespace gd
