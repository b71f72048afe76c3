// The soft-max contrast twice more: by plain loops in float64, and as one composes it of libtorch operators.
#pragma once

#include "kernels/contrast.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace gd {

inline bool reference_there(const ContrastPlan& plan, int64_t i, int64_t j) {
  return (!plan.row_there.defined() || plan.row_there.const_data_ptr<bool>()[i]) &&
         (!plan.column_there.defined() || plan.column_there.const_data_ptr<bool>()[j]);
}

// Whether (i, j), of samples that are there, is a candidate pair.
inline bool reference_pair(const ContrastPlan& plan, int64_t i, int64_t j) {
  if (!plan.excluded_offsets.defined()) return true;
  const int64_t* from = plan.excluded_offsets.const_data_ptr<int64_t>() + i;
  const int32_t* columns = plan.excluded_columns.const_data_ptr<int32_t>();
  return !std::binary_search(columns + from[0], columns + from[1], j);
}

struct ContrastReference {
  ContrastSums sums;
  ContrastGradient gradient;
};

// Sums and, for the given gradients of the outputs, gradients; all float64.
inline ContrastReference contrast_reference(const Tensor& given_a, const Tensor& given_b, const Tensor& given_scale,
                                            const ContrastPlan& plan, const ContrastPull& given_pull) {
  const auto numbers = [](const Tensor& x) {
    std::vector<double> out;
    if (!x.defined()) return out;
    const Tensor plain = x.detach().to(at::kDouble).contiguous();
    out.assign(plain.const_data_ptr<double>(), plain.const_data_ptr<double>() + plain.numel());
    return out;
  };
  const auto tensor = [](const std::vector<double>& x, at::IntArrayRef shape) { return at::tensor(x, at::kDouble).view(shape); };
  const int64_t n = given_a.size(0), m = given_b.size(0), width = given_a.size(1);
  const std::vector<double> a = numbers(given_a), b = numbers(given_b), scales = numbers(given_scale);
  const std::vector<double> p = numbers(plan.row_labels), q = numbers(plan.column_labels);
  const int64_t label_width = plan.row_labels.defined() ? plan.row_labels.size(1) : 0;
  const auto index = [](int64_t x) { return static_cast<size_t>(x); };
  const auto at = [&](int64_t i, int64_t j) { return index(i * m + j); };
  constexpr double never = -std::numeric_limits<double>::infinity();

  // Scores of samples that are there; of candidates; and the second score of each.
  std::vector<double> all(index(n * m), never), z(index(n * m), never), s(index(n * m), never);
  const bool all_there = !plan.row_there.defined() && !plan.column_there.defined();
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < m; ++j) {
      if (!all_there && !reference_there(plan, i, j)) continue;
      double dot = 0, label = 0;
      for (int64_t d = 0; d < width; ++d) dot += a[index(i * width + d)] * b[index(j * width + d)];
      for (int64_t k = 0; k < label_width; ++k) label += p[index(i * label_width + k)] * q[index(j * label_width + k)];
      all[at(i, j)] = dot * scales[scales.size() > 1 ? index(i) : 0];
      if (!reference_pair(plan, i, j)) continue;
      z[at(i, j)] = all[at(i, j)];
      s[at(i, j)] = plan.hardness > 0 ? plan.hardness * z[at(i, j)] : label / plan.label_temperature;
    }
  // Of row x (or column x): log Σ exp, and the mean of y under those shares.
  const auto log_sum = [&](const std::vector<double>& of, int64_t x, bool row) {
    double top = never, sum = 0;
    const int64_t count = row ? m : n;
    const auto value = [&](int64_t k) { return of[row ? at(x, k) : at(k, x)]; };
    for (int64_t k = 0; k < count; ++k) top = std::max(top, value(k));
    if (top == never) return never;
    for (int64_t k = 0; k < count; ++k) sum += std::exp(value(k) - top);
    return top + std::log(sum);
  };
  const auto finite = [](double x) { return x == never ? 0 : x; };
  const auto share = [](double x, double lse) { return x == never ? 0 : std::exp(x - lse); };

  std::vector<double> row_lse, column_lse, row_label, column_label, row_target(index(n)), column_target(index(m));
  for (int64_t i = 0; i < n; ++i) row_lse.push_back(log_sum(z, i, true)), row_label.push_back(log_sum(s, i, true));
  for (int64_t j = 0; j < m; ++j) column_lse.push_back(log_sum(z, j, false)), column_label.push_back(log_sum(s, j, false));
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < m; ++j) {
      row_target[index(i)] += share(s[at(i, j)], row_label[index(i)]) * finite(z[at(i, j)]);
      column_target[index(j)] += share(s[at(i, j)], column_label[index(j)]) * finite(z[at(i, j)]);
    }
  std::vector<double> row_own(index(n)), column_own(index(m));
  std::vector<int> row_rank(index(n)), column_rank(index(m));
  for (int64_t i = 0; plan.row_partner.defined() && i < n; ++i) {
    const int64_t j = plan.row_partner[i].item<int64_t>();
    if (j < 0 || all[at(i, j)] == never) continue;
    row_own[index(i)] = all[at(i, j)];
    row_rank[index(i)] = 1;
    for (int64_t k = 0; k < m; ++k) row_rank[index(i)] += z[at(i, k)] > all[at(i, j)];
  }
  for (int64_t j = 0; plan.column_partner.defined() && j < m; ++j) {
    const int64_t i = plan.column_partner[j].item<int64_t>();
    if (i < 0 || all[at(i, j)] == never) continue;
    column_own[index(j)] = all[at(i, j)];
    column_rank[index(j)] = 1;
    for (int64_t k = 0; k < n; ++k) column_rank[index(j)] += z[at(k, j)] > all[at(i, j)];
  }

  const auto pull = [&](const Tensor& x, int64_t count) { return x.defined() ? numbers(x) : std::vector<double>(index(count)); };
  const auto g = pull(given_pull.row_lse, n), h = pull(given_pull.column_lse, m);
  const bool hard = plan.hardness > 0;
  const auto g_target = pull(hard ? given_pull.row_hard_lse : given_pull.row_target, n),
             h_target = pull(hard ? given_pull.column_hard_lse : given_pull.column_target, m);
  const auto g_own = pull(given_pull.row_own, n), h_own = pull(given_pull.column_own, m);
  std::vector<double> listed(index(n * m)), pair_score;  // gradients and scores of the list
  for (int64_t i = 0; plan.pair_offsets.defined() && i < n; ++i)
    for (int64_t k = plan.pair_offsets[i].item<int64_t>(); k < plan.pair_offsets[i + 1].item<int64_t>(); ++k) {
      const int64_t j = plan.pair_columns[k].item<int64_t>();
      if (given_pull.pair_score.defined()) listed[at(i, j)] = given_pull.pair_score[k].item<double>();
      pair_score.push_back(finite(all[at(i, j)]));
    }
  std::vector<double> da(index(n * width)), db(index(m * width)), dscale(index(n));
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < m; ++j) {
      const double score = z[at(i, j)], label = s[at(i, j)];
      if (all[at(i, j)] == never) continue;
      double dz =
          listed[at(i, j)] + g[index(i)] * share(score, row_lse[index(i)]) + h[index(j)] * share(score, column_lse[index(j)]);
      if (label_width > 0 || hard)
        dz += (hard ? plan.hardness : 1) * (g_target[index(i)] * share(label, row_label[index(i)]) +
                                            h_target[index(j)] * share(label, column_label[index(j)]));
      if (plan.row_partner.defined() && plan.row_partner[i].item<int64_t>() == j) dz += g_own[index(i)];
      if (plan.column_partner.defined() && plan.column_partner[j].item<int64_t>() == i) dz += h_own[index(j)];
      const double scale = scales[scales.size() > 1 ? index(i) : 0];
      for (int64_t d = 0; d < width; ++d) {
        da[index(i * width + d)] += dz * scale * b[index(j * width + d)];
        db[index(j * width + d)] += dz * scale * a[index(i * width + d)];
        dscale[index(i)] += dz * a[index(i * width + d)] * b[index(j * width + d)];
      }
    }

  ContrastReference out;
  out.sums.row_lse = tensor(row_lse, {n});
  out.sums.column_lse = tensor(column_lse, {m});
  if (label_width > 0) {
    out.sums.row_target = tensor(row_target, {n});
    out.sums.column_target = tensor(column_target, {m});
  }
  if (hard) {
    out.sums.row_hard_lse = tensor(row_label, {n});
    out.sums.column_hard_lse = tensor(column_label, {m});
  }
  if (plan.pair_offsets.defined()) out.sums.pair_score = tensor(pair_score, {static_cast<int64_t>(pair_score.size())});
  if (plan.row_partner.defined()) {
    out.sums.row_own = tensor(row_own, {n});
    out.sums.row_rank = at::tensor(row_rank, at::kInt);
  }
  if (plan.column_partner.defined()) {
    out.sums.column_own = tensor(column_own, {m});
    out.sums.column_rank = at::tensor(column_rank, at::kInt);
  }
  out.gradient = {tensor(da, {n, width}), tensor(db, {m, width}), tensor(dscale, {n})};
  return out;
}

