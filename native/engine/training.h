// One run's moving parts, shared between the training thread and the calls that arrive from JavaScript.
#pragma once

#include "engine/engine.h"

namespace gd {

struct Engine::Training {
  explicit Training(const Value& arguments) : arguments(arguments) {}
  const Value arguments;
  std::shared_ptr<const Dataset> data;
  std::vector<NamedInput> inputs;
  std::unique_ptr<Loader> loader;
  int64_t batch = 0;  // samples a step on this rank
  int64_t world = 1, rank = 0;
  double peak = 0;       // floating-point operations a second of this rank's device; 0: not known
  int64_t low_mark = 0;  // asks for rows when fewer batches are pending

  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  bool stop = false, proceed = false;
  std::string stop_reason, checkpoint_reason;
  std::optional<double> observed;
  std::vector<CheckpointWriter::Done> not_written;  // checkpoints since the last that was

  // Training thread only.
  std::optional<StepRecord> unread;  // on a card the record of the step before
  int64_t skipped = 0, skipped_in_a_row = 0, rejected = 0;
  bool asked = false;
  std::chrono::steady_clock::time_point last_checkpoint = std::chrono::steady_clock::now();
};

}  // namespace gd
