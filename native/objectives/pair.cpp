#include "objectives/pair.h"

#include "core/error.h"

#include <ATen/ATen.h>

#include <limits>

namespace gd {

namespace {

Tensor unit_rows(const Tensor& x) { return x / x.norm(2, 1, true).clamp_min(1e-12); }

// −Σ_j p_j log q_j per row over the columns that are there; 0·(−inf) of absent columns must not become nan.
Tensor cross_entropy(const Tensor& targets, const Tensor& logs, const Tensor& there) {
  const Tensor weights = targets * there.unsqueeze(0).to(targets.scalar_type());
  const Tensor share = weights / weights.sum(1, true).clamp_min(1e-12);
  return -(share * logs.masked_fill(weights == 0, 0)).sum(1);
}

}  // namespace

Pair read_pair(const Features& features, const std::string& rows, const std::string& columns, at::ScalarType type,
               bool normalise) {
  const Tensor a = features.at(rows).to(type), b = features.at(columns).to(type);
  expect(a.dim() == 2 && b.dim() == 2 && a.size(1) == b.size(1), "bad-shape", "expected [B, D] features of one width for ", rows,
         " and ", columns, " but got ", a.sizes(), " and ", b.sizes());
  if (!normalise) return {a, b};
  return {unit_rows(a), unit_rows(b)};
}

void expect_pairs(const Relation& relation, const Pair& pair) {
  expect(relation.kind != Relation::Kind::identity || pair.rows.size(0) == pair.columns.size(0), "bad-relation",
         "expected as many columns as rows for the identity relation but got ", pair.rows.size(0), " and ", pair.columns.size(0));
}

SymmetricSoftmax symmetric_softmax(const Tensor& scores, const Relation& relation, Tensor row_there, Tensor column_there) {
  const bool identity = relation.kind == Relation::Kind::identity;
  if (identity) row_there = column_there = row_there & column_there;
  const double never = -std::numeric_limits<double>::infinity();
  SymmetricSoftmax out;
  Tensor open = scores;
  if (relation.neutral.offsets.defined())
    open = scores.masked_fill(relation.neutrals(scores.size(0), scores.size(1), scores), never);
  const Tensor by_row = at::log_softmax(open.masked_fill(~column_there.unsqueeze(0), never), 1);
  const Tensor by_column = at::log_softmax(open.t().masked_fill(~row_there.unsqueeze(0), never), 1);
  if (identity) {
    out.row_loss = -by_row.diagonal();
    out.column_loss = -by_column.diagonal();
  } else {
    const int64_t n = scores.size(0), m = scores.size(1);
    const Tensor like = scores.detach();
    out.row_loss = cross_entropy(relation.row_targets(n, m, like), by_row, column_there);
    out.column_loss = cross_entropy(relation.column_targets(n, m, like), by_column, row_there);
  }
  out.row_there = std::move(row_there);
  out.column_there = std::move(column_there);
  return out;
}

}  // namespace gd