// The composition of libtorch operators, in the type of its arguments. Ranks are left out.
inline Contrast contrast_composed(const Tensor& a, const Tensor& b, const Tensor& scale, const ContrastPlan& plan) {
  const int64_t n = a.size(0), m = b.size(0);
  Tensor closed = at::zeros({n, m}, a.options().dtype(at::kBool).requires_grad(false));
  if (plan.row_there.defined()) closed = closed | ~plan.row_there.unsqueeze(1);
  if (plan.column_there.defined()) closed = closed | ~plan.column_there.unsqueeze(0);
  const Tensor absent = closed.clone();
  if (plan.excluded_offsets.defined()) {
    const Tensor counts = plan.excluded_offsets.diff();
    closed.index_put_({at::repeat_interleave(counts), plan.excluded_columns.to(at::kLong)}, at::ones({1}, at::kBool));
  }
  // One very low number in place of −inf keeps the gradients of samples without candidates free of NaN.
  const double never = -1e30;
  const Tensor scores = at::matmul(a * (scale.dim() == 1 ? scale.unsqueeze(1) : scale), b.t());
  const Tensor z = scores.masked_fill(closed, never);
  const auto alone = [&](const Tensor& x, int64_t dimension) { return x.masked_fill(closed.all(dimension), 0); };
  Contrast out;
  out.row_lse = alone(at::logsumexp(z, 1), 1);
  out.column_lse = alone(at::logsumexp(z, 0), 0);
  if (plan.row_labels.defined()) {
    const Tensor s = (at::matmul(plan.row_labels, plan.column_labels.t()) / plan.label_temperature).masked_fill(closed, never);
    const Tensor open = (~closed).to(a.scalar_type());
    out.row_target = (at::softmax(s, 1) * open * scores).sum(1);
    out.column_target = (at::softmax(s, 0) * open * scores).sum(0);
  }
  if (plan.hardness > 0) {
    out.row_hard_lse = alone(at::logsumexp(z * plan.hardness, 1), 1);
    out.column_hard_lse = alone(at::logsumexp(z * plan.hardness, 0), 0);
  }
  if (plan.pair_offsets.defined()) {
    const Tensor rows = at::repeat_interleave(plan.pair_offsets.diff());
    out.pair_score = scores.masked_fill(absent, 0).index({rows, plan.pair_columns.to(at::kLong)});
  }
  const auto own = [&](const Tensor& score, const Tensor& absent_pairs, const Tensor& partner) {
    const Tensor index = partner.clamp_min(0).unsqueeze(1);
    const Tensor none = absent_pairs.gather(1, index).squeeze(1) | (partner < 0);
    return score.gather(1, index).squeeze(1).masked_fill(none, 0);
  };
  if (plan.row_partner.defined()) out.row_own = own(scores, absent, plan.row_partner);
  if (plan.column_partner.defined()) out.column_own = own(scores.t(), absent.t(), plan.column_partner);
  return out;
}

}  // namespace gd
