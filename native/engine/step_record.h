// The numbers of one step on their way to an event. On a card they are copied without waiting and read a step later.
#pragma once

#include "core/value.h"
#include "engine/trainer.h"

namespace gd {

struct StepPosition {
  int64_t step = 0;  // number of the step just done, from 1
  int64_t epoch = 0;
  int64_t samples = 0;  // since the start of training
  int64_t batch = 0;
  size_t ready = 0;  // batches waiting in the loader
  int64_t world = 1;
  double peak = 0;  // floating-point operations a second of one rank's device; 0: not known
};

class StepRecord {
 public:
  StepRecord(StepOutcome outcome, Stopwatch watch, StepPosition position);
  // The step event without `skipped`; waits for the device when it has to. Sets `bad`.
  Value read();
  bool bad() const { return bad_; }
  const std::string& suspects() const { return suspects_; }  // what was not finite, for the warning
  int64_t step() const { return position_.step; }

 private:
  std::vector<std::string> names_;  // of the scalars, "loss", "loss:…", "measure:…", "norm", "norm:…", "bad"
  Tensor scalars_;                  // [n] float on the CPU
  std::optional<c10::Event> copied_;
  std::vector<std::pair<std::string, double>> rates_;
  const Work* work_;
  Stopwatch watch_;
  StepPosition position_;
  bool bad_ = false;
  std::string suspects_;
};

// Bytes in use now and at most: resident set on the CPU, the allocator's on a card.
Value memory_in_use(c10::Device device);

}  // namespace gd
