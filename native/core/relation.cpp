#include "core/relation.h"

#include "core/error.h"

#include <ATen/ATen.h>

namespace gd {

namespace {

Tensor shares(const Tensor& s) {
  const Tensor total = s.sum(1, /*keepdim=*/true);
  return at::where(total > 0, s / total.clamp_min(1e-12), at::zeros_like(s));
}

Tensor targets(const Relation& r, const Tensor& a, const Tensor& b) {
  const Tensor s = at::matmul(a, b.t());
  if (r.normalise == Relation::Normalise::softmax) return at::softmax(s / r.temperature, 1);
  return shares(s);
}

// 1 where a pair is listed, [N, M].
Tensor matrix(const PairList& list, int64_t n, int64_t m, const Tensor& like) {
  const Tensor out = at::zeros({n, m}, like.options());
  if (list.offsets.defined()) out.index_put_({list.rows(), list.columns.to(at::kLong)}, at::ones({1}, like.options()));
  return out;
}

Tensor identity(int64_t n, int64_t m, const Tensor& like) {
  expect(n == m, "bad-relation", "expected as many columns as rows for the identity relation but got ", n, " and ", m);
  return at::eye(n, like.options());
}

}  // namespace

Tensor PairList::rows() const { return at::repeat_interleave(offsets.diff()); }

Tensor Relation::row_targets(int64_t n, int64_t m, const Tensor& like) const {
  if (kind == Kind::identity) return identity(n, m, like);
  if (kind == Kind::pairs) return shares(matrix(positive, n, m, like));
  return targets(*this, rows.to(like.options()), columns.to(like.options()));
}

Tensor Relation::neutrals(int64_t n, int64_t m, const Tensor& like) const { return matrix(neutral, n, m, like.detach()) > 0; }

Tensor Relation::column_targets(int64_t n, int64_t m, const Tensor& like) const {
  if (kind == Kind::identity) return identity(m, n, like);
  if (kind == Kind::pairs) return shares(matrix(positive, n, m, like).t().contiguous());
  return targets(*this, columns.to(like.options()), rows.to(like.options()));
}

}  // namespace gd
