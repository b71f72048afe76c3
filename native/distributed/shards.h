// Which elements of every parameter a rank's optimiser keeps and updates, and how they travel (ZeRO stage 1, Rajbhandari et al.
// 2020): gradients are summed where they are used, and what each rank has updated goes to all.
#pragma once

#include "distributed/process_group.h"

#include <vector>

namespace gd {

// Elements count in the order of memory, so that a piece of a tensor is a view of it. Each bucket of gradients is cut into one range
// a rank, as evenly as whole runs of `run` elements of a parameter allow: kernels then meet the same vectors as in the whole
// parameter, and round alike.
class Shards {
 public:
  static constexpr int64_t run = 64;

  // buckets: places in `parameters`, as the reducer has them. All parameters are dense, in any order of dimensions.
  Shards(std::vector<Tensor> parameters, const std::vector<std::vector<size_t>>& buckets, ProcessGroup& group);

  // Where each rank's range of a bucket begins, and at the end the bucket's length: [size + 1].
  const std::vector<int64_t>& cuts(size_t bucket) const { return cuts_[bucket]; }
  // A rank's elements of a tensor laid out as parameter `i`: a view [n], n = 0 where it keeps none.
  Tensor piece(size_t i, const Tensor& whole) const { return piece(i, whole, group_.rank()); }
  // Every rank's elements of every parameter to all ranks, in place.
  void gather_parameters();

  // For checkpoints: rank 0's `whole`, laid out as parameter `i`, out of each rank's piece `mine`; and the way back. Other ranks need
  // no `whole`.
  void collect(size_t i, const Tensor& mine, const Tensor& whole);
  void hand_out(size_t i, const Tensor& whole, const Tensor& mine);

 private:
  Tensor piece(size_t i, const Tensor& whole, int64_t rank) const;

  ProcessGroup& group_;
  const std::vector<Tensor> parameters_;
  std::vector<std::vector<int64_t>> cuts_;
  // Where in parameter i each rank's elements begin, and its length: [parameters, size + 1].
  std::vector<std::vector<int64_t>> begins_;
};

}  // namespace gd
