// Writes checkpoints beside training: the training thread pays for one copy of the tensors, a thread of its own for the disk.
#pragma once

#include "checkpoint/safetensors.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace gd {

class CheckpointWriter {
 public:
  struct Done {
    std::string path;
    int64_t bytes = 0;
    double milliseconds = 0;  // of writing
    std::string error;        // empty when it was written
    std::string advice;
  };

  CheckpointWriter();
  ~CheckpointWriter();  // finishes what was begun

  // Copies `tensors` (any device and layout) and returns; those that nobody else holds it takes as they are. Waits first when the
  // write before has not finished, so that at most one copy is held. `done` is called on the writer's thread.
  void write(std::string path, NamedTensors tensors, Value metadata, std::function<void(const Done&)> done);
  void wait();  // until nothing is being written

 private:
  struct Job {
    std::string path;
    NamedTensors tensors;
    Value metadata;
    std::function<void(const Done&)> done;
  };
  void work();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Job> job_;
  bool busy_ = false, stop_ = false;
  std::thread thread_;
};

}  // namespace gd
