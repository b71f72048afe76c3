// Exponential moving average of the weights (and of BatchNorm's statistics), for evaluation.
#pragma once

#include "core/scope.h"

namespace gd {

class Ema {
 public:
  Ema(const State& state, double decay);
  void follow(const Tensor& bad);  // after a step; with bad = 1 nothing moves
  void exchange();                 // swaps averages and live weights; call again to swap back
  std::vector<std::pair<std::string, Tensor>> state() const;

 private:
  const double decay_;
  std::vector<std::string> names_;
  std::vector<Tensor> live_, average_;
};

}  // namespace gd
