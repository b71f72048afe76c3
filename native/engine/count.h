// What a step costs, found by running its parts on a few samples; the methods behind `count` of the engine.
#pragma once

#include "engine/trainer.h"

namespace gd {

struct CountOptions {
  Negatives negatives = Negatives::global;
  std::vector<int64_t> shares;  // samples of a rank whose memory is asked for
  double effort = 5e10;         // floating-point operations to spend on the loss
};

// fields: of `rows` samples (at least 3), on the trainer's device. Changes no weight; gradients are gone afterwards.
// Gives { fields, inputs, state, towers, loss } as src/profile/counted.ts describes them.
Value count_step(Trainer& trainer, const Features& fields, int64_t rows, const CountOptions& options);

}  // namespace gd
