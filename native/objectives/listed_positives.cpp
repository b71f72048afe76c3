#include "objectives/listed_positives.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

// Both lists in one, columns ascending again. They share no pair.
PairList together(const PairList& one, const PairList& other) {
  if (!other.offsets.defined()) return one;
  const auto keys = [](const PairList& list) { return list.rows() * (int64_t{1} << 32) + list.columns; };
  const Tensor sorted = std::get<0>(at::cat({keys(one), keys(other)}).sort());
  return {one.offsets + other.offsets, sorted.bitwise_and((int64_t{1} << 32) - 1).to(at::kInt)};
}

// Sums of a number for each pair, by sample.
Tensor sum_by(const Tensor& sample, const Tensor& values, int64_t samples) {
  return at::zeros({samples}, values.options()).index_add(0, sample, values);
}

// log Σ exp of a number for each valid pair, by sample; 0 for samples without.
Tensor log_sum_by(const Tensor& sample, const Tensor& values, const Tensor& valid, int64_t samples) {
  const Tensor plain = values.detach().masked_fill(valid.logical_not(), -std::numeric_limits<double>::infinity());
  const Tensor largest =
      at::full({samples}, -std::numeric_limits<double>::infinity(), plain.options()).scatter_reduce(0, sample, plain, "amax");
  const Tensor top = at::where(at::isfinite(largest), largest, at::zeros_like(largest));
  const Tensor terms = at::where(valid, (values - top.index_select(0, sample)).exp(), at::zeros_like(values));
  const Tensor sum = sum_by(sample, terms, samples);
  return at::where(sum > 0, sum.clamp_min(1e-30).log() + top, at::zeros_like(sum));
}

// One direction: what the kernel gives of each sample, and each pair's place among them.
struct Direction {
  Tensor lse, rest, hard_lse;  // [N]
  Tensor sample;               // int64 [pairs]
  Tensor negatives;            // [N]: how many candidates the log-sum-exp is over
};

Tensor loss_of(const ListedPositives& what, const Direction& d, const Tensor& z, const Tensor& valid, Tensor& counts) {
  const int64_t samples = d.lse.size(0);
  const Tensor positives = sum_by(d.sample, valid.to(z.scalar_type()), samples);
  counts = positives > 0;
  if (what.form == Positives::any)
    return at::where(counts, d.lse - log_sum_by(d.sample, z, valid, samples) + d.rest, at::zeros_like(d.lse));
  const auto of_pair = [&](const Tensor& x) { return x.index_select(0, d.sample); };
  Tensor each;
  if (what.form == Positives::mean) {
    each = (of_pair(d.lse) - z) + of_pair(d.rest);
  } else {
    const Tensor any = of_pair(d.negatives) > 0;
    Tensor above = (of_pair(d.lse) - z) + of_pair(d.rest);  // log Σ_N exp(z_j − z)
    if (what.hardness > 0) {
      const Tensor count = d.negatives.clamp_min(1).log();
      above = ((of_pair(d.lse) - of_pair(d.hard_lse)) - z) + of_pair(d.rest + count);
    }
    each = at::where(any, at::softplus(above), at::zeros_like(above));
  }
  const Tensor share = valid.to(z.scalar_type()) / of_pair(positives).clamp_min(1);
  return sum_by(d.sample, at::where(valid, each * share, at::zeros_like(each)), samples);
}

}  // namespace

void ListedPositives::ask(ContrastPlan& plan) const {
  plan.pair_offsets = positive.offsets;
  plan.pair_columns = positive.columns;
  PairList out = neutral;
  if (form == Positives::apart) out = together(positive, neutral);
  plan.excluded_offsets = out.offsets;
  plan.excluded_columns = out.columns;
  plan.hardness = hardness / (1 + hardness);
}

ListedLosses listed_losses(const ListedPositives& what, const Contrast& found, const Tensor& row_there,
                           const Tensor& column_there) {
  const auto type = found.row_lse.scalar_type();
  const Tensor rows = what.positive.rows(), columns = what.positive.columns.to(at::kLong);
  const auto both = [&](const Tensor& r, const Tensor& c) {
    return row_there.index_select(0, r).logical_and(column_there.index_select(0, c));
  };
  const Tensor valid = both(rows, columns), z = found.pair_score / what.scale_factor();
  Direction by_row{found.row_lse, found.row_lse_rest, found.row_hard_lse, rows, {}};
  Direction by_column{found.column_lse, found.column_lse_rest, found.column_hard_lse, columns, {}};
  if (what.form == Positives::apart) {
    const int64_t n = row_there.size(0), m = column_there.size(0);
    by_row.negatives = column_there.to(type).sum() - sum_by(rows, valid.to(type), n);
    by_column.negatives = row_there.to(type).sum() - sum_by(columns, valid.to(type), m);
    if (what.neutral.offsets.defined()) {
      const Tensor r = what.neutral.rows(), c = what.neutral.columns.to(at::kLong), there = both(r, c).to(type);
      by_row.negatives = by_row.negatives - sum_by(r, there, n);
      by_column.negatives = by_column.negatives - sum_by(c, there, m);
    }
  }
  ListedLosses out;
  out.row_loss = loss_of(what, by_row, z, valid, out.row_counts);
  out.column_loss = loss_of(what, by_column, z, valid, out.column_counts);
  return out;
}

}  // namespace gd
