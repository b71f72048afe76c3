// How one forward pass runs. Handed through encoders, heads and objectives; cheap to copy.
#pragma once

#include <cstdint>

namespace gd {

class Features;
class Group;

struct Pass {
  bool training = false;          // dropout on, BatchNorm with the batch's statistics
  bool update_statistics = true;  // BatchNorm moves its running statistics (off in the second forward of gradient caching)
  bool recompute = false;         // activation checkpointing: blocks keep only their inputs (core/recompute.h)
  uint64_t seed = 0;              // key of this step's draws: (run seed, step)
  int64_t first_row = 0;          // place of the first sample of this chunk in the global batch
  Group* group = nullptr;         // the ranks that share the batch (core/group.h); null: all of it is here
  // This rank's features, before those of others were gathered into what objectives are given; null without other ranks.
  const Features* mine = nullptr;
  // Number of the next dropout site; counts up in the order of the calls, the same in every chunk and recomputation.
  uint64_t site = 0;
};

}  // namespace gd
