// Vision transformer (Dosovitskiy et al. 2021) under the parameter names of timm or of open_clip.
#include "core/error.h"
#include "core/parts.h"
#include "core/registry.h"
#include "encoders/image/pixels.h"
#include "heads/layers/convolution.h"
#include "heads/layers/transformer_block.h"
#include "kernels/dropout.h"

#include <ATen/ATen.h>

#include <charconv>
#include <cmath>
#include <optional>

namespace gd {
namespace {

class VisionTransformer : public Encoder {
 public:
  static constexpr const char* help =
      "Vision transformer (Dosovitskiy et al. 2021) with the parameter names of timm or open_clip. Gives global [B, D], or "
      "[B, outputWidth], and patches [B, N, D], row by row, after the last norm.";
  static OptionList options() {
    return {
        integer_option("imageSize", 224, "side of the training images, pixels; other sizes resize the positions"),
        integer_option("patchSize", 16, "side of a patch, pixels"),
        integer_option("inputChannels", 3, "channels of the image: 3, or 1 for grey"),
        integer_option("width", 768, "width of a token, D"),
        integer_option("depth", 12, "blocks"),
        integer_option("heads", 12, "attention heads; must divide the width"),
        number_option("mlpRatio", 4, "hidden width of the feed-forward part over the width"),
        choice_option("keys", {"timm", "open-clip"},
                      "whose parameter names, and with them whose details: open-clip has a norm "
                      "before the blocks and no bias on the patches"),
        choice_option("pool", {"cls", "mean"}, "global is the class token, or the mean of the patches"),
        flag_option("classToken", true, "a class token beside the patches; the mean does without"),
        choice_option("activation", {"gelu", "quick-gelu"}, "quick-gelu is OpenAI's"),
        flag_option("qkvBias", true, "bias on queries, keys and values"),
        number_option("layerScale", 0, "start of the learned scale of each branch; 0: none"),
        integer_option("outputWidth", 0, "width of global after an output projection (open-clip: proj, timm: head); 0: none"),
        number_option("dropout", 0, "probability, on positions, attention output and feed-forward part"),
        number_option("attentionDropout", 0, "probability, on attention weights"),
        number_option("dropPath", 0, "probability that the last block is skipped; rises in a line from 0 at the first"),
        number_option("normEps", 0, "epsilon of the norms; 0: 1e-6 for timm, 1e-5 for open-clip"),
    };
  }
  static std::vector<std::string> gives() { return {"global", "patches"}; }
  static Example example() {
    return gd::example({{"imageSize", 16}, {"patchSize", 8}, {"width", 8}, {"depth", 2}, {"heads", 2}, {"layerScale", 0.5}},
                       {{"pixels", {3, 16, 16}}});
  }

  VisionTransformer(const Scope& scope, const Options& options)
      : timm_(options.text("keys") == "timm"),
        mean_(options.text("pool") == "mean"),
        class_token_(options.flag("classToken")),
        channels_(options.integer("inputChannels")),
        patch_(options.integer("patchSize")),
        side_(options.integer("imageSize") / patch_),
        dropout_(options.number("dropout")) {
    const int64_t width = options.integer("width"), depth = options.integer("depth"), out = options.integer("outputWidth");
    const double scale = 1 / std::sqrt(static_cast<double>(width));
    expect(class_token_ || (mean_ && timm_), "bad-option",
           "expected pool 'mean' and keys 'timm' for a vit without class token but got pool '", options.text("pool"),
           "' and keys '", options.text("keys"), "'");
    expect(side_ >= 1, "bad-option", "expected a vit.patchSize of at most imageSize but got ", patch_);

    const int64_t tokens = side_ * side_ + (class_token_ ? 1 : 0);
    const ConvolutionShape cut{.in = channels_, .out = width, .kernel = {patch_, patch_}, .stride = patch_, .bias = timm_};
    if (timm_) {
      if (class_token_) class_embedding_ = scope.parameter("cls_token", {1, 1, width}, Init::gaussian(1e-6));
      positions_ = scope.parameter("pos_embed", {1, tokens, width}, Init::gaussian(0.02));
    } else {
      class_embedding_ = scope.parameter("class_embedding", {width}, Init::gaussian(scale));
      positions_ = scope.parameter("positional_embedding", {tokens, width}, Init::gaussian(scale));
    }
    patches_.emplace(scope / (timm_ ? "patch_embed.proj" : "conv1"), cut, Init::fan_in(cut.fan_in()));

    double eps = options.number("normEps");
    if (eps == 0) eps = timm_ ? 1e-6 : 1e-5;
    if (!timm_) norm_before_.emplace(scope / "ln_pre", width, eps);
    BlockOptions block{.width = width,
                       .heads = options.integer("heads"),
                       .hidden = static_cast<int64_t>(static_cast<double>(width) * options.number("mlpRatio")),
                       .keys = timm_ ? BlockKeys::timm : BlockKeys::open_clip,
                       .init = {},
                       .activation = activation_of(options.text("activation")),
                       .eps = eps,
                       .qkv_bias = options.flag("qkvBias"),
                       .layer_scale = options.number("layerScale"),
                       .dropout = dropout_,
                       .attention_dropout = options.number("attentionDropout")};
    block.init = timm_ ? BlockInit::timm() : BlockInit::torch_default(width, block.hidden);
    blocks_.reserve(static_cast<size_t>(depth));
    for (int64_t i = 0; i < depth; ++i) {
      block.drop_path = depth > 1 ? options.number("dropPath") * static_cast<double>(i) / static_cast<double>(depth - 1) : 0;
      blocks_.emplace_back(scope / ((timm_ ? "blocks." : "transformer.resblocks.") + std::to_string(i)), block);
    }
    // timm pools before its last norm where it pools the mean, and calls the norm otherwise
    norm_after_.emplace(scope / (!timm_ ? "ln_post" : mean_ ? "fc_norm" : "norm"), width, eps);
    if (out > 0 && timm_) head_.emplace(scope / "head", width, out, Init::gaussian(0.02), Init::zeros());
    if (out > 0 && !timm_) projection_ = scope.parameter("proj", {width, out}, Init::gaussian(scale));
  }

