// uint8 pixels → float, on whatever device they lie.
#pragma once

#include "core/features.h"

namespace gd {

class Normalise {
 public:
  // `mean` and `deviation`: one number or one a channel, where 255 is 1. Throws Error("bad-option") naming `owner`.
  Normalise(int64_t channels, std::vector<double> mean, std::vector<double> deviation, const char* owner);
  // [B, H, W, C] uint8 → [B, channels, H, W] float32 in channels-last memory; one stored channel is repeated.
  Tensor operator()(const Tensor& pixels) const;

 private:
  std::vector<float> scale_, shift_;  // value · scale + shift
};

}  // namespace gd
