#include "core/error.h"
#include "core/parts.h"
#include "core/registry.h"
#include "encoders/image/pixels.h"
#include "encoders/image/resnet_trunk.h"
#include "heads/layers/temporal_pooler.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

// BioViL-T's image model (Bannur et al. 2023, §3.1; microsoft/hi-ml image/model/encoder.py). Keys below `encoders.image` are the
// official ones below `encoder`: encoder.* (torchvision's ResNet without fc), backbone_to_vit.weight, missing_previous_emb,
// vit_pooler.{type_embed, blocks.N.*, norm_post.*}.
class TemporalResNet : public Encoder {
 public:
  static constexpr const char* help =
      "ResNet of an image and, where there is one, of an earlier image, compared by a transformer (BioViL-T, Bannur et al. "
      "2023). "
      "Gives patches [B, N, 2 x width], the image's own features beside what changed (a learned vector without an earlier "
      "image), "
      "and global, their mean. The image input must read earlier images (`prior`).";
  static OptionList options() {
    return {
        integer_option("backboneDepth", 50, "of the ResNet: 10, 18, 34, 50, 101 or 152"),
        integer_option("backboneWidth", 64, "channels of the ResNet's stem"),
        integer_option("inputChannels", 3, "channels of the image: 3, or 1 for grey"),
        integer_option("width", 256, "of an image's features before they are compared; a multiple of 4"),
        integer_option("depth", 3, "transformer blocks that compare"),
        integer_option("heads", 8, "attention heads; must divide width"),
        number_option("dropout", 0.1, "probability, in the transformer"),
        number_option("dropPath", 0.25, "probability, stochastic depth of the transformer"),
    };
  }
  static std::vector<std::string> gives() { return {"global", "patches"}; }
  static Example example() {
    Example small = gd::example({{"backboneDepth", 10}, {"backboneWidth", 4}, {"width", 8}, {"depth", 1}, {"heads", 2}},
                                {{"pixels", {3, 32, 32}}, {"prior", {3, 32, 32}}});
    small.exceptions = batch_statistics();
    return small;
  }

  TemporalResNet(const Scope& scope, const Options& options)
      : channels_(options.integer("inputChannels")),
        trunk_(scope / "encoder",
               {.depth = options.integer("backboneDepth"), .channels = channels_, .width = options.integer("backboneWidth")}),
        narrow_(scope / "backbone_to_vit", {.in = trunk_.width(), .out = options.integer("width"), .kernel = {1, 1}},
                Init::fan_in(trunk_.width())),
        missing_(scope.parameter("missing_previous_emb", {1, options.integer("width"), 1, 1}, Init::truncated(0.02))),
        pooler_(scope / "vit_pooler", {.width = options.integer("width"),
                                       .depth = options.integer("depth"),
                                       .heads = options.integer("heads"),
                                       .dropout = options.number("dropout"),
                                       .drop_path = options.number("dropPath")}) {}

  Features operator()(const Features& fields, Pass& pass) override {
    const Tensor pixels = pixels_of(fields, channels_, trunk_.first_weight());
    const Tensor there = has_prior(fields, pixels);
    // In training always, so that all ranks normalise over as many images; BatchNorm's statistics are of both, as in the authors' code.
    const bool compares = there.defined() && (pass.training || there.any().item<bool>());
    const int64_t b = pixels.size(0);
    Tensor all = pixels;
    if (compares) {
      Features earlier;
      earlier.set("pixels", fields.at("prior"));
      const Tensor prior = pixels_of(earlier, channels_, trunk_.first_weight());
      expect(prior.sizes() == pixels.sizes(), "bad-pixels", "expected an earlier image of shape ", pixels.sizes(), " but got ",
             prior.sizes());
      // Where there is none the image itself takes its place: what is normalised with it stays an image.
      all = at::cat({pixels, at::where(there.view({-1, 1, 1, 1}), prior, pixels)}).contiguous(pixels.suggest_memory_format());
    }
    const Tensor map = narrow_(trunk_(all, pass));
    const int64_t height = map.size(2), width = map.size(3);
    const Tensor tokens = map.flatten(2).transpose(1, 2), own = tokens.narrow(0, 0, b);
    Tensor change = missing_.view({1, 1, -1}).to(own.scalar_type()).expand_as(own);
    if (compares)
      change = at::where(there.view({-1, 1, 1}), pooler_(own, tokens.narrow(0, b, b), height, width, pass).to(own.scalar_type()),
                         change);
    Features out;
    const Tensor patches = at::cat({own, change}, 2);
    out.set("global", patches.mean(1));
    out.set("patches", patches);
    return out;
  }
  int64_t depth() const override { return trunk_.depth(); }
  int64_t depth_of(std::string_view key) const override {
    return key.starts_with("encoder.") ? trunk_.depth_of(key.substr(8)) : trunk_.depth();
  }

 private:
  // [B] bool; undefined where the input reads no earlier images.
  static Tensor has_prior(const Features& fields, const Tensor& pixels) {
    if (!fields.has("prior")) return {};
    if (const Tensor* present = fields.find("priorPresent")) return *present;
    return at::ones({pixels.size(0)}, pixels.options().dtype(at::kBool).requires_grad(false));
  }

  int64_t channels_;
  ResNetTrunk trunk_;
  Convolution narrow_;
  Tensor missing_;
  TemporalPooler pooler_;
};

}  // namespace

GD_REGISTER(Encoder, "temporal-resnet", TemporalResNet)

}  // namespace gd
