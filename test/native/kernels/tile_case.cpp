#include "kernels/tile_case.h"

#include <cmath>
#include <limits>

namespace gd::tile_case {
namespace {

ElementType element(at::ScalarType type) {
  return type == at::kFloat ? ElementType::f32 : type == at::kHalf ? ElementType::f16 : ElementType::bf16;
}

template <typename T>
const T* data(const Tensor& t) {
  return t.defined() ? static_cast<const T*>(t.const_data_ptr()) : nullptr;
}
void* data(Tensor& t) { return t.defined() ? t.mutable_data_ptr() : nullptr; }

Tensor random_mask(at::IntArrayRef shape, double share) { return at::rand(shape, at::kDouble).lt(share); }

void to_lists(const Tensor& mask, Tensor& offsets, Tensor& columns) {
  offsets = at::zeros({mask.size(0) + 1}, at::kLong);
  offsets.narrow(0, 1, mask.size(0)).copy_(mask.sum(1).cumsum(0));
  columns = mask.nonzero().select(1, 1).to(at::kInt).contiguous();
}

Tensor to_mask(const Case& c, const Tensor& offsets, const Tensor& columns) {
  Tensor mask = at::zeros({c.a.size(0), c.b.size(0)}, at::kBool);
  if (!offsets.defined()) return mask;
  for (int64_t i = 0; i < mask.size(0); ++i)
    for (int64_t k = offsets[i].item<int64_t>(); k < offsets[i + 1].item<int64_t>(); ++k)
      mask[i][columns[k].item<int64_t>()] = true;
  return mask;
}

// [N, M]: whether both are there.
Tensor both_there(const Case& c) {
  Tensor all = at::ones({c.a.size(0), c.b.size(0)}, at::kBool);
  if (c.row_there.defined()) all = all.logical_and(c.row_there.to(at::kBool).unsqueeze(1));
  if (c.column_there.defined()) all = all.logical_and(c.column_there.to(at::kBool));
  return all;
}

// [N, M]: whether j is a candidate of i.
Tensor candidates(const Case& c) {
  return both_there(c).logical_and(to_mask(c, c.excluded_offsets, c.excluded_columns).logical_not());
}

// Ranks by rows of z [n, m]; partner: a column.
Tensor ranks(const Tensor& z, const Tensor& candidate, const Tensor& there, const Tensor& partner) {
  const Tensor at_partner = partner.clamp_min(0).unsqueeze(1);
  const Tensor valid = partner.ge(0).logical_and(there.gather(1, at_partner).squeeze(1));
  const Tensor larger = z.gt(z.gather(1, at_partner)).logical_and(candidate).sum(1);
  return at::where(valid, larger + 1, at::zeros_like(larger)).to(at::kInt);
}

Tensor masked_lse(const Tensor& z, const Tensor& candidate, int64_t dim) {
  return z.masked_fill(candidate.logical_not(), -std::numeric_limits<double>::infinity()).logsumexp(dim);
}
Tensor finite(const Tensor& lse) { return at::where(lse.isinf(), at::zeros_like(lse), lse); }

// `type`: of the arithmetic but for the two large products, which are in the inputs' type where `eager`.
Outcome contrast_by_matrices(const Case& c, at::ScalarType type, bool eager) {
  const auto product = [&](const Tensor& x, const Tensor& y) {
    return eager ? x.to(c.a.scalar_type()).matmul(y.to(c.a.scalar_type())).to(type) : x.to(type).matmul(y.to(type));
  };
  Outcome out;
  const Tensor candidate = candidates(c), there = both_there(c), zero = at::zeros({1}, type);
  const Tensor scale = c.scale.to(type).expand({c.a.size(0)}).unsqueeze(1), dot = product(c.a, c.b.t()), z = dot * scale;
  const auto only = [&](const Tensor& x) { return at::where(candidate, x, zero); };
  out.row_lse = masked_lse(z, candidate, 1);
  out.column_lse = masked_lse(z, candidate, 0);
  Tensor slope = c.g.to(type).unsqueeze(1) * (z - finite(out.row_lse).unsqueeze(1)).exp() +
                 c.h.to(type) * (z - finite(out.column_lse)).exp();
  if (c.row_labels.defined() || c.hardness > 0) {
    const Tensor s = c.hardness > 0 ? z * c.hardness : c.row_labels.to(type).matmul(c.column_labels.to(type).t()) * c.label_scale;
    out.row_label_lse = masked_lse(s, candidate, 1);
    out.column_label_lse = masked_lse(s, candidate, 0);
    const Tensor by_row = only((s - finite(out.row_label_lse).unsqueeze(1)).exp()),
                 by_column = only((s - finite(out.column_label_lse)).exp());
    if (c.row_labels.defined()) {
      out.row_target = (by_row * z).sum(1);
      out.column_target = (by_column * z).sum(0);
    }
    slope = slope + c.g_target.to(type).unsqueeze(1) * by_row + c.h_target.to(type) * by_column;
  }
  slope = only(slope);
  if (c.listed_offsets.defined()) {
    const Tensor listed = to_mask(c, c.listed_offsets, c.listed_columns);
    out.pair_score = at::where(there, z, zero).masked_select(listed);
    slope = slope.masked_scatter(listed, slope.masked_select(listed) + c.g_listed.to(type));
  }
  if (c.g_own.defined()) {
    const auto pairs = [](const Tensor& partner, int64_t count) { return partner.unsqueeze(1).eq(at::arange(count)); };
    slope = slope + pairs(c.row_partner, c.b.size(0)) * c.g_own.to(type).unsqueeze(1) +
            pairs(c.column_partner, c.a.size(0)).t() * c.h_own.to(type);
  }
  slope = at::where(there, slope, zero);
  out.a_gradient = product(slope * scale, c.b);
  out.b_gradient = product((slope * scale).t(), c.a);
  out.scale_gradient = (slope * dot).sum(1);
  const auto own = [](const Tensor& scores, const Tensor& partner, const Tensor& rank) {
    return scores.gather(1, partner.clamp_min(0).unsqueeze(1)).squeeze(1) * rank.ne(0);
  };
  if (c.row_partner.defined()) {
    out.row_rank = ranks(z, candidate, there, c.row_partner);
    out.row_own = own(z, c.row_partner, out.row_rank);
  }
  if (c.column_partner.defined()) {
    out.column_rank = ranks(z.t(), candidate.t(), there.t(), c.column_partner);
    out.column_own = own(z.t(), c.column_partner, out.column_rank);
  }
  return out;
}

void close(const Case& c, const char* what, const Tensor& got, const Tensor& expected, double tolerance) {
  if (!expected.defined()) return;
  const Tensor x = got.to(at::kCPU).to(at::kDouble), y = expected.to(at::kDouble);
  const Tensor same_infinity = x.eq(y).logical_and(y.isinf());
  const Tensor error = at::where(same_infinity, at::zeros_like(x), (x - y).abs());
  const double size = std::max(1e-30, finite(y).abs().max().item<double>());
  const double worst = error.max().item<double>();
  if (worst <= tolerance * size) return;  // false for NaN
  native_test::fail(__FILE__, __LINE__,
                    c.name + ": " + what + ": expected an error of at most " + std::to_string(tolerance) +
                        " of the largest value but got " + std::to_string(worst / size) + " of " + std::to_string(size));
}

void same(const Case& c, const char* what, const Tensor& got, const Tensor& expected) {
  if (!expected.defined()) return;
  const int64_t wrong = got.to(at::kCPU).ne(expected).sum().item<int64_t>();
  if (wrong)
    native_test::fail(
        __FILE__, __LINE__,
        c.name + ": " + what + ": " + std::to_string(wrong) + " of " + std::to_string(expected.numel()) + " differ");
}

}  // namespace

Case Case::on(at::Device device) const {
  Case c = *this;
  for (Tensor* t : {&c.a,
                    &c.b,
                    &c.scale,
                    &c.bias,
                    &c.weight,
                    &c.row_there,
                    &c.column_there,
                    &c.excluded_offsets,
                    &c.excluded_columns,
                    &c.positive_offsets,
                    &c.positive_columns,
                    &c.listed_offsets,
                    &c.listed_columns,
                    &c.g_listed,
                    &c.row_labels,
                    &c.column_labels,
                    &c.row_partner,
                    &c.column_partner,
                    &c.g,
                    &c.h,
                    &c.g_target,
                    &c.h_target,
                    &c.g_own,
                    &c.h_own})
    if (t->defined()) *t = t->to(device);
  return c;
}

template <typename Problem>
static Problem shared_part(const Case& c) {
  Problem p;
  p.type = element(c.a.scalar_type());
  p.rows = c.a.size(0);
  p.columns = c.b.size(0);
  p.width = c.a.size(1);
  p.a = c.a.const_data_ptr();
  p.b = c.b.const_data_ptr();
  p.a_stride = c.a.stride(0);
  p.b_stride = c.b.stride(0);
  p.scale = c.scale.const_data_ptr();
  p.scale_by_row = c.scale.numel() > 1;
  p.row_there = data<uint8_t>(c.row_there);
  p.column_there = data<uint8_t>(c.column_there);
  p.excluded_offsets = data<int64_t>(c.excluded_offsets);
  p.excluded_columns = data<int32_t>(c.excluded_columns);
  p.row_labels = data<float>(c.row_labels);
  p.column_labels = data<float>(c.column_labels);
  p.label_width = c.row_labels.defined() ? c.row_labels.size(1) : 0;
  p.row_partner = data<int64_t>(c.row_partner);
  return p;
}

ContrastProblem Case::contrast() const {
  ContrastProblem p = shared_part<ContrastProblem>(*this);
  p.label_scale = label_scale;
  p.hardness = hardness;
  p.pair_offsets = data<int64_t>(listed_offsets);
  p.pair_columns = data<int32_t>(listed_columns);
  p.pair_count = listed_columns.defined() ? listed_columns.size(0) : 0;
  p.column_partner = data<int64_t>(column_partner);
  return p;
}

SigmoidContrastProblem Case::sigmoid() const {
  SigmoidContrastProblem p = shared_part<SigmoidContrastProblem>(*this);
  p.bias = bias.const_data_ptr();
  p.weight = weight.const_data_ptr();
  p.positive_offsets = data<int64_t>(positive_offsets);
  p.positive_columns = data<int32_t>(positive_columns);
  return p;
}

Case plain(const Shape& shape, uint64_t seed) {
  at::manual_seed(seed);
  Case c;
  c.name = std::to_string(shape.rows) + " x " + std::to_string(shape.columns) + " x " + std::to_string(shape.width) + " " +
           c10::toString(shape.type);
  const auto unit = [&](int64_t n) {
    const Tensor x = at::randn({n, shape.width});
    return (x / x.norm(2, 1, true)).to(shape.type);
  };
  c.a = unit(shape.rows);
  c.b = unit(shape.columns);
  c.scale = at::full({1}, 20.0f);
  c.bias = at::full({1}, -2.0f);
  c.weight = at::rand({shape.rows}) / static_cast<double>(shape.rows);
  c.g = at::randn({shape.rows}) / static_cast<double>(shape.rows);
  c.h = at::randn({shape.columns}) / static_cast<double>(shape.columns);
  return c;
}

void add_masks(Case& c) {
  c.name += ", masks";
  c.row_there = random_mask({c.a.size(0)}, 0.9).to(at::kByte);
  c.column_there = random_mask({c.b.size(0)}, 0.9).to(at::kByte);
}
void add_excluded(Case& c) {
  c.name += ", excluded";
  const Tensor mask = random_mask({c.a.size(0), c.b.size(0)}, 0.15);
  mask[c.a.size(0) / 2].fill_(true);  // a row without a candidate
  to_lists(mask, c.excluded_offsets, c.excluded_columns);
}
void add_positives(Case& c) {
  c.name += ", positives";
  to_lists(random_mask({c.a.size(0), c.b.size(0)}, 0.05), c.positive_offsets, c.positive_columns);
}
void add_listed(Case& c) {
  c.name += ", listed";
  const Tensor mask = random_mask({c.a.size(0), c.b.size(0)}, 0.05);
  mask[c.a.size(0) / 3].fill_(true);
  to_lists(mask, c.listed_offsets, c.listed_columns);
  c.g_listed = at::randn({c.listed_columns.size(0)}) / static_cast<double>(c.a.size(0));
}
void add_hardness(Case& c) {
  c.name += ", hardness";
  c.hardness = 0.4;
  c.g_target = at::randn({c.a.size(0)}) / static_cast<double>(c.a.size(0));
  c.h_target = at::randn({c.b.size(0)}) / static_cast<double>(c.b.size(0));
}
void add_labels(Case& c, int64_t width, bool multi_hot) {
  c.name += ", labels";
  const auto labels = [&](int64_t n) {
    return multi_hot ? random_mask({n, width}, 0.1).to(at::kFloat)
                     : at::randn({n, width}) / std::sqrt(static_cast<double>(width));
  };
  c.row_labels = labels(c.a.size(0));
  c.column_labels = labels(c.b.size(0));
  c.label_scale = 3;
  c.g_target = at::randn({c.a.size(0)}) / static_cast<double>(c.a.size(0));
  c.h_target = at::randn({c.b.size(0)}) / static_cast<double>(c.b.size(0));
}
void add_partners(Case& c) {
  c.name += ", partners";
  const int64_t rows = c.a.size(0), columns = c.b.size(0);
  c.row_partner = at::randint(-1, columns, {rows}, at::kLong);
  c.column_partner = at::randint(-1, rows, {columns}, at::kLong);
  c.g_own = at::randn({rows}) / static_cast<double>(rows);
  c.h_own = at::randn({columns}) / static_cast<double>(columns);
  // Every third column and row is its neighbour once more: ties, to the bit.
  for (int64_t i = 1; i < columns; i += 3) c.b[i].copy_(c.b[i - 1]);
  for (int64_t i = 1; i < rows; i += 3) c.a[i].copy_(c.a[i - 1]);
}

Outcome contrast_reference(const Case& c) { return contrast_by_matrices(c, at::kDouble, false); }
Outcome contrast_eager(const Case& c) { return contrast_by_matrices(c, at::kFloat, true); }

Outcome sigmoid_reference(const Case& c) {
  Outcome out;
  const Tensor candidate = candidates(c);
  Tensor positive = to_mask(c, c.positive_offsets, c.positive_columns);
  if (c.row_labels.defined())
    positive = positive.logical_or(c.row_labels.to(at::kDouble).matmul(c.column_labels.to(at::kDouble).t()).gt(0));
  if (c.row_partner.defined()) positive = positive.logical_or(c.row_partner.unsqueeze(1).eq(at::arange(c.b.size(0))));
  const Tensor scale = c.scale.to(at::kDouble).expand({c.a.size(0)}).unsqueeze(1);
  const Tensor dot = c.a.to(at::kDouble).matmul(c.b.to(at::kDouble).t()), y = positive.to(at::kDouble) * 2 - 1;
  const Tensor wrong = -y * (dot * scale + c.bias.to(at::kDouble));
  const Tensor slope = -y * wrong.sigmoid() * candidate * c.weight.to(at::kDouble).unsqueeze(1);
  out.row_sum = (wrong.logaddexp(at::zeros_like(wrong)) * candidate).sum(1);
  out.slope = slope.sum(1);
  out.scale_gradient = (slope * dot).sum(1);
  out.a_gradient = (slope * scale).matmul(c.b.to(at::kDouble));
  out.b_gradient = (slope * scale).t().matmul(c.a.to(at::kDouble));
  if (c.row_partner.defined()) out.row_rank = ranks(dot * scale, candidate, candidate, c.row_partner);
  return out;
}

namespace {
struct Poison {
  at::Device device;
  Tensor floats(at::IntArrayRef shape) const {
    return at::full(shape, std::nan(""), at::TensorOptions(at::kFloat).device(device));
  }
  Tensor counts(int64_t n) const { return at::full({n}, -7, at::TensorOptions(at::kInt).device(device)); }
};
}  // namespace

Outcome run_statistics(const Floor& floor, const Case& on_cpu) {
  const Case c = on_cpu.on(floor.device);
  ContrastProblem p = c.contrast();
  const Poison poison{floor.device};
  Outcome out;
  if (c.row_partner.defined()) out.row_own = at::full({p.rows}, 7.0f, at::TensorOptions(floor.device));
  if (c.column_partner.defined()) out.column_own = at::full({p.columns}, 7.0f, at::TensorOptions(floor.device));
  floor.partner_scores(p, data(out.row_own), data(out.column_own));
  p.row_threshold = data(out.row_own);
  p.column_threshold = data(out.column_own);
  out.row_lse = poison.floats({p.rows});
  out.column_lse = poison.floats({p.columns});
  out.row_lse_rest = poison.floats({p.rows});
  out.column_lse_rest = poison.floats({p.columns});
  if (c.row_partner.defined()) out.row_rank = poison.counts(p.rows);
  if (c.column_partner.defined()) out.column_rank = poison.counts(p.columns);
  if (c.listed_offsets.defined()) out.pair_score = poison.floats({c.listed_columns.size(0)});
  if (c.row_labels.defined()) {
    out.row_target = poison.floats({p.rows});
    out.column_target = poison.floats({p.columns});
  }
  if (c.row_labels.defined() || c.hardness > 0) {
    out.row_label_lse = poison.floats({p.rows});
    out.column_label_lse = poison.floats({p.columns});
  }
  Tensor workspace = at::full({floor.workspace(p) + 1}, 0xff, at::TensorOptions(at::kByte).device(floor.device));
  ContrastStatistics to;
  to.row_lse = data(out.row_lse);
  to.column_lse = data(out.column_lse);
  to.row_lse_rest = data(out.row_lse_rest);
  to.column_lse_rest = data(out.column_lse_rest);
  to.pair_score = data(out.pair_score);
  to.row_rank = static_cast<int32_t*>(data(out.row_rank));
  to.column_rank = static_cast<int32_t*>(data(out.column_rank));
  to.row_target = data(out.row_target);
  to.column_target = data(out.column_target);
  to.row_label_lse = data(out.row_label_lse);
  to.column_label_lse = data(out.column_label_lse);
  floor.statistics(p, to, data(workspace));
  for (Tensor* own : {&out.row_own, &out.column_own})  // NaN says that there is no partner
    if (own->defined()) *own = own->nan_to_num(0);
  return out;
}

Outcome run_contrast(const Floor& floor, const Case& on_cpu, bool deterministic) {
  const Case c = on_cpu.on(floor.device);
  const ContrastProblem p = c.contrast();
  const Poison poison{floor.device};
  Outcome out = run_statistics(floor, on_cpu);
  const Tensor row_lse = finite(out.row_lse), column_lse = finite(out.column_lse);
  Tensor row_label_lse, column_label_lse;
  if (c.row_labels.defined() || c.hardness > 0) {
    row_label_lse = finite(out.row_label_lse);
    column_label_lse = finite(out.column_label_lse);
  }
  out.a_gradient = poison.floats({p.rows, p.width});
  out.b_gradient = poison.floats({p.columns, p.width});
  out.scale_gradient = poison.floats({p.rows});
  ContrastCotangents in;
  in.row_lse = data<float>(row_lse);
  in.column_lse = data<float>(column_lse);
  in.row_lse_rest = data<float>(out.row_lse_rest);
  in.column_lse_rest = data<float>(out.column_lse_rest);
  in.row_gradient = data<float>(c.g);
  in.column_gradient = data<float>(c.h);
  in.row_own_gradient = data<float>(c.g_own);
  in.column_own_gradient = data<float>(c.h_own);
  in.pair_gradient = data<float>(c.g_listed);
  in.row_label_lse = data<float>(row_label_lse);
  in.column_label_lse = data<float>(column_label_lse);
  in.row_target_gradient = data<float>(c.g_target);
  in.column_target_gradient = data<float>(c.h_target);
  floor.gradient(p, in, {data(out.a_gradient), data(out.b_gradient), data(out.scale_gradient)}, deterministic);
  return out;
}

Outcome run_sigmoid(const Floor& floor, const Case& on_cpu, bool deterministic) {
  const Case c = on_cpu.on(floor.device);
  const SigmoidContrastProblem p = c.sigmoid();
  const Poison poison{floor.device};
  Outcome out;
  out.row_sum = poison.floats({p.rows});
  out.slope = poison.floats({p.rows});
  out.scale_gradient = poison.floats({p.rows});
  out.a_gradient = poison.floats({p.rows, p.width});
  out.b_gradient = poison.floats({p.columns, p.width});
  if (c.row_partner.defined()) out.row_rank = poison.counts(p.rows);
  floor.sigmoid(p,
                {data(out.row_sum), static_cast<int32_t*>(data(out.row_rank)), data(out.a_gradient), data(out.b_gradient),
                 data(out.scale_gradient), data(out.slope)},
                deterministic);
  return out;
}

void compare(const Case& c, const Outcome& got, const Outcome& expected) {
  const double statistics = 2e-5;
  // A slope is rounded to the inputs' type before the products: half a unit of its last bit. Sums of many are nearer.
  const double gradients = c.a.scalar_type() == at::kFloat ? 2e-5 : c.a.scalar_type() == at::kHalf ? 1.0 / 1024 : 1.0 / 256;
  close(c, "row_lse", got.row_lse, expected.row_lse, statistics);
  close(c, "column_lse", got.column_lse, expected.column_lse, statistics);
  // The rest is below the last digit of the sum, and 0 for an empty one.
  if (got.row_lse_rest.defined()) {
    EXPECT(got.row_lse_rest.abs().le(got.row_lse.abs().clamp_min(1) * 6e-8).all().item<bool>());
    EXPECT(got.column_lse_rest.abs().le(got.column_lse.abs().clamp_min(1) * 6e-8).all().item<bool>());
  }
  close(c, "row_own", got.row_own, expected.row_own, statistics);
  close(c, "column_own", got.column_own, expected.column_own, statistics);
  close(c, "pair_score", got.pair_score, expected.pair_score, statistics);
  close(c, "row_target", got.row_target, expected.row_target, statistics);
  close(c, "column_target", got.column_target, expected.column_target, statistics);
  close(c, "row_label_lse", got.row_label_lse, expected.row_label_lse, statistics);
  close(c, "column_label_lse", got.column_label_lse, expected.column_label_lse, statistics);
  close(c, "row_sum", got.row_sum, expected.row_sum, statistics);
  close(c, "sum of slopes", got.slope, expected.slope, 1e-4);
  close(c, "scale's gradient", got.scale_gradient, expected.scale_gradient, 1e-4);
  close(c, "a's gradient", got.a_gradient, expected.a_gradient, gradients);
  close(c, "b's gradient", got.b_gradient, expected.b_gradient, gradients);
  same(c, "row_rank", got.row_rank, expected.row_rank);
  same(c, "column_rank", got.column_rank, expected.column_rank);
}

void prove_contrast(const Floor& floor, bool large) {
  const auto prove = [&](const Case& c) {
    const Outcome expected = contrast_reference(c);
    for (const bool deterministic : {false, true}) compare(c, run_contrast(floor, c, deterministic), expected);
  };
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf, at::kFloat}) {
    for (const int64_t n : {1, 2, 3, 127}) prove(plain({n, n, 64, type}));
    for (const int64_t width : {128, 320, 576, 1024}) prove(plain({70, 45, width, type}));
    Case c = plain({150, 270, 128, type});
    add_masks(c);
    add_excluded(c);
    add_labels(c, 40);
    add_partners(c);
    c.scale = at::rand({150}) * 30 + 1;
    add_listed(c);
    prove(c);
    c.row_labels = c.column_labels = Tensor();
    add_hardness(c);
    prove(c);
  }
  // Adversarial: all equal; one-hot with logits of ±100.
  Case equal = plain({130, 130, 64});
  equal.name += ", all equal";
  equal.a.copy_(equal.a[0].expand_as(equal.a));
  equal.b.copy_(equal.a[0].expand_as(equal.b));
  prove(equal);
  Case hot = plain({130, 130, 64, at::kHalf});
  hot.name += ", one-hot";
  hot.a = at::eye(64).repeat({3, 1}).narrow(0, 0, 130).mul(at::randint(0, 2, {130, 1}) * 2 - 1).to(at::kHalf).contiguous();
  hot.b = at::eye(64).repeat({3, 1}).narrow(0, 0, 130).to(at::kHalf).contiguous();
  hot.scale.fill_(100);
  prove(hot);
  if (large) {
    for (const at::ScalarType type : {at::kBFloat16, at::kHalf, at::kFloat})
      for (const int64_t width : {64, 512, 768, 1024}) prove(plain({4097, 2500, width, type}));
    Case c = plain({3000, 4097, 256});
    add_masks(c);
    add_labels(c, 14);
    add_partners(c);
    prove(c);
  }

  // In the inputs' own precision the eager composition is the measure: at most twice its largest error.
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf, at::kFloat}) {
    const Case c = plain({200, 200, 256, type});
    const Outcome truth = contrast_reference(c), eager = contrast_eager(c), got = run_contrast(floor, c, false);
    const auto bounded = [&](const char* what, const Tensor& mine, const Tensor& theirs, const Tensor& y) {
      const auto worst = [&](const Tensor& x) { return (x.to(at::kCPU).to(at::kDouble) - y).abs().max().item<double>(); };
      if (worst(mine) > 2 * worst(theirs))
        native_test::fail(__FILE__, __LINE__,
                          c.name + ": " + what + ": expected an error of at most twice " + std::to_string(worst(theirs) * 1e6) +
                              "e-6 but got " + std::to_string(worst(mine) * 1e6) + "e-6");
    };
    bounded("row_lse", got.row_lse, eager.row_lse, truth.row_lse);
    bounded("column_lse", got.column_lse, eager.column_lse, truth.column_lse);
    bounded("a's gradient", got.a_gradient, eager.a_gradient, truth.a_gradient);
    bounded("b's gradient", got.b_gradient, eager.b_gradient, truth.b_gradient);
  }

  // The same bits in every run.
  Case c = plain({300, 200, 128});
  const Outcome once = run_contrast(floor, c, true), again = run_contrast(floor, c, true);
  EXPECT(once.row_lse.equal(again.row_lse) && once.column_lse.equal(again.column_lse));
  EXPECT(once.a_gradient.equal(again.a_gradient) && once.b_gradient.equal(again.b_gradient) &&
         once.scale_gradient.equal(again.scale_gradient));

  // Blocks of rows put together are the whole: 1, 2 and 4 of them, to 1e-6.
  for (const int64_t parts : {2, 4}) {
    Tensor together;
    for (int64_t part = 0; part < parts; ++part) {
      Case block = c;
      const int64_t rows = c.a.size(0) / parts;
      block.a = c.a.narrow(0, part * rows, rows);
      const Tensor lse = run_statistics(floor, block).column_lse;
      together = together.defined() ? at::logaddexp(together, lse) : lse;
    }
    EXPECT((together - once.column_lse).abs().max().item<double>() <= 1e-6 * once.column_lse.abs().max().item<double>());
  }
}

void prove_sigmoid(const Floor& floor, bool large) {
  const auto prove = [&](const Case& c) {
    const Outcome expected = sigmoid_reference(c);
    for (const bool deterministic : {false, true}) compare(c, run_sigmoid(floor, c, deterministic), expected);
  };
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf, at::kFloat}) {
    for (const int64_t n : {1, 3, 127}) {
      Case c = plain({n, n, 64, type});
      add_partners(c);
      prove(c);
    }
    for (const int64_t width : {576, 1024}) prove(plain({70, 45, width, type}));
    Case c = plain({150, 100, 128, type});
    add_masks(c);
    add_excluded(c);
    add_positives(c);
    add_labels(c, 14, true);
    add_partners(c);
    c.scale = at::rand({150}) * 30 + 1;
    prove(c);
  }
  Case extreme = plain({100, 100, 64, at::kFloat});
  extreme.name += ", logits of 100";
  extreme.scale.fill_(400);
  add_partners(extreme);
  prove(extreme);
  if (large)
    for (const int64_t width : {64, 512, 1024}) prove(plain({4097, 2500, width}));
}

}  // namespace gd::tile_case
