// What the objectives over a list of entities share.
#pragma once

#include "core/features.h"

#include <vector>

namespace gd {

// [1, K] bool on the device of `like`: false for the excluded numbers. Throws Error("bad-option") for one outside 0 … K−1.
Tensor entities_that_count(int64_t entities, const std::vector<int64_t>& excluded, const Tensor& like);

}  // namespace gd
