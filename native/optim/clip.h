// Gradient norms without a host sync: by tower for the step event, in all for clipping and for the finiteness check.
#pragma once

#include "optim/optimiser.h"

#include <functional>

namespace gd {

struct GradientNorms {
  Tensor total;                                          // 0-d
  std::vector<std::pair<std::string, Tensor>> by_tower;  // 0-d each
};

// L2 norms of the gradients, divided by `loss_scale` (undefined: 1). `tower_of` names the tower of a parameter. `group`: where the
// parameters are this rank's pieces of them, the norms are those of all ranks' pieces together.
GradientNorms gradient_norms(const std::vector<ParameterGroup>& groups, const Tensor& loss_scale,
                             const std::function<std::string(const std::string&)>& tower_of, Group* group = nullptr);

// What gradients must be divided by so that their norm is at most `bound`: loss_scale / min(1, bound / (norm + 1e-6)).
// bound 0 switches clipping off. Undefined when nothing is to be divided.
Tensor clip_divisor(const Tensor& norm, double bound, const Tensor& loss_scale);

}  // namespace gd
