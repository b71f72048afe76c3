// Gradients averaged over ranks while the backward still runs: libtorch's own reducer, the engine of DistributedDataParallel.
#pragma once

#include "distributed/shards.h"

#include <memory>
#include <optional>
#include <vector>

namespace c10d {
class Reducer;
class Logger;
}  // namespace c10d

namespace gd {

// How gradients travel: as they are, or rounded to half the bytes on the way.
enum class GradientCompression { none, bf16, fp16 };
GradientCompression gradient_compression_of(std::string_view name);  // throws Error("bad-option")

class GradientReducer {
 public:
  // parameters: the trainable ones, the same list on every rank. Buckets go from the last to the first, so that the first one is
  // full early in the backward; their layout depends on the list alone, so a resumed run sums in the same order.
  // `sharded`: a rank gets only the gradients of its own shards; what else lies in .grad then is worth nothing.
  GradientReducer(std::vector<Tensor> parameters, ProcessGroup& group, GradientCompression compression, bool sharded);
  ~GradientReducer();

  void before_forward();
  // Without this call a backward's gradients stay on this rank. `loss` tells which parameters take part in this step.
  void before_backward(const Tensor& loss);
  // Averages what lies in .grad now: for gradients that several backwards have added up.
  void average_now();
  Shards* shards() { return shards_ ? &*shards_ : nullptr; }

 private:
  class Travel;

  const std::vector<Tensor> parameters_;
  const std::vector<std::vector<size_t>> buckets_;  // places in parameters_
  ProcessGroup& group_;
  std::optional<Shards> shards_;
  std::unique_ptr<Travel> travel_;
  std::shared_ptr<c10d::Reducer> reducer_;
  std::shared_ptr<c10d::Logger> logger_;
};

}  // namespace gd
