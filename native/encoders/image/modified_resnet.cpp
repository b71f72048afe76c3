// The ResNet of CLIP (Radford et al. 2021, §2.4): a stem of three convolutions, average pooling before every strided step,
// and attention in place of the last mean.
#include "core/error.h"
#include "core/parts.h"
#include "core/recompute.h"
#include "core/registry.h"
#include "encoders/image/pixels.h"
#include "encoders/image/resnet_trunk.h"
#include "heads/layers/attention.h"
#include "heads/layers/convolution.h"
#include "heads/layers/linear.h"
#include "heads/layers/norm.h"

#include <ATen/ATen.h>

#include <cmath>
#include <optional>

namespace gd {
namespace {

// torch's default start of a convolution: uniform within 1/sqrt(fan in)
Convolution convolution(const Scope& scope, const ConvolutionShape& shape) {
  return Convolution(scope, shape, Init::fan_in(shape.fan_in()));
}

class AntialiasedBottleneck {
 public:
  AntialiasedBottleneck(const Scope& scope, int64_t in, int64_t planes, int64_t stride, bool frozen)
      : stride_(stride),
        conv1_(convolution(scope / "conv1", {.in = in, .out = planes, .kernel = {1, 1}})),
        norm1_(scope / "bn1", planes, Init::ones(), frozen),
        conv2_(convolution(scope / "conv2", {.in = planes, .out = planes, .kernel = {3, 3}, .padding = 1})),
        norm2_(scope / "bn2", planes, Init::ones(), frozen),
        conv3_(convolution(scope / "conv3", {.in = planes, .out = 4 * planes, .kernel = {1, 1}})),
        norm3_(scope / "bn3", 4 * planes, Init::zeros(), frozen) {
    if (stride > 1 || in != 4 * planes) {
      shortcut_ = convolution(scope / "downsample.0", {.in = in, .out = 4 * planes, .kernel = {1, 1}});
      shortcut_norm_.emplace(scope / "downsample.1", 4 * planes, Init::ones(), frozen);
    }
    parameters_ = scope.parameters();
  }

  Tensor operator()(const Tensor& x, Pass& pass) const {
    return recompute(x, pass, parameters_, [this](const Tensor& in, Pass& p) { return run(in, p); });
  }

 private:
  Tensor shrink(const Tensor& x) const { return stride_ > 1 ? at::avg_pool2d(x, {stride_, stride_}, {stride_, stride_}) : x; }
  Tensor run(const Tensor& x, const Pass& pass) const {
    Tensor y = norm1_(conv1_(x), pass);
    y = norm2_(conv2_(at::relu_(y)), pass);
    y = norm3_(conv3_(shrink(at::relu_(y))), pass);
    y = y.add_(shortcut_ ? (*shortcut_norm_)((*shortcut_)(shrink(x)), pass) : x);
    return at::relu_(y);
  }

  int64_t stride_;
  Convolution conv1_;
  BatchNorm norm1_;
  Convolution conv2_;
  BatchNorm norm2_;
  Convolution conv3_;
  BatchNorm norm3_;
  std::optional<Convolution> shortcut_;
  std::optional<BatchNorm> shortcut_norm_;
  std::vector<Tensor> parameters_;
};

// One query, the mean of the map, over the mean and all places.
class MapAttention {
 public:
  MapAttention(const Scope& scope, int64_t side, int64_t width, int64_t heads, int64_t out)
      : side_(side),
        heads_(heads),
        positions_(scope.parameter("positional_embedding", {side * side + 1, width}, start(width))),
        keys_(scope / "k_proj", width, width, start(width), Init::fan_in(width)),
        queries_(scope / "q_proj", width, width, start(width), Init::fan_in(width)),
        values_(scope / "v_proj", width, width, start(width), Init::fan_in(width)),
        out_(scope / "c_proj", width, out, start(width), Init::fan_in(width)) {
    expect(heads > 0 && width % heads == 0, "bad-option", "expected a width that is a multiple of the heads but got ", width,
           " and ", heads);
  }

  Tensor operator()(const Tensor& map, Pass& pass) const {
    const Tensor places = map.flatten(2).transpose(1, 2);  // [B, N, D]
    const Tensor grid = resize_grid(positions_.slice(0, 1), side_, map.size(2), map.size(3));
    const Tensor x = at::cat({places.mean(1, /*keepdim=*/true), places}, 1) + at::cat({positions_.slice(0, 0, 1), grid}, 0);
    const Tensor pooled = attend(split_heads(queries_(x.slice(1, 0, 1)), heads_), split_heads(keys_(x), heads_),
                                 split_heads(values_(x), heads_), {}, 0, pass);
    return out_(merge_heads(pooled)).squeeze(1);
  }

