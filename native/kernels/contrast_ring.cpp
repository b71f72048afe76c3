// Contrasts of a batch that no rank holds whole: each keeps its rows, and the columns of all pass by.
#include "core/group.h"
#include "kernels/contrast.h"
#include "kernels/contrast_outputs.h"
#include "kernels/contrast_sides.h"

#include <torch/csrc/autograd/custom_function.h>

#include <limits>

namespace gd {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr double never = -std::numeric_limits<double>::infinity();

// Columns on their way around the ranks, with what the loops must know of them: numbers of each column in rows of one matrix, [k, M].
struct Visitors {
  Tensor b, there, facts;
  int64_t labels;

  Visitors(const Tensor& b, const ContrastPlan& plan, std::vector<Tensor> numbers) : b(b), labels(0) {
    const at::ScalarType real = real_type_of(b);
    const auto options = b.options().dtype(real);
    facts = at::stack(numbers).to(real);
    if (plan.column_there.defined()) facts = at::cat({facts, plan.column_there.to(real).unsqueeze(0)});
    if (plan.column_labels.defined()) {
      labels = plan.column_labels.size(1);
      facts = at::cat({facts, plan.column_labels.to(real).t()});
    }
    masked_ = plan.column_there.defined();
    first_ = static_cast<int64_t>(numbers.size());
  }
  Tensor fact(int64_t k) const { return facts[k]; }
  // The plan of this rank's rows with these columns.
  ContrastPlan plan_of(const ContrastPlan& mine, bool own) const {
    ContrastPlan out = mine;
    if (masked_) out.column_there = facts[first_] > 0.5;
    if (labels > 0) out.column_labels = facts.narrow(0, first_ + (masked_ ? 1 : 0), labels).t().contiguous();
    if (!own) out.row_partner = out.column_partner = Tensor();
    return out;
  }
  void pass_on(Group& group) {
    b = group.from_next(b);
    facts = group.from_next(facts);
  }

