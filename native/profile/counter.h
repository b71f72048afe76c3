// Counts what a step costs while it runs: floating-point operations by part and direction, and what this rank hands to collectives.
#pragma once

#include <ATen/record_function.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace gd {

struct PartWork {
  double forward = 0, backward = 0;
  double again = 0;  // beyond the model: recomputed activations, a loss that every rank computes whole
};

struct Traffic {
  int64_t calls = 0;
  double bytes = 0;  // that this rank hands over, all calls together
};

struct Work {
  std::map<std::string, PartWork> parts;  // by Range (core/range.h); "other": outside of them
  // By part and kind: all-reduce, all-gather, reduce-scatter, broadcast …
  std::map<std::pair<std::string, std::string>, Traffic> collectives;
  double model() const;  // forward and backward of all parts
  double again() const;
};

// Counts on this thread, and on threads that a backward runs on, until it ends. Listens to every operator through
// at::RecordFunction, so no part can be forgotten; that costs about a microsecond an operator, which is why a run counts one step
// of each shape and not all.
//
// replicas: the ranks that compute the objectives of the same global batch. What each of them does whole counts for the model once.
class Counter {
 public:
  explicit Counter(int64_t replicas = 1);
  ~Counter();
  Counter(const Counter&) = delete;

  Work work() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
  at::CallbackHandle handle_;
};

}  // namespace gd
