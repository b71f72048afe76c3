// The convolutional part of a ResNet (He et al. 2016; stride on the 3×3, as torchvision), for every encoder built on one.
// Parameters carry torchvision's names; the classifier is left out.
#pragma once

#include "core/example.h"
#include "core/pass.h"
#include "heads/layers/convolution.h"
#include "heads/layers/norm.h"

#include <optional>
#include <string_view>
#include <vector>

namespace gd {

struct ResNetOptions {
  int64_t depth = 50;               // 10, 18, 34, 50, 101, 152
  int64_t channels = 3;             // of the image
  int64_t width = 64;               // of the stem; stage s works at width · 2^(s-1)
  int64_t stages = 4;               // how many of layer1 … layer4
  bool dilate_last = false;         // layer4 keeps its resolution and dilates instead
  bool zero_init_residual = false;  // last norm of each block starts at zero, so that the block starts as the identity
  bool frozen_statistics = false;   // BatchNorm as in evaluation, always
};

class ResidualBlock {
 public:
  struct Shape {
    int64_t in, planes, stride, dilation;
    bool bottleneck;
  };
  ResidualBlock(const Scope& scope, const Shape& shape, const ResNetOptions& options);
  Tensor operator()(const Tensor& x, Pass& pass) const;

 private:
  Tensor run(const Tensor& x, const Pass& pass) const;
  std::vector<Convolution> convolutions_;
  std::vector<BatchNorm> norms_;
  std::optional<Convolution> shortcut_;
  std::optional<BatchNorm> shortcut_norm_;
  std::vector<Tensor> parameters_;
};

class ResNetTrunk {
 public:
  ResNetTrunk(const Scope& scope, const ResNetOptions& options);
  // pixels [B, C, H, W] → [B, width(), H/32, W/32] (fewer stages or a dilated last one: larger)
  Tensor operator()(const Tensor& pixels, Pass& pass) const;
  int64_t width() const { return width_; }
  const Tensor& first_weight() const { return stem_.weight; }
  // Layer-wise decay: 0 the stem, then one a block.
  int64_t depth() const { return static_cast<int64_t>(blocks_.size()) + 1; }
  int64_t depth_of(std::string_view key) const;

 private:
  Convolution stem_;
  BatchNorm stem_norm_;
  std::vector<ResidualBlock> blocks_;
  std::vector<int64_t> blocks_before_;  // number of blocks before each stage
  int64_t width_ = 0;
};

// The law that no encoder with BatchNorm keeps, for Example::exceptions.
inline std::vector<std::pair<std::string, std::string>> batch_statistics() {
  return {{"chunks", "in training BatchNorm normalises with the statistics of its own chunk"}};
}

// "layer3.5.conv1.weight" → depth of that block, counted over all stages from 1; keys outside the stages give -1.
int64_t depth_of_block(std::string_view key, const std::vector<int64_t>& blocks_before);

}  // namespace gd
