// Activation checkpointing: a block keeps only its input and runs again in the backward (Chen et al. 2016).
#pragma once

#include "core/pass.h"
#include "core/scope.h"

#include <functional>

namespace gd {

// Runs `block(x, pass)`. With pass.recompute (and gradients on) nothing inside is saved for the backward; the second run
// draws the same dropout, because draws are keyed (core/draw.h), and does not move BatchNorm's statistics again. The
// gradients of `parameters` come back through the graph (not as a side effect), so that reducers see them in order.
Tensor recompute(const Tensor& x, Pass& pass, const std::vector<Tensor>& parameters,
                 const std::function<Tensor(const Tensor&, Pass&)>& block);

}  // namespace gd
