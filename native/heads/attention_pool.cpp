#include "core/error.h"
#include "core/registry.h"
#include "heads/from_to.h"
#include "heads/layers/attention.h"
#include "heads/layers/linear.h"
#include "heads/layers/norm.h"

#include <ATen/ATen.h>

#include <optional>

namespace gd {
namespace {

// Learned queries look at a sequence (CoCa; Yu et al. 2022, §3.2). Parameters carry the names of open_clip's pooler and of
// torch's multi-head attention in it, which keeps one weight for equal widths and three otherwise.
class AttentionPool : public Head {
 public:
  static constexpr const char* help =
      "Learned queries attend to a sequence (Yu et al. 2022): [B, N, D] → [B, outputWidth], or [B, queries, outputWidth] with "
      "several queries.";
  static OptionList options() {
    return FromTo::options({
        mask_option(),
        required(integer_option("inputWidth", 0, "width of `from`")),
        required(integer_option("outputWidth", 0, "width of `to`")),
        integer_option("queries", 1, "learned queries"),
        integer_option("heads", 8, "attention heads; must divide outputWidth"),
        number_option("dropout", 0, "probability, on attention weights"),
    });
  }
  static Example example() {
    return gd::example({{"from", "text.tokens"},
                        {"to", "text.global"},
                        {"mask", "text.mask"},
                        {"inputWidth", 3},
                        {"outputWidth", 4},
                        {"heads", 2},
                        {"queries", 2}},
                       {{"text.tokens", {4, 3}}, {"text.mask", {4}, ExampleFeature::mask}});
  }

  AttentionPool(const Scope& scope, const Options& options)
      : names_(options),
        mask_(options.text("mask")),
        width_(options.integer("outputWidth")),
        heads_(options.integer("heads")),
        dropout_(options.number("dropout")),
        query_(scope.parameter("query", {options.integer("queries"), width_}, Init::gaussian(1))) {
    const int64_t in = options.integer("inputWidth");
    expect(heads_ > 0 && width_ % heads_ == 0, "bad-option",
           "expected an attention-pool.outputWidth that is a multiple of the heads but got ", width_, " and ", heads_);
    const Scope attention = scope / "attn";
    if (in == width_) {
      weights_ = {attention.parameter("in_proj_weight", {3 * width_, width_}, Init::xavier(width_, 3 * width_))};
    } else {
      weights_ = {attention.parameter("q_proj_weight", {width_, width_}, Init::xavier(width_, width_)),
                  attention.parameter("k_proj_weight", {width_, in}, Init::xavier(in, width_)),
                  attention.parameter("v_proj_weight", {width_, in}, Init::xavier(in, width_))};
    }
    in_bias_ = attention.parameter("in_proj_bias", {3 * width_}, Init::zeros());
    out_.emplace(attention / "out_proj", width_, width_, Init::fan_in(width_), Init::zeros());
    query_norm_.emplace(scope / "ln_q", width_, 1e-5);
    place_norm_.emplace(scope / "ln_k", in, 1e-5);
  }

  void operator()(Features& features, Pass& pass) override {
    const Tensor& x = names_.read_sequence(features);
    const Tensor mask = mask_of(features, mask_);
    const auto weight = weights_.size() == 1 ? weights_[0].chunk(3, 0) : weights_;
    const auto bias = in_bias_.chunk(3, 0);
    const Tensor places = (*place_norm_)(x);
    const Tensor queries = linear((*query_norm_)(query_), weight[0], bias[0]).unsqueeze(0).expand({x.size(0), -1, -1});
    const Tensor pooled = attend(split_heads(queries, heads_), split_heads(linear(places, weight[1], bias[1]), heads_),
                                 split_heads(linear(places, weight[2], bias[2]), heads_),
                                 {.keys = mask.defined() ? visible_keys(mask) : Tensor()}, dropout_, pass);
    const Tensor out = (*out_)(merge_heads(pooled));
    names_.write(features, query_.size(0) == 1 ? out.squeeze(1) : out);
  }

 private:
  FromTo names_;
  std::string mask_;
  int64_t width_, heads_;
  double dropout_;
  std::vector<Tensor> weights_;  // of queries, keys and values: one, or three where the widths differ
  Tensor query_, in_bias_;
  std::optional<Linear> out_;
  std::optional<LayerNorm> query_norm_, place_norm_;
};

}  // namespace

GD_REGISTER(Head, "attention-pool", AttentionPool)

}  // namespace gd
