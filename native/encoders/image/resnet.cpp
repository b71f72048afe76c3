#include "core/parts.h"
#include "core/registry.h"
#include "encoders/image/pixels.h"
#include "encoders/image/resnet_trunk.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

class ResNet : public Encoder {
 public:
  static constexpr const char* help =
      "ResNet (He et al. 2016) with torchvision's parameter names. Gives global [B, D], the mean of the last map, and patches "
      "[B, N, D], the map row by row.";
  static OptionList options() {
    return {
        integer_option("depth", 50, "10, 18, 34, 50, 101 or 152"),
        integer_option("stages", 4, "stages of the four that are built; 3 stops after layer3"),
        flag_option("dilateLast", false, "layer4 keeps its resolution and dilates: twice as many patches along each side"),
        flag_option("zeroInitResidual", false, "each block starts as the identity"),
        integer_option("inputChannels", 3, "channels of the image: 3, or 1 for grey"),
        integer_option("width", 64, "channels of the stem; the last map of depth 50 has 32 times as many"),
        flag_option("frozenStatistics", false, "BatchNorm keeps its running statistics and uses them in training too"),
    };
  }
  static std::vector<std::string> gives() { return {"global", "patches"}; }
  static Example example() {
    Example small = gd::example({{"depth", 10}, {"width", 4}}, {{"pixels", {3, 32, 32}}});
    small.exceptions = batch_statistics();
    return small;
  }

  ResNet(const Scope& scope, const Options& options)
      : channels_(options.integer("inputChannels")),
        trunk_(scope, {.depth = options.integer("depth"),
                       .channels = channels_,
                       .width = options.integer("width"),
                       .stages = options.integer("stages"),
                       .dilate_last = options.flag("dilateLast"),
                       .zero_init_residual = options.flag("zeroInitResidual"),
                       .frozen_statistics = options.flag("frozenStatistics")}) {}

  Features operator()(const Features& fields, Pass& pass) override {
    const Tensor map = trunk_(pixels_of(fields, channels_, trunk_.first_weight()), pass);
    Features out;
    out.set("global", map.mean({2, 3}));
    out.set("patches", map.flatten(2).transpose(1, 2));  // a view where the map is channels-last
    return out;
  }
  int64_t depth() const override { return trunk_.depth(); }
  int64_t depth_of(std::string_view key) const override { return trunk_.depth_of(key); }

 private:
  int64_t channels_;
  ResNetTrunk trunk_;
};

}  // namespace

GD_REGISTER(Encoder, "resnet", ResNet)

}  // namespace gd
