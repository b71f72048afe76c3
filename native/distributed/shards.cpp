#include "distributed/shards.h"

#include "core/error.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace gd {

namespace {

// Pieces of fewer elements go together: each message has a cost of its own.
constexpr int64_t alone_from = 16384;

}  // namespace

Shards::Shards(std::vector<Tensor> parameters, const std::vector<std::vector<size_t>>& buckets, ProcessGroup& group)
    : group_(group), parameters_(std::move(parameters)), begins_(parameters_.size()) {
  const int64_t size = group_.size();
  for (const auto& bucket : buckets) {
    int64_t length = 0;
    for (const size_t i : bucket) {
      expect(parameters_[i].is_non_overlapping_and_dense(), "bad-option",
             "expected dense parameters for optimise.sharded but one of the shape ", parameters_[i].sizes(), " has gaps");
      length += parameters_[i].numel();
    }
    std::vector<int64_t> cuts(static_cast<size_t>(size) + 1, length);
    int64_t begin = 0;
    int64_t rank = 0;
    for (const size_t i : bucket) {
      const int64_t end = begin + parameters_[i].numel();
      for (; rank < size && rank * length / size < end; ++rank) {
        const int64_t into = rank * length / size - begin;
        cuts[static_cast<size_t>(rank)] = begin + into / run * run;
      }
      begin = end;
    }
    begin = 0;
    for (const size_t i : bucket) {
      for (const int64_t cut : cuts) begins_[i].push_back(std::clamp<int64_t>(cut - begin, 0, parameters_[i].numel()));
      begin += parameters_[i].numel();
    }
    cuts_.push_back(std::move(cuts));
  }
}

Tensor Shards::piece(size_t i, const Tensor& whole, int64_t rank) const {
  const int64_t from = begins_[i][static_cast<size_t>(rank)], to = begins_[i][static_cast<size_t>(rank) + 1];
  return whole.detach().as_strided({to - from}, {1}, whole.storage_offset() + from);
}

void Shards::gather_parameters() {
  NoGradGuard no_grad;
  std::vector<ProcessGroup::Held> messages;
  struct Packed {
    std::vector<Tensor> parts;
    Tensor all;
  };
  std::vector<Packed> others;
  for (int64_t rank = 0; rank < group_.size(); ++rank) {
    std::vector<Tensor> small;
    int64_t length = 0;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      const Tensor part = piece(i, parameters_[i], rank);
      if (part.numel() >= alone_from) {
        messages.push_back({part, rank});
      } else if (part.numel() > 0) {
        small.push_back(part);
        length += part.numel();
      }
    }
    if (small.empty()) continue;
    const bool mine = rank == group_.rank();
    const Tensor all = mine ? at::cat(small) : at::empty({length}, small[0].options());
    messages.push_back({all, rank});
    if (!mine) others.push_back({std::move(small), all});
  }
  group_.broadcast(messages);
  for (const auto& [parts, all] : others) {
    int64_t at = 0;
    for (const auto& part : parts) {
      part.copy_(all.narrow(0, at, part.numel()));
      at += part.numel();
    }
  }
}

void Shards::collect(size_t i, const Tensor& mine, const Tensor& whole) {
  if (group_.rank() > 0) {
    if (mine.numel() > 0) group_.send(mine, 0);
    return;
  }
  piece(i, whole, 0).copy_(mine);
  for (int64_t rank = 1; rank < group_.size(); ++rank)
    if (const Tensor part = piece(i, whole, rank); part.numel() > 0) group_.receive(part, rank);
}

void Shards::hand_out(size_t i, const Tensor& whole, const Tensor& mine) {
  if (group_.rank() > 0) {
    if (mine.numel() > 0) group_.receive(mine, 0);
    return;
  }
  mine.copy_(piece(i, whole, 0));
  for (int64_t rank = 1; rank < group_.size(); ++rank)
    if (const Tensor part = piece(i, whole, rank); part.numel() > 0) group_.send(part, rank);
}

}  // namespace gd
