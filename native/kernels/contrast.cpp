#include "kernels/contrast.h"
#include "kernels/contrast_outputs.h"

#include "core/range.h"
#include "kernels/contrast_sides.h"
#include "kernels/contrast_tiles.h"
#include "kernels/row_share.h"

#ifdef GADOLINIUM_CUDA
#include <c10/cuda/CUDAStream.h>
#endif
#include <torch/csrc/autograd/custom_function.h>

#include <limits>

namespace gd {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Checked arguments in the types that the loops read; keeps alive what the problem points to.
struct Arguments {
  Tensor a, b, scale;
  ContrastPlan plan;
  at::ScalarType real;

  Arguments(const Tensor& given_a, const Tensor& given_b, const Tensor& given_scale, const ContrastPlan& given) : plan(given) {
    check_features(given_a, given_b);
    real = real_type_of(given_a);
    a = rows_for_loops(given_a);
    b = rows_for_loops(given_b);
    scale = scale_argument(given_scale, a);
    const int64_t n = a.size(0), m = b.size(0);
    plan.row_there = side_argument(plan.row_there, {n}, at::kBool, a, "row_there");
    plan.column_there = side_argument(plan.column_there, {m}, at::kBool, a, "column_there");
    plan.row_partner = side_argument(plan.row_partner, {n}, at::kLong, a, "row_partner");
    plan.column_partner = side_argument(plan.column_partner, {m}, at::kLong, a, "column_partner");
    pairs_arguments(plan.excluded_offsets, plan.excluded_columns, a, b, "excluded");
    pairs_arguments(plan.pair_offsets, plan.pair_columns, a, b, "listed");
    labels_arguments(plan.row_labels, plan.column_labels, a, b);
    expect(plan.label_temperature > 0, "bad-option", "expected a temperature above 0 for the labels' soft-max but got ",
           plan.label_temperature);
    expect(plan.hardness >= 0 && !(plan.hardness > 0 && labels()), "bad-option",
           "expected a hardness of at least 0, and 0 beside labels, but got ", plan.hardness);
  }

  bool labels() const { return plan.row_labels.defined(); }
  bool second() const { return labels() || plan.hardness > 0; }  // whether there are two scores a pair
  bool may_be_alone() const {                                    // whether a sample may have no candidate
    return plan.row_there.defined() || plan.column_there.defined() || plan.excluded_offsets.defined();
  }
  Tensor empty(at::IntArrayRef shape) const { return at::empty(shape, a.options().dtype(real)); }

