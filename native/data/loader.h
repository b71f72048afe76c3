// Threads that turn row numbers into batches, in order, whatever their number.
#pragma once

#include "core/batch.h"
#include "data/input.h"

#include <memory>
#include <string>
#include <vector>

namespace gd {

struct LoaderOptions {
  int64_t batch = 0;  // samples a batch on this rank
  int64_t streams = 1;
  int threads = 1;
  int64_t ahead = 3;  // batches kept ready
  uint64_t seed = 0;
  bool training = true;
  bool pinned = false;  // page-locked memory, for copies to a card
};

class Loader {
 public:
  Loader(std::shared_ptr<const Dataset> data, std::vector<NamedInput> inputs, LoaderOptions options);
  ~Loader();  // stops and joins the threads; pending batches are dropped

  // Appends batches: rows has size a multiple of streams*batch, per batch stream-major; `first` is the position of the
  // first sample in the epoch (over all ranks). A last, smaller batch is allowed when `short_batch` > 0 (evaluation):
  // then rows holds streams*short_batch. Thread-safe.
  void push(std::vector<uint32_t> rows, int64_t epoch, int64_t first, int64_t short_batch = 0);
  void end();  // no more rows will come: next() gives an empty batch after the last

  // The next batch in order; waits. Size 0 when ended. `waited` adds the seconds of waiting.
  // Throws what a loader thread threw that was not about one sample.
  Batch next(double* waited = nullptr);
  size_t ready() const;    // batches decoded and waiting
  size_t pending() const;  // batches pushed and not yet taken

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gd
