#include "relations/pair_lists.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

constexpr int64_t block_rows = 512;

// Offsets from the number of pairs of each row.
Tensor offsets_of(const Tensor& counts) { return at::cat({at::zeros({1}, counts.options()), counts.cumsum(0)}); }

}  // namespace

PairList pairs_where(int64_t rows, int64_t columns, const std::function<Tensor(int64_t, int64_t)>& holds) {
  std::vector<Tensor> counts, found;
  for (int64_t first = 0; first < rows; first += block_rows) {
    const Tensor mask = holds(first, std::min(block_rows, rows - first));
    counts.push_back(mask.sum(1));
    found.push_back(mask.nonzero().select(1, 1).to(at::kInt));
  }
  return {offsets_of(at::cat(counts)), at::cat(found)};
}

PairList pairs_of_keys(const Tensor& rows, const Tensor& columns) {
  const auto [sorted, order] = columns.sort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
  const Tensor first = at::searchsorted(sorted, rows), end = at::searchsorted(sorted, rows, /*out_int32=*/false, /*right=*/true);
  const Tensor counts = end - first, offsets = offsets_of(counts);
  const int64_t pairs = offsets[-1].item<int64_t>();
  // The k-th pair of row i is the k-th column of its key.
  const Tensor shift = at::repeat_interleave(first - offsets.slice(0, 0, -1), counts, 0);
  return {offsets, order.index_select(0, at::arange(pairs, shift.options()) + shift).to(at::kInt)};
}

}  // namespace gd