  ContrastProblem problem() const {
    ContrastProblem p;
    p.type = element_type_of(a, "a");
    p.rows = a.size(0);
    p.columns = b.size(0);
    p.width = a.size(1);
    p.a = memory(a);
    p.b = memory(b);
    p.a_stride = a.stride(0);
    p.b_stride = b.stride(0);
    p.scale = memory(scale);
    p.scale_by_row = scale.numel() > 1;
    p.row_there = memory<uint8_t>(plan.row_there);
    p.column_there = memory<uint8_t>(plan.column_there);
    p.excluded_offsets = memory<int64_t>(plan.excluded_offsets);
    p.excluded_columns = memory<int32_t>(plan.excluded_columns);
    p.row_labels = memory(plan.row_labels);
    p.column_labels = memory(plan.column_labels);
    p.label_width = labels() ? plan.row_labels.size(1) : 0;
    p.label_scale = 1 / plan.label_temperature;
    p.hardness = plan.hardness;
    p.pair_offsets = memory<int64_t>(plan.pair_offsets);
    p.pair_columns = memory<int32_t>(plan.pair_columns);
    p.pair_count = plan.pair_columns.defined() ? plan.pair_columns.size(0) : 0;
    p.row_partner = memory<int64_t>(plan.row_partner);
    p.column_partner = memory<int64_t>(plan.column_partner);
    return p;
  }
};

// N·M·D multiply-adds: one pass over all scores.
double scores_work(const Arguments& arguments) {
  return 2 * static_cast<double>(arguments.a.size(0)) * static_cast<double>(arguments.b.size(0)) *
         static_cast<double>(arguments.a.size(1));
}

void expect_cpu(const Arguments& arguments) {
  expect(arguments.a.is_cpu(), "no-kernel", "expected tensors on the CPU for contrast in this build but got some on ",
         arguments.a.device());
}

ContrastThresholds partner_scores_of(const Arguments& arguments) {
  ContrastThresholds out;
  if (arguments.plan.row_partner.defined()) out.row = arguments.empty({arguments.a.size(0)});
  if (arguments.plan.column_partner.defined()) out.column = arguments.empty({arguments.b.size(0)});
  if (!out.row.defined() && !out.column.defined()) return out;
#ifdef GADOLINIUM_CUDA
  if (arguments.a.is_cuda()) {
    contrast_partner_scores_cuda(arguments.problem(), memory_to_write(out.row), memory_to_write(out.column),
                                 c10::cuda::getCurrentCUDAStream().stream());
    return out;
  }
#endif
  expect_cpu(arguments);
  contrast_partner_scores_cpu(arguments.problem(), memory_to_write(out.row), memory_to_write(out.column));
  return out;
}

// 0 for those without a partner.
Tensor own_of(const Tensor& threshold) { return at::where(at::isnan(threshold), at::zeros_like(threshold), threshold); }

ContrastSums sums_of(const Arguments& arguments, const ContrastThresholds& thresholds) {
  const KernelRange range("contrast", {scores_work(arguments), 0, /*divided=*/true});
  const int64_t n = arguments.a.size(0), m = arguments.b.size(0);
  const auto ranks = arguments.a.options().dtype(at::kInt);
  ContrastSums out;
  for (Tensor* tensor : {&out.row_lse, &out.row_lse_rest}) *tensor = arguments.empty({n});
  for (Tensor* tensor : {&out.column_lse, &out.column_lse_rest}) *tensor = arguments.empty({m});
  if (arguments.labels()) {
    out.row_target = arguments.empty({n});
    out.column_target = arguments.empty({m});
  }
  if (arguments.second()) {
    out.row_label_lse = arguments.empty({n});
    out.column_label_lse = arguments.empty({m});
  }
  // Of some rows alone where ranks share them: zeros in the others' places.
  if (arguments.plan.pair_offsets.defined())
    out.pair_score = at::zeros({arguments.plan.pair_columns.size(0)}, arguments.a.options().dtype(arguments.real));
  ContrastProblem problem = arguments.problem();
  if (thresholds.row.defined()) {
    out.row_rank = at::empty({n}, ranks);
    problem.row_threshold = memory(thresholds.row);
  }
  if (thresholds.column.defined()) {
    out.column_rank = at::empty({m}, ranks);
    problem.column_threshold = memory(thresholds.column);
  }
  ContrastStatistics raw;
  raw.row_lse = memory_to_write(out.row_lse);
  raw.column_lse = memory_to_write(out.column_lse);
  raw.row_lse_rest = memory_to_write(out.row_lse_rest);
  raw.column_lse_rest = memory_to_write(out.column_lse_rest);
  raw.pair_score = memory_to_write(out.pair_score);
  raw.row_rank = memory_to_write<int32_t>(out.row_rank);
  raw.column_rank = memory_to_write<int32_t>(out.column_rank);
  raw.row_target = memory_to_write(out.row_target);
  raw.column_target = memory_to_write(out.column_target);
  raw.row_label_lse = memory_to_write(out.row_label_lse);
  raw.column_label_lse = memory_to_write(out.column_label_lse);

  const auto bytes = arguments.a.options().dtype(at::kByte);
#ifdef GADOLINIUM_CUDA
  if (arguments.a.is_cuda()) {
    Tensor workspace = at::empty({contrast_workspace_cuda(problem)}, bytes);
    contrast_statistics_cuda(problem, raw, workspace.mutable_data_ptr(), c10::cuda::getCurrentCUDAStream().stream());
    return out;
  }
#endif
  expect_cpu(arguments);
  Tensor workspace = at::empty({contrast_workspace_cpu(problem)}, bytes);
  contrast_statistics_cpu(problem, raw, workspace.mutable_data_ptr());
  return out;
}

ContrastSums sums_of(const Arguments& arguments) {
  const ContrastThresholds own = partner_scores_of(arguments);
  ContrastSums out = sums_of(arguments, own);
  if (own.row.defined()) out.row_own = own_of(own.row);
  if (own.column.defined()) out.column_own = own_of(own.column);
  return out;
}

Tensor without_infinity(const Tensor& lse) {
  return lse.defined() ? lse.masked_fill(lse == -std::numeric_limits<double>::infinity(), 0) : lse;
}

ContrastGradient gradient_of(const Arguments& arguments, const ContrastSums& sums, const ContrastPull& pull) {
  // One product for each side, and the scores that were not kept.
  const double flops = scores_work(arguments);
  const KernelRange range("contrast gradient", {2 * flops, flops, /*divided=*/true});
  const int64_t n = arguments.a.size(0), m = arguments.b.size(0);
  const auto read = [&](const Tensor& x, int64_t count, const char* name) {
    return side_argument(x, {count}, arguments.real, arguments.a, name);
  };
  const auto gradient = [&](const Tensor& x, int64_t count, const char* name) {
    return x.defined() ? read(x, count, name) : at::zeros({count}, arguments.a.options().dtype(arguments.real));
  };
  ContrastSums s;  // what the loops point to, alive until they are done
  s.row_lse = read(without_infinity(sums.row_lse), n, "row_lse");
  s.column_lse = read(without_infinity(sums.column_lse), m, "column_lse");
  s.row_lse_rest = read(sums.row_lse_rest, n, "row_lse_rest");
  s.column_lse_rest = read(sums.column_lse_rest, m, "column_lse_rest");
  ContrastPull g;
  g.row_lse = gradient(pull.row_lse, n, "the gradient of row_lse");
  g.column_lse = gradient(pull.column_lse, m, "the gradient of column_lse");
  ContrastCotangents raw;
  if (arguments.second()) {
    s.row_label_lse = read(without_infinity(sums.row_label_lse), n, "row_label_lse");
    s.column_label_lse = read(without_infinity(sums.column_label_lse), m, "column_label_lse");
    g.row_target = gradient(arguments.labels() ? pull.row_target : pull.row_hard_lse, n, "the gradient of row_target");
    g.column_target =
        gradient(arguments.labels() ? pull.column_target : pull.column_hard_lse, m, "the gradient of column_target");
    if (!arguments.labels()) {  // d log Σ exp(β z) = β Σ T dz
      g.row_target = g.row_target * arguments.plan.hardness;
      g.column_target = g.column_target * arguments.plan.hardness;
    }
    raw.row_label_lse = memory(s.row_label_lse);
    raw.column_label_lse = memory(s.column_label_lse);
    raw.row_target_gradient = memory(g.row_target);
    raw.column_target_gradient = memory(g.column_target);
  }
  if (arguments.plan.row_partner.defined()) g.row_own = gradient(pull.row_own, n, "the gradient of row_own");
  if (arguments.plan.column_partner.defined()) g.column_own = gradient(pull.column_own, m, "the gradient of column_own");
  if (arguments.plan.pair_offsets.defined())
    g.pair_score = gradient(pull.pair_score, arguments.plan.pair_columns.size(0), "the gradient of pair_score");
  raw.pair_gradient = memory(g.pair_score);
  raw.row_lse = memory(s.row_lse);
  raw.column_lse = memory(s.column_lse);
  raw.row_lse_rest = memory(s.row_lse_rest);
  raw.column_lse_rest = memory(s.column_lse_rest);
  raw.row_gradient = memory(g.row_lse);
  raw.column_gradient = memory(g.column_lse);
  raw.row_own_gradient = memory(g.row_own);
  raw.column_own_gradient = memory(g.column_own);

  ContrastGradient out{arguments.empty(arguments.a.sizes()), arguments.empty(arguments.b.sizes()), arguments.empty({n})};
  const ContrastGradients to{memory_to_write(out.a), memory_to_write(out.b), memory_to_write(out.scale)};
  const ContrastProblem problem = arguments.problem();
  const auto bytes = arguments.a.options().dtype(at::kByte);
#ifdef GADOLINIUM_CUDA
  if (arguments.a.is_cuda()) {
    Tensor workspace = at::empty({contrast_workspace_cuda(problem)}, bytes);
    contrast_gradient_cuda(problem, raw, to, workspace.mutable_data_ptr(), c10::cuda::getCurrentCUDAStream().stream(),
                           at::globalContext().deterministicAlgorithms());
    return out;
  }
#endif
  Tensor workspace = at::empty({contrast_workspace_cpu(problem)}, bytes);
  contrast_gradient_cpu(problem, raw, to, workspace.mutable_data_ptr());
  return out;
}

// This rank's rows, against all columns.
Arguments share_of(const Arguments& whole, const RowShare& share) {
  Arguments out = whole;
  out.a = share.mine(whole.a);
  if (whole.scale.numel() > 1) out.scale = share.mine(whole.scale);
  for (Tensor* tensor : {&out.plan.row_there, &out.plan.row_labels, &out.plan.row_partner}) *tensor = share.mine(*tensor);
  out.plan.excluded_offsets = share.mine(whole.plan.excluded_offsets, 1);
  out.plan.pair_offsets = share.mine(whole.plan.pair_offsets, 1);
  out.plan.column_partner = share.partners(whole.plan.column_partner);
  return out;
}

// The log-sum-exps of a share for each column → of all rows; double precision, since the rests are of its size.
Tensor joined(const Tensor& lse, const RowShare& share) { return at::logsumexp(share.group.gather(lse), 0); }

Tensor exact(const Tensor& lse, const Tensor& rest) { return lse.to(at::kDouble) + rest.to(at::kDouble); }

// Scores of columns with their partners, who are rows of one rank each, for all ranks.
Tensor joined_scores(const Tensor& mine, Group& group) {
  const Tensor known = at::stack({own_of(mine), at::isnan(mine).logical_not().to(mine.scalar_type())});
  group.sum(known);
  return known[0].masked_fill(known[1] == 0, std::numeric_limits<double>::quiet_NaN());
}

ContrastSums shared_sums_of(const Arguments& whole, Group& group) {
  const RowShare share(group, whole.a.size(0));
  const Arguments arguments = share_of(whole, share);
  ContrastThresholds own = partner_scores_of(arguments);
  if (own.column.defined()) own.column = joined_scores(own.column, group);
  ContrastSums mine = sums_of(arguments, own), out;
  out.row_lse = share.whole(mine.row_lse);
  out.row_lse_rest = share.whole(mine.row_lse_rest);
  if (own.row.defined()) out.row_own = share.whole(own_of(own.row));
  out.row_rank = share.whole(mine.row_rank);
  out.row_target = share.whole(mine.row_target);
  out.row_label_lse = share.whole(mine.row_label_lse);
  const Tensor lse = joined(exact(mine.column_lse, mine.column_lse_rest), share);
  out.column_lse = lse.to(whole.real);
  const Tensor rest = lse - out.column_lse.to(at::kDouble);
  out.column_lse_rest = at::where(at::isfinite(lse), rest, at::zeros_like(rest)).to(whole.real);
  if (whole.second()) {
    const Tensor label_lse = joined(mine.column_label_lse.to(at::kDouble), share);
    out.column_label_lse = label_lse.to(whole.real);
    if (whole.labels()) {
      const Tensor part = at::exp(mine.column_label_lse.to(at::kDouble) - label_lse);
      out.column_target = at::where(at::isfinite(part), mine.column_target.to(at::kDouble) * part, at::zeros_like(part));
      group.sum(out.column_target);
      out.column_target = out.column_target.to(whole.real);
    }
  }
  if (mine.pair_score.defined()) {
    out.pair_score = mine.pair_score;
    group.sum(out.pair_score);
  }
  if (own.column.defined()) {
    out.column_own = own_of(own.column);
    const Tensor partnered = mine.column_rank > 0;
    out.column_rank = (mine.column_rank - 1).clamp_min(0);
    group.sum(out.column_rank);
    out.column_rank = (out.column_rank + 1).mul(partnered);
  }
  return out;
}

ContrastGradient shared_gradient_of(const Arguments& whole, const ContrastSums& sums, const ContrastPull& pull, Group& group) {
  const RowShare share(group, whole.a.size(0));
  ContrastSums of_share = sums;
  for (Tensor* tensor : {&of_share.row_lse, &of_share.row_lse_rest, &of_share.row_label_lse}) *tensor = share.mine(*tensor);
  ContrastPull to_share = pull;
  for (Tensor* tensor : {&to_share.row_lse, &to_share.row_own, &to_share.row_target, &to_share.row_hard_lse})
    *tensor = share.mine(*tensor);
  ContrastGradient out = gradient_of(share_of(whole, share), of_share, to_share);
  out.a = share.whole(out.a);
  out.scale = share.whole(out.scale);
  group.sum(out.b);
  return out;
}

struct Kept : torch::CustomClassHolder {
  Kept(Arguments arguments, ContrastSums sums, Group* group)
      : arguments(std::move(arguments)), sums(std::move(sums)), group(group) {}
  const Arguments arguments;
  const ContrastSums sums;
  Group* const group;
};

struct ContrastFunction : torch::autograd::Function<ContrastFunction> {
  // Gives row_lse, column_lse, then what there is of: own, target, hard_lse (rows, columns), pair_score; rests, ranks.
  static variable_list forward(AutogradContext* ctx, const Tensor& a, const Tensor& b, const Tensor& scale,
                               const ContrastPlan& plan, Group* group) {
    const Arguments arguments(a, b, scale, plan);
    ContrastSums sums = group ? shared_sums_of(arguments, *group) : sums_of(arguments);
    if (arguments.may_be_alone()) {
      sums.row_lse = without_infinity(sums.row_lse);
      sums.column_lse = without_infinity(sums.column_lse);
    }
    if (plan.hardness > 0) {
      sums.row_hard_lse = without_infinity(sums.row_label_lse);
      sums.column_hard_lse = without_infinity(sums.column_label_lse);
    }
    variable_list out, aside;
    for (const Tensor& x : {sums.row_lse, sums.column_lse, sums.row_own, sums.column_own, sums.row_target, sums.column_target,
                            sums.row_hard_lse, sums.column_hard_lse, sums.pair_score})
      if (x.defined()) out.push_back(x);
    for (const Tensor& x : {sums.row_lse_rest, sums.column_lse_rest, sums.row_rank, sums.column_rank})
      if (x.defined()) aside.push_back(x);
    // Outputs that were kept themselves would hold this function, which holds them.
    for (Tensor* x : {&sums.row_lse, &sums.column_lse, &sums.row_lse_rest, &sums.column_lse_rest}) *x = x->detach();
    sums.row_own = sums.column_own = sums.row_target = sums.column_target = sums.row_hard_lse = sums.column_hard_lse =
        sums.pair_score = sums.row_rank = sums.column_rank = Tensor();
    // Saved for the check that nobody changes them in place before the backward.
    ctx->save_for_backward({a, b, scale});
    ctx->saved_data["kept"] = c10::IValue::make_capsule(c10::make_intrusive<Kept>(arguments, std::move(sums), group));
    ctx->mark_non_differentiable(aside);
    ctx->set_materialize_grads(false);
    out.insert(out.end(), aside.begin(), aside.end());
    return out;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    expect(!c10::GradMode::is_enabled(), "no-second-derivative",
           "expected one derivative of contrast but got asked for the second");
    const variable_list saved = ctx->get_saved_variables();
    const auto capsule = ctx->saved_data["kept"].toCapsule();
    const Kept& kept = static_cast<const Kept&>(*capsule);
    const ContrastPlan& plan = kept.arguments.plan;
    const ContrastPull pull = contrast_pull(gradients, plan);
    const ContrastGradient found = kept.group ? shared_gradient_of(kept.arguments, kept.sums, pull, *kept.group)
                                              : gradient_of(kept.arguments, kept.sums, pull);
    const Tensor& scale = saved[2];
    const Tensor of_scale =
        kept.arguments.scale.numel() > 1 ? found.scale : found.scale.sum(0, false, at::kDouble).reshape(scale.sizes());
    const auto alike = [](const Tensor& gradient, const Tensor& x) {
      return gradient.narrow(1, 0, x.size(1)).to(x.scalar_type());
    };
    return {alike(found.a, saved[0]), alike(found.b, saved[1]), of_scale.to(scale.scalar_type()), Tensor(), Tensor()};
  }
};

}  // namespace

Contrast contrast(const Tensor& a, const Tensor& b, const Tensor& scale, const ContrastPlan& plan, Group* group) {
  return contrast_outputs(ContrastFunction::apply(a, b, scale, plan, group), plan);
}

ContrastThresholds contrast_partner_scores(const Tensor& a, const Tensor& b, const Tensor& scale, const ContrastPlan& plan) {
  return partner_scores_of(Arguments(a, b, scale, plan));
}

ContrastSums contrast_sums(const Tensor& a, const Tensor& b, const Tensor& scale, const ContrastPlan& plan,
                           const ContrastThresholds* thresholds) {
  const Arguments arguments(a, b, scale, plan);
  return thresholds ? sums_of(arguments, *thresholds) : sums_of(arguments);
}

ContrastGradient contrast_gradient(const Tensor& a, const Tensor& b, const Tensor& scale, const ContrastPlan& plan,
                                   const ContrastSums& sums, const ContrastPull& pull) {
  const ContrastGradient found = gradient_of(Arguments(a, b, scale, plan), sums, pull);
  return {found.a.narrow(1, 0, a.size(1)), found.b.narrow(1, 0, b.size(1)), found.scale};
}

}  // namespace gd
