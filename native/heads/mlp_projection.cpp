#include "core/error.h"
#include "core/registry.h"
#include "heads/from_to.h"
#include "heads/layers/activation.h"
#include "heads/layers/linear.h"
#include "heads/layers/norm.h"
#include "kernels/dropout.h"

#include <ATen/ATen.h>

#include <optional>

namespace gd {
namespace {

// Numbered like the sequential container that official projections are: linear, norm, activation, dropout, linear …, where
// what is switched off has no number.
class MlpProjection : public Head {
 public:
  static constexpr const char* help =
      "Linear layers with a norm and an activation between them, on the last dimension of [B, D] or [B, N, D]: the projection "
      "of SimCLR, ConVIRT, BioViL and many others.";
  static OptionList options() {
    return FromTo::options({
        required(integer_option("inputWidth", 0, "width of `from`")),
        required(integer_option("hiddenWidth", 0, "width of the hidden layers")),
        required(integer_option("outputWidth", 0, "width of `to`")),
        integer_option("layers", 2, "linear layers, the last one included"),
        choice_option("activation", {"relu", "gelu", "quick-gelu", "tanh"}, "between the layers"),
        choice_option("norm", {"none", "batch", "layer"}, "between the layers; batch counts every place of [B, N, D]"),
        flag_option("normAfterActivation", false, "activation, then norm"),
        number_option("normEps", 1e-5, "epsilon of the norm"),
        flag_option("hiddenBias", true, "bias of the hidden layers"),
        flag_option("bias", true, "bias of the last layer"),
        number_option("dropout", 0, "probability, before every layer but the first"),
        init_deviation_option(),
    });
  }
  static Example example() {
    return gd::example({{"from", "image.patches"},
                        {"to", "image.projected"},
                        {"inputWidth", 5},
                        {"hiddenWidth", 4},
                        {"outputWidth", 3},
                        {"activation", "gelu"},
                        {"norm", "layer"}},
                       {{"image.patches", {2, 5}}});
  }

  MlpProjection(const Scope& scope, const Options& options)
      : names_(options),
        activation_(activation_of(options.text("activation"))),
        norm_last_(options.flag("normAfterActivation")),
        dropout_(options.number("dropout")) {
    const int64_t layers = options.integer("layers");
    expect(layers >= 1, "bad-option", "expected at least 1 for mlp-projection.layers but got ", layers);
    const std::string& norm = options.text("norm");
    int64_t place = 0, in = options.integer("inputWidth");
    for (int64_t i = 0; i + 1 < layers; ++i) {
      Hidden& hidden = hidden_.emplace_back(Hidden{
          started(scope / std::to_string(place++), in, options.integer("hiddenWidth"), options.flag("hiddenBias"), options),
          {},
          {}});
      in = options.integer("hiddenWidth");
      if (norm_last_) ++place;  // the activation
      if (norm == "layer") hidden.layer_norm.emplace(scope / std::to_string(place++), in, options.number("normEps"));
      if (norm == "batch") {
        hidden.batch_norm.emplace(scope / std::to_string(place++), in);
        hidden.batch_norm->eps = options.number("normEps");
      }
      if (!norm_last_) ++place;
      if (dropout_ > 0) ++place;
    }
    last_.emplace(started(scope / std::to_string(place), in, options.integer("outputWidth"), options.flag("bias"), options));
  }

  void operator()(Features& features, Pass& pass) override {
    Tensor x = names_.read(features);
    for (const Hidden& hidden : hidden_) {
      x = hidden.linear(x);
      if (norm_last_) x = activate(activation_, x);
      if (hidden.layer_norm) x = (*hidden.layer_norm)(x);
      if (hidden.batch_norm) x = (*hidden.batch_norm)(x.reshape({-1, x.size(-1)}), pass).view_as(x);
      if (!norm_last_) x = activate(activation_, x);
      x = dropout(x, dropout_, pass);
    }
    names_.write(features, (*last_)(x));
  }

 private:
  struct Hidden {
    Linear linear;
    std::optional<LayerNorm> layer_norm;
    std::optional<BatchNorm> batch_norm;
  };
  FromTo names_;
  Activation activation_;
  bool norm_last_;
  double dropout_;
  std::vector<Hidden> hidden_;
  std::optional<Linear> last_;
};

}  // namespace

GD_REGISTER(Head, "mlp-projection", MlpProjection)

}  // namespace gd