  Features operator()(const Features& fields, Pass& pass) override {
    Tensor x = embed(pixels_of(fields, channels_, patches_->weight), pass);
    for (const auto& block : blocks_) x = block(x, {}, pass);
    const int64_t first = class_token_ ? 1 : 0;
    Tensor pooled, patches;
    if (timm_ && mean_) {
      pooled = (*norm_after_)(x.slice(1, first).mean(1));
      patches = (*norm_after_)(x.slice(1, first));
    } else {
      x = (*norm_after_)(x);
      patches = x.slice(1, first);
      pooled = mean_ ? patches.mean(1) : x.select(1, 0);
    }
    if (head_) pooled = (*head_)(pooled);
    if (projection_.defined()) pooled = at::matmul(pooled, projection_);
    Features out;
    out.set("global", pooled);
    out.set("patches", patches);
    return out;
  }

  int64_t depth() const override { return static_cast<int64_t>(blocks_.size()) + 1; }
  int64_t depth_of(std::string_view key) const override {
    const std::string_view head = timm_ ? "blocks." : "transformer.resblocks.";
    if (key.starts_with(head)) {
      int64_t block = 0;
      std::from_chars(key.data() + head.size(), key.data() + key.size(), block);
      return block + 1;
    }
    for (const std::string_view late : {"norm.", "fc_norm.", "head.", "ln_post.", "proj"})
      if (key.starts_with(late)) return depth();
    return 0;
  }

 private:
  // pixels [B, C, H, W] → tokens [B, (1+)N, D] with their positions
  Tensor embed(const Tensor& pixels, Pass& pass) const {
    expect(pixels.size(2) % patch_ == 0 && pixels.size(3) % patch_ == 0, "bad-pixels",
           "expected pixels with sides that are multiples of ", patch_, " for the vit but got ", pixels.sizes());
    const Tensor map = (*patches_)(pixels);
    Tensor x = map.flatten(2).transpose(1, 2);
    const Tensor positions = positions_.view({-1, x.size(2)});
    Tensor grid = resize_grid(positions.slice(0, class_token_ ? 1 : 0), side_, map.size(2), map.size(3));
    if (class_token_) {
      const Tensor token = class_embedding_.view({1, 1, -1}).expand({x.size(0), 1, -1});
      x = at::cat({token.to(x.scalar_type()), x}, 1);
      grid = grid.size(0) + 1 == positions.size(0) ? positions : at::cat({positions.slice(0, 0, 1), grid}, 0);
    }
    x = dropout(x + grid, dropout_, pass);
    return norm_before_ ? (*norm_before_)(x) : x;
  }

  bool timm_, mean_, class_token_;
  int64_t channels_, patch_, side_;
  double dropout_;
  Tensor class_embedding_, positions_, projection_;
  std::optional<Convolution> patches_;
  std::optional<LayerNorm> norm_before_, norm_after_;
  std::vector<TransformerBlock> blocks_;
  std::optional<Linear> head_;
};

}  // namespace

GD_REGISTER(Encoder, "vit", VisionTransformer)

}  // namespace gd
