// The learning rate over the steps, as a factor on the recipe's rate. All but `plateau` are pure functions of the step.
#pragma once

#include "core/registry.h"

namespace gd {

struct ScheduleState {  // what a checkpoint holds; only plateau uses it
  double best = 0;
  int64_t bad = 0;
  double factor = 1;
  bool observed = false;
};

struct Schedule {
  virtual ~Schedule() = default;
  // Factor for the optimiser step `step` (from 0) of `total`.
  virtual double factor(int64_t step, int64_t total) const = 0;
  // A watched metric after an evaluation.
  virtual void observe(double) {}
  ScheduleState state;
};

}  // namespace gd
