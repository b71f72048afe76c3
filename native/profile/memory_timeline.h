// What a stretch of work allocates and frees, in order; and the same for another batch size, without running it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace gd {

// Listens to libtorch's allocators on this thread, and on threads that a backward runs on, while it is not paused.
class MemoryTimeline {
 public:
  struct Event {
    size_t block = 0;  // number of the allocation
    bool freed = false;
  };
  struct Block {
    double bytes = 0;
    const void* place = nullptr;
    bool alive = true;
    bool gradient = false;  // of a parameter
  };

  MemoryTimeline();
  ~MemoryTimeline();
  MemoryTimeline(const MemoryTimeline&) = delete;
  void pause();
  void resume();
  // From here on blocks belong to what follows the forward.
  void mark_forward_end();
  // Blocks that hold these tensors now are gradients of parameters.
  void mark_gradients(const std::vector<at::Tensor>& gradients);

  const std::vector<Event>& events() const;
  const std::vector<Block>& blocks() const;
  size_t forward_events() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
  bool listening_ = false;
};

struct MemoryPeak {
  double held = 0;              // alive after the forward: what the backward needs
  double alone = 0;             // at most, gradients of parameters included as they come
  double beside_gradients = 0;  // at most, where gradients have a place of their own all the time (buckets of the reducer)
  bool followed = true;         // false: the two runs did not allocate alike, and only their totals were carried on
};

// Of `batch` samples, from two runs of the same work on `one_batch` and `other_batch` samples: the same allocations in the same
// order, each a linear function of the batch.
MemoryPeak peak_of(const MemoryTimeline& one, int64_t one_batch, const MemoryTimeline& other, int64_t other_batch, int64_t batch);
// As it was.
MemoryPeak peak_of(const MemoryTimeline& one);

}  // namespace gd
