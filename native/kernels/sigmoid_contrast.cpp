#include "kernels/sigmoid_contrast.h"

#include "core/range.h"
#include "kernels/contrast_sides.h"
#include "kernels/row_share.h"
#include "kernels/sigmoid_contrast_tiles.h"

#ifdef GADOLINIUM_CUDA
#include <c10/cuda/CUDAStream.h>
#endif
#include <torch/csrc/autograd/custom_function.h>

namespace gd {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Found {
  Tensor row_sum, row_rank, a, b, scale, bias;  // gradients only where asked for; scale and bias by row
};

Found run(const Tensor& given_a, const Tensor& given_b, const Tensor& given_scale, const Tensor& given_bias,
          SigmoidContrastPlan& plan, bool gradients) {
  check_features(given_a, given_b);
  const at::ScalarType real = real_type_of(given_a);
  const Tensor a = rows_for_loops(given_a), b = rows_for_loops(given_b), scale = scale_argument(given_scale, a);
  expect(given_bias.defined() && given_bias.numel() == 1, "bad-shape", "expected one number for bias but got ",
         given_bias.defined() ? given_bias.sizes() : at::IntArrayRef());
  const Tensor bias = side_argument(given_bias, given_bias.sizes(), real, a, "bias");
  const int64_t n = a.size(0), m = b.size(0);
  plan.row_there = side_argument(plan.row_there, {n}, at::kBool, a, "row_there");
  plan.column_there = side_argument(plan.column_there, {m}, at::kBool, a, "column_there");
  plan.row_partner = side_argument(plan.row_partner, {n}, at::kLong, a, "row_partner");
  plan.weight =
      plan.weight.defined() ? side_argument(plan.weight, {n}, real, a, "weight") : at::ones({n}, a.options().dtype(real));
  pairs_arguments(plan.excluded_offsets, plan.excluded_columns, a, b, "excluded");
  pairs_arguments(plan.positive_offsets, plan.positive_columns, a, b, "positive");
  labels_arguments(plan.row_labels, plan.column_labels, a, b);

  SigmoidContrastProblem p;
  p.type = element_type_of(a, "a");
  p.rows = n;
  p.columns = m;
  p.width = a.size(1);
  p.a = memory(a);
  p.b = memory(b);
  p.a_stride = a.stride(0);
  p.b_stride = b.stride(0);
  p.scale = memory(scale);
  p.scale_by_row = scale.numel() > 1;
  p.bias = memory(bias);
  p.weight = memory(plan.weight);
  p.row_there = memory<uint8_t>(plan.row_there);
  p.column_there = memory<uint8_t>(plan.column_there);
  p.positive_offsets = memory<int64_t>(plan.positive_offsets);
  p.positive_columns = memory<int32_t>(plan.positive_columns);
  p.excluded_offsets = memory<int64_t>(plan.excluded_offsets);
  p.excluded_columns = memory<int32_t>(plan.excluded_columns);
  p.row_labels = memory(plan.row_labels);
  p.column_labels = memory(plan.column_labels);
  p.label_width = plan.row_labels.defined() ? plan.row_labels.size(1) : 0;
  p.row_partner = memory<int64_t>(plan.row_partner);

  // One product for the scores and, in the same pass, one for each side's gradient.
  const double flops = 2 * static_cast<double>(n) * static_cast<double>(m) * static_cast<double>(a.size(1));
  const KernelRange range("sigmoid-contrast", {gradients ? 3 * flops : flops, 0, /*divided=*/true});
  const auto options = a.options().dtype(real);
  Found out;
  out.row_sum = at::empty({n}, options);
  if (plan.row_partner.defined()) out.row_rank = at::empty({n}, options.dtype(at::kInt));
  if (gradients) {
    out.a = at::empty(a.sizes(), options);
    out.b = at::empty(b.sizes(), options);
    out.scale = at::empty({n}, options);
    out.bias = at::empty({n}, options);
  }
  const SigmoidContrastResult to{memory_to_write(out.row_sum), memory_to_write<int32_t>(out.row_rank),
                                 memory_to_write(out.a),       memory_to_write(out.b),
                                 memory_to_write(out.scale),   memory_to_write(out.bias)};
#ifdef GADOLINIUM_CUDA
  if (a.is_cuda()) {
    Tensor workspace = at::empty({sigmoid_contrast_workspace_cuda(p)}, a.options().dtype(at::kByte));
    sigmoid_contrast_cuda(p, to, workspace.mutable_data_ptr(), c10::cuda::getCurrentCUDAStream().stream(),
                          at::globalContext().deterministicAlgorithms());
    return out;
  }
#endif
  expect(a.is_cpu(), "no-kernel", "expected tensors on the CPU for sigmoid-contrast in this build but got some on ", a.device());
  Tensor workspace = at::empty({sigmoid_contrast_workspace_cpu(p)}, a.options().dtype(at::kByte));
  sigmoid_contrast_cpu(p, to, workspace.mutable_data_ptr());
  return out;
}

// This rank's rows against all columns, and then everybody's.
Found shared_run(const Tensor& a, const Tensor& b, const Tensor& scale, const Tensor& bias, SigmoidContrastPlan& plan,
                 bool gradients, Group& group) {
  const RowShare share(group, a.size(0));
  if (!plan.weight.defined()) plan.weight = at::ones({a.size(0)}, a.options().dtype(real_type_of(a)).requires_grad(false));
  SigmoidContrastPlan mine = plan;
  for (Tensor* tensor : {&mine.row_there, &mine.row_labels, &mine.row_partner, &mine.weight}) *tensor = share.mine(*tensor);
  for (Tensor* tensor : {&mine.excluded_offsets, &mine.positive_offsets}) *tensor = share.mine(*tensor, 1);
  Found out = run(share.mine(a), b, scale.numel() > 1 ? share.mine(scale) : scale, bias, mine, gradients);
  for (Tensor* tensor : {&out.row_sum, &out.row_rank, &out.a, &out.scale, &out.bias}) *tensor = share.whole(*tensor);
  if (gradients) group.sum(out.b);
  plan.weight = plan.weight.to(out.row_sum.scalar_type());
  return out;
}

// This rank's rows against the columns of all ranks, one after the other; their gradients travel with them.
Found ring_run(const Tensor& a, const Tensor& b, const Tensor& scale, const Tensor& bias, SigmoidContrastPlan& plan,
               bool gradients, Group& group) {
  expect(!plan.excluded_offsets.defined() && !plan.positive_offsets.defined(), "no-kernel",
         "expected no lists of pairs for a contrast in a ring, whose columns are this rank's own, but got some");
  if (!plan.weight.defined()) plan.weight = at::ones({a.size(0)}, a.options().dtype(real_type_of(a)).requires_grad(false));
  SigmoidContrastPlan block = plan;
  Tensor columns = b.detach();
  Found out;
  const auto add = [](Tensor& sum, const Tensor& part) { sum = sum.defined() ? sum.add_(part) : part; };
  for (int64_t step = 0; step < group.size(); ++step) {
    SigmoidContrastPlan now = block;
    if (step > 0) now.row_partner = Tensor();
    const Found found = run(a, columns, scale, bias, now, gradients);
    add(out.row_sum, found.row_sum);
    if (gradients) {
      add(out.a, found.a);
      add(out.scale, found.scale);
      add(out.bias, found.bias);
      add(out.b, found.b);
      out.b = group.from_next(out.b);
    }
    if (step + 1 == group.size()) break;
    columns = group.from_next(columns);
    if (block.column_there.defined()) block.column_there = group.from_next(block.column_there.to(at::kByte)).to(at::kBool);
    if (block.column_labels.defined()) block.column_labels = group.from_next(block.column_labels);
  }
  plan.weight = plan.weight.to(out.row_sum.scalar_type());
  plan.row_partner = Tensor();
  return out;
}

struct SigmoidContrastFunction : torch::autograd::Function<SigmoidContrastFunction> {
  // `gradients`: whether anybody will ask, known only outside of here.
  static variable_list forward(AutogradContext* ctx, const Tensor& a, const Tensor& b, const Tensor& scale, const Tensor& bias,
                               const SigmoidContrastPlan& given, bool gradients, Group* group, bool ring) {
    SigmoidContrastPlan plan = given;
    const Found found = ring    ? ring_run(a, b, scale, bias, plan, gradients, *group)
                        : group ? shared_run(a, b, scale, bias, plan, gradients, *group)
                                : run(a, b, scale, bias, plan, gradients);
    if (gradients) {
      const auto alike = [](const Tensor& sum, const Tensor& x) {
        return (x.numel() > 1 ? sum : sum.sum(0, false, at::kDouble).reshape(x.sizes())).to(x.scalar_type());
      };
      ctx->save_for_backward({found.a.narrow(1, 0, a.size(1)).to(a.scalar_type()),
                              found.b.narrow(1, 0, b.size(1)).to(b.scalar_type()), alike(found.scale, scale),
                              alike(found.bias, bias)});
    }
    const Tensor total = at::dot(found.row_sum, plan.weight);
    variable_list aside{found.row_sum};
    if (found.row_rank.defined()) aside.push_back(found.row_rank);
    ctx->mark_non_differentiable(aside);
    ctx->set_materialize_grads(false);
    variable_list out{total};
    out.insert(out.end(), aside.begin(), aside.end());
    return out;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    expect(!c10::GradMode::is_enabled(), "no-second-derivative",
           "expected one derivative of sigmoid-contrast but got asked for the second");
    const Tensor& g = gradients[0];
    variable_list out(8);
    if (!g.defined()) return out;
    const variable_list saved = ctx->get_saved_variables();
    for (size_t i = 0; i < saved.size(); ++i) out[i] = saved[i] * g.to(saved[i].scalar_type());
    return out;
  }
};

SigmoidContrastTotal apply(const Tensor& a, const Tensor& b, const Tensor& scale, const Tensor& bias,
                           const SigmoidContrastPlan& plan, Group* group, bool ring) {
  const bool gradients =
      c10::GradMode::is_enabled() && (a.requires_grad() || b.requires_grad() || scale.requires_grad() || bias.requires_grad());
  const variable_list found = SigmoidContrastFunction::apply(a, b, scale, bias, plan, gradients, group, ring);
  SigmoidContrastTotal out{found[0], found[1], {}};
  if (found.size() > 2) out.row_rank = found[2];
  return out;
}

}  // namespace

SigmoidContrastTotal sigmoid_contrast(const Tensor& a, const Tensor& b, const Tensor& scale, const Tensor& bias,
                                      const SigmoidContrastPlan& plan, Group* group) {
  return apply(a, b, scale, bias, plan, group, /*ring=*/false);
}

SigmoidContrastTotal sigmoid_contrast_in_ring(const Tensor& a, const Tensor& b, const Tensor& scale, const Tensor& bias,
                                              const SigmoidContrastPlan& plan, Group& group) {
  return apply(a, b, scale, bias, plan, &group, /*ring=*/true);
}

}  // namespace gd