 private:
  static Init start(int64_t width) { return Init::gaussian(1 / std::sqrt(static_cast<double>(width))); }
  int64_t side_, heads_;
  Tensor positions_;
  Linear keys_, queries_, values_, out_;
};

class ModifiedResNet : public Encoder {
 public:
  static constexpr const char* help =
      "CLIP's ResNet (Radford et al. 2021) with open_clip's parameter names. Gives global [B, outputWidth] from its attention "
      "pooling and patches [B, N, 32 · width], the last map row by row.";
  static OptionList options() {
    return {
        numbers_option("layers", {3, 4, 6, 3}, "blocks of the four stages; RN50 is 3, 4, 6, 3"),
        integer_option("width", 64, "channels of the stem"),
        integer_option("heads", 32, "heads of the attention pooling; must divide 32 · width"),
        integer_option("outputWidth", 1024, "width of global"),
        integer_option("imageSize", 224, "side of the training images, pixels; other sizes resize the positions"),
        flag_option("frozenStatistics", false, "BatchNorm keeps its running statistics and uses them in training too"),
    };
  }
  static std::vector<std::string> gives() { return {"global", "patches"}; }
  static Example example() {
    Example small =
        gd::example({{"layers", Value::Array{1, 1, 1, 1}}, {"width", 4}, {"heads", 4}, {"outputWidth", 6}, {"imageSize", 64}},
                    {{"pixels", {3, 64, 64}}});
    small.exceptions = batch_statistics();
    return small;
  }

  ModifiedResNet(const Scope& scope, const Options& options) {
    const auto layers = options.integers("layers");
    expect(layers.size() == 4, "bad-option", "expected four numbers for modified-resnet.layers but got ", layers.size());
    const int64_t width = options.integer("width");
    const bool frozen = options.flag("frozenStatistics");
    const ConvolutionShape stem[] = {{.in = 3, .out = width / 2, .kernel = {3, 3}, .stride = 2, .padding = 1},
                                     {.in = width / 2, .out = width / 2, .kernel = {3, 3}, .padding = 1},
                                     {.in = width / 2, .out = width, .kernel = {3, 3}, .padding = 1}};
    for (int64_t i = 0; i < 3; ++i) {
      stem_.push_back(convolution(scope / ("conv" + std::to_string(i + 1)), stem[i]));
      stem_norms_.emplace_back(scope / ("bn" + std::to_string(i + 1)), stem[i].out, Init::ones(), frozen);
    }
    int64_t in = width;
    for (int64_t stage = 0; stage < 4; ++stage) {
      blocks_before_.push_back(static_cast<int64_t>(blocks_.size()));
      const int64_t planes = width << stage;
      for (int64_t i = 0; i < layers[static_cast<size_t>(stage)]; ++i) {
        blocks_.emplace_back(scope / ("layer" + std::to_string(stage + 1) + "." + std::to_string(i)), in, planes,
                             stage > 0 && i == 0 ? 2 : 1, frozen);
        in = 4 * planes;
      }
    }
    pool_.emplace(scope / "attnpool", options.integer("imageSize") / 32, in, options.integer("heads"),
                  options.integer("outputWidth"));
  }

  Features operator()(const Features& fields, Pass& pass) override {
    Tensor x = pixels_of(fields, 3, stem_.front().weight);
    for (size_t i = 0; i < stem_.size(); ++i) {
      x = stem_norms_[i](stem_[i](x), pass);
      x = at::relu_(x);
    }
    x = at::avg_pool2d(x, {2, 2}, {2, 2});
    for (const auto& block : blocks_) x = block(x, pass);
    Features out;
    out.set("global", (*pool_)(x, pass));
    out.set("patches", x.flatten(2).transpose(1, 2));
    return out;
  }
  int64_t depth() const override { return static_cast<int64_t>(blocks_.size()) + 1; }
  int64_t depth_of(std::string_view key) const override {
    if (key.starts_with("attnpool")) return depth();
    return std::max<int64_t>(0, depth_of_block(key, blocks_before_));
  }

 private:
  std::vector<Convolution> stem_;
  std::vector<BatchNorm> stem_norms_;
  std::vector<AntialiasedBottleneck> blocks_;
  std::vector<int64_t> blocks_before_;
  std::optional<MapAttention> pool_;
};

}  // namespace

GD_REGISTER(Encoder, "modified-resnet", ModifiedResNet)

}  // namespace gd