 private:
  bool masked_;
  int64_t first_;
};

Tensor exact(const Tensor& x, const Tensor& rest) {
  return rest.defined() ? x.to(at::kDouble) + rest.to(at::kDouble) : x.to(at::kDouble);
}

// Sums over blocks, in float64: log-sum-exps of both scores, the mean of z under the second, and how many lie above the threshold.
// As one matrix, [4, samples], so that it can travel.
struct Running {
  Tensor all;
  explicit Running(int64_t samples, const Tensor& like)
      : all(at::cat({at::full({2, samples}, never, like.options().dtype(at::kDouble)),
                     at::zeros({2, samples}, like.options().dtype(at::kDouble))})) {}
  void add(const Tensor& lse, const Tensor& rest, const Tensor& second, const Tensor& target, const Tensor& rank) {
    all[0].copy_(at::logaddexp(all[0], exact(lse, rest)));
    if (second.defined()) {
      const Tensor more = second.to(at::kDouble), whole = at::logaddexp(all[1], more);
      const auto share = [&](const Tensor& part) {
        return (part - whole).exp().nan_to_num(0);
      };  // −inf − −inf: no candidates yet
      if (target.defined()) all[2].copy_(all[2] * share(all[1]) + target.to(at::kDouble) * share(more));
      all[1].copy_(whole);
    }
    if (rank.defined()) all[3].add_((rank - 1).clamp_min(0));
  }
};

struct Sides {
  Tensor lse, rest, second, target, hard, rank, own;
};

Sides finished(const Running& sums, const ContrastPlan& plan, const Tensor& threshold, at::ScalarType real) {
  const auto finite = [](const Tensor& x) { return x.masked_fill(x == never, 0); };
  Sides out;
  const Tensor lse = finite(sums.all[0]);
  out.lse = lse.to(real);
  out.rest = (lse - out.lse.to(at::kDouble)).to(real);
  if (plan.hardness > 0 || plan.row_labels.defined()) out.second = finite(sums.all[1]).to(real);
  if (plan.hardness > 0) out.hard = out.second.clone();
  if (plan.row_labels.defined()) out.target = sums.all[2].to(real);
  if (threshold.defined()) {
    const Tensor none = at::isnan(threshold);
    out.own = threshold.masked_fill(none, 0);
    out.rank = (sums.all[3] + 1).masked_fill(none, 0).to(at::kInt);
  }
  return out;
}

struct Kept : torch::CustomClassHolder {
  ContrastPlan plan;
  ContrastSums sums;
  Group* group = nullptr;
};

struct RingFunction : torch::autograd::Function<RingFunction> {
  static variable_list forward(AutogradContext* ctx, const Tensor& a, const Tensor& b, const Tensor& scale,
                               const ContrastPlan& plan, Group* group) {
    const at::ScalarType real = real_type_of(a);
    const ContrastThresholds own = contrast_partner_scores(a, b, scale, plan);
    const Tensor bar = own.column.defined() ? own.column : at::zeros({b.size(0)}, b.options().dtype(real));
    Visitors visitors(b.detach(), plan, {bar});
    Running rows(a.size(0), a), columns(b.size(0), b);
    for (int64_t step = 0; step < group->size(); ++step) {
      const ContrastThresholds thresholds{own.row, own.column.defined() ? visitors.fact(0).contiguous() : Tensor()};
      const ContrastSums sums = contrast_sums(a, visitors.b, scale, visitors.plan_of(plan, step == 0), &thresholds);
      rows.add(sums.row_lse, sums.row_lse_rest, sums.row_label_lse, sums.row_target, sums.row_rank);
      columns.add(sums.column_lse, sums.column_lse_rest, sums.column_label_lse, sums.column_target, sums.column_rank);
      columns.all = group->from_next(columns.all);
      if (step + 1 < group->size()) visitors.pass_on(*group);
    }
    const Sides row = finished(rows, plan, own.row, real), column = finished(columns, plan, own.column, real);
    const auto kept = c10::make_intrusive<Kept>();
    kept->plan = plan;
    kept->group = group;
    kept->sums.row_lse = row.lse.detach();
    kept->sums.row_lse_rest = row.rest.detach();
    kept->sums.row_label_lse = row.second;
    kept->sums.column_lse = column.lse.detach();
    kept->sums.column_lse_rest = column.rest.detach();
    kept->sums.column_label_lse = column.second;
    ctx->save_for_backward({a, b, scale});
    ctx->saved_data["kept"] = c10::IValue::make_capsule(kept);
    ctx->set_materialize_grads(false);
    variable_list out, aside;
    for (const Tensor& x : {row.lse, column.lse, row.own, column.own, row.target, column.target, row.hard, column.hard})
      if (x.defined()) out.push_back(x);
    for (const Tensor& x : {row.rest, column.rest, row.rank, column.rank})
      if (x.defined()) aside.push_back(x);
    ctx->mark_non_differentiable(aside);
    out.insert(out.end(), aside.begin(), aside.end());
    return out;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    expect(!c10::GradMode::is_enabled(), "no-second-derivative",
           "expected one derivative of contrast but got asked for the second");
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &a = saved[0], &b = saved[1], &scale = saved[2];
    const auto capsule = ctx->saved_data["kept"].toCapsule();
    const Kept& kept = static_cast<const Kept&>(*capsule);
    const ContrastPlan& plan = kept.plan;
    const ContrastPull pull = contrast_pull(gradients, plan);

    const bool second = kept.sums.column_label_lse.defined();
    const Tensor zeros = at::zeros({b.size(0)}, b.options().dtype(real_type_of(b)));
    const auto or_zeros = [&](const Tensor& x) { return x.defined() ? x.to(zeros.scalar_type()) : zeros; };
    Visitors visitors(b.detach(), plan,
                      {kept.sums.column_lse, kept.sums.column_lse_rest, or_zeros(kept.sums.column_label_lse),
                       or_zeros(pull.column_lse), or_zeros(plan.hardness > 0 ? pull.column_hard_lse : pull.column_target)});
    Tensor of_a, of_b, of_scale;
    for (int64_t step = 0; step < kept.group->size(); ++step) {
      ContrastSums sums = kept.sums;
      sums.column_lse = visitors.fact(0);
      sums.column_lse_rest = visitors.fact(1);
      if (second) sums.column_label_lse = visitors.fact(2);
      ContrastPull of_block = pull;
      of_block.column_lse = visitors.fact(3);
      (plan.hardness > 0 ? of_block.column_hard_lse : of_block.column_target) = visitors.fact(4);
      const ContrastGradient found = contrast_gradient(a, visitors.b, scale, visitors.plan_of(plan, step == 0), sums, of_block);
      of_a = of_a.defined() ? of_a.add_(found.a) : found.a;
      of_scale = of_scale.defined() ? of_scale.add_(found.scale) : found.scale;
      of_b = kept.group->from_next(of_b.defined() ? of_b.add_(found.b) : found.b);
      if (step + 1 < kept.group->size()) visitors.pass_on(*kept.group);
    }
    if (scale.numel() == 1) of_scale = of_scale.sum(0, false, at::kDouble).reshape(scale.sizes());
    return {of_a.to(a.scalar_type()), of_b.to(b.scalar_type()), of_scale.to(scale.scalar_type()), Tensor(), Tensor()};
  }
};

}  // namespace

Contrast contrast_in_ring(const Tensor& a, const Tensor& b, const Tensor& scale, const ContrastPlan& plan, Group& group) {
  expect(!plan.excluded_offsets.defined() && !plan.pair_offsets.defined(), "no-kernel",
         "expected no lists of pairs for a contrast in a ring, whose columns are this rank's own, but got some");
  return contrast_outputs(RingFunction::apply(a, b, scale, plan, &group), plan);
}

}  // namespace gd
