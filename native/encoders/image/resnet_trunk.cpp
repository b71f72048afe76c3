#include "encoders/image/resnet_trunk.h"

#include "core/error.h"
#include "core/recompute.h"

#include <ATen/ATen.h>

#include <charconv>

namespace gd {
namespace {

struct Plan {
  std::array<int64_t, 4> blocks;
  bool bottleneck;
};

Plan plan_of(int64_t depth) {
  switch (depth) {
    case 10: return {{1, 1, 1, 1}, false};
    case 18: return {{2, 2, 2, 2}, false};
    case 34: return {{3, 4, 6, 3}, false};
    case 50: return {{3, 4, 6, 3}, true};
    case 101: return {{3, 4, 23, 3}, true};
    case 152: return {{3, 8, 36, 3}, true};
    default: fail("bad-option", "expected 10, 18, 34, 50, 101 or 152 for resnet.depth but got ", depth);
  }
}

Convolution convolution(const Scope& scope, const ConvolutionShape& shape) {
  return Convolution(scope, shape, Init::he_fan_out(shape.fan_out()));
}

}  // namespace

ResidualBlock::ResidualBlock(const Scope& scope, const Shape& s, const ResNetOptions& options) {
  const int64_t out = s.bottleneck ? 4 * s.planes : s.planes;
  // Two 3×3, or 1×1, 3×3 and 1×1 onto four times the planes; the stride lies on the first 3×3.
  std::vector<ConvolutionShape> shapes;
  if (s.bottleneck) {
    shapes = {
        {.in = s.in, .out = s.planes, .kernel = {1, 1}},
        {.in = s.planes, .out = s.planes, .kernel = {3, 3}, .stride = s.stride, .padding = s.dilation, .dilation = s.dilation},
        {.in = s.planes, .out = out, .kernel = {1, 1}}};
  } else {
    shapes = {{.in = s.in, .out = s.planes, .kernel = {3, 3}, .stride = s.stride, .padding = 1},
              {.in = s.planes, .out = s.planes, .kernel = {3, 3}, .padding = 1}};
  }
  for (size_t i = 0; i < shapes.size(); ++i) {
    const bool last = i + 1 == shapes.size();
    const std::string number = std::to_string(i + 1);
    convolutions_.push_back(convolution(scope / ("conv" + number), shapes[i]));
    norms_.emplace_back(scope / ("bn" + number), shapes[i].out, last && options.zero_init_residual ? Init::zeros() : Init::ones(),
                        options.frozen_statistics);
  }
  if (s.stride != 1 || s.in != out) {
    shortcut_ = convolution(scope / "downsample.0", {.in = s.in, .out = out, .kernel = {1, 1}, .stride = s.stride});
    shortcut_norm_.emplace(scope / "downsample.1", out, Init::ones(), options.frozen_statistics);
  }
  parameters_ = scope.parameters();
}

Tensor ResidualBlock::operator()(const Tensor& x, Pass& pass) const {
  return recompute(x, pass, parameters_, [this](const Tensor& in, Pass& p) { return run(in, p); });
}

// In place where autograd allows it: a norm keeps its input, a rectifier its output, so neither misses what is overwritten.
Tensor ResidualBlock::run(const Tensor& x, const Pass& pass) const {
  Tensor y = x;
  for (size_t i = 0; i < convolutions_.size(); ++i) {
    y = norms_[i](convolutions_[i](y), pass);
    if (i + 1 < convolutions_.size()) y = at::relu_(y);
  }
  y = y.add_(shortcut_ ? (*shortcut_norm_)((*shortcut_)(x), pass) : x);
  return at::relu_(y);
}

ResNetTrunk::ResNetTrunk(const Scope& scope, const ResNetOptions& options)
    : stem_(convolution(scope / "conv1",
                        {.in = options.channels, .out = options.width, .kernel = {7, 7}, .stride = 2, .padding = 3})),
      stem_norm_(scope / "bn1", options.width, Init::ones(), options.frozen_statistics) {
  const Plan plan = plan_of(options.depth);
  expect(options.stages >= 1 && options.stages <= 4, "bad-option", "expected 1 to 4 for resnet.stages but got ", options.stages);
  expect(!options.dilate_last || (plan.bottleneck && options.stages == 4), "bad-option",
         "expected depth 50 or more and all four stages for resnet.dilateLast but got depth ", options.depth, " and ",
         options.stages, " stages");
  int64_t in = options.width;
  for (int64_t stage = 0; stage < options.stages; ++stage) {
    blocks_before_.push_back(static_cast<int64_t>(blocks_.size()));
    const bool dilated = options.dilate_last && stage == 3;
    for (int64_t i = 0; i < plan.blocks[static_cast<size_t>(stage)]; ++i) {
      ResidualBlock::Shape shape{
          .in = in, .planes = options.width << stage, .stride = 1, .dilation = 1, .bottleneck = plan.bottleneck};
      if (stage > 0 && i == 0 && !dilated) shape.stride = 2;
      if (dilated && i > 0) shape.dilation = 2;  // the first block still has the dilation of the stage before
      blocks_.emplace_back(scope / ("layer" + std::to_string(stage + 1) + "." + std::to_string(i)), shape, options);
      in = plan.bottleneck ? 4 * shape.planes : shape.planes;
    }
  }
  width_ = in;
}

Tensor ResNetTrunk::operator()(const Tensor& pixels, Pass& pass) const {
  Tensor x = stem_norm_(stem_(pixels), pass);
  x = at::max_pool2d(at::relu_(x), {3, 3}, {2, 2}, {1, 1});
  for (const auto& block : blocks_) x = block(x, pass);
  return x;
}

int64_t ResNetTrunk::depth_of(std::string_view key) const { return std::max<int64_t>(0, depth_of_block(key, blocks_before_)); }

int64_t depth_of_block(std::string_view key, const std::vector<int64_t>& blocks_before) {
  constexpr std::string_view head = "layer";
  if (!key.starts_with(head)) return -1;
  const char* end = key.data() + key.size();
  int64_t stage = 0, block = 0;
  const auto [after_stage, stage_error] = std::from_chars(key.data() + head.size(), end, stage);
  if (stage_error != std::errc() || after_stage == end || *after_stage != '.') return -1;
  if (std::from_chars(after_stage + 1, end, block).ec != std::errc()) return -1;
  if (stage < 1 || stage > static_cast<int64_t>(blocks_before.size())) return -1;
  return blocks_before[static_cast<size_t>(stage - 1)] + block + 1;
}

}  // namespace gd
