// The causal text transformer of CLIP (Radford et al. 2021, §2.4) under open_clip's parameter names.
#include "core/error.h"
#include "core/parts.h"
#include "core/registry.h"
#include "encoders/text/token_ids.h"
#include "heads/layers/transformer_block.h"
#include "kernels/dropout.h"

#include <ATen/ATen.h>

#include <charconv>
#include <cmath>
#include <optional>

namespace gd {
namespace {

class ClipText : public Encoder {
 public:
  static constexpr const char* help =
      "CLIP's text transformer (Radford et al. 2021) with open_clip's parameter names. Gives global [B, outputWidth] from the "
      "end token, tokens [B, T, D] after the last norm, and mask [B, T].";
  static OptionList options() {
    return {
        integer_option("vocabularySize", 49408, "number of token ids"),
        integer_option("maxTokens", 77, "number of learned positions"),
        integer_option("width", 512, "width of a token, D"),
        integer_option("depth", 12, "blocks"),
        integer_option("heads", 8, "attention heads; must divide the width"),
        number_option("mlpRatio", 4, "hidden width of the feed-forward part over the width"),
        integer_option("outputWidth", 512, "width of global; 0: no projection"),
        choice_option("pool", {"argmax", "eos", "last"},
                      "the token that becomes global: the one with the highest id (CLIP's vocabulary ends with the end token), "
                      "the first with endId, or the last real one"),
        integer_option("endId", 49407, "id of the end token, for pool eos"),
        integer_option("padId", 0, "id of padding"),
        flag_option("causal", true, "tokens see only earlier tokens; without, padding is masked"),
        choice_option("activation", {"gelu", "quick-gelu"}, "quick-gelu is OpenAI's"),
        number_option("dropout", 0, "probability, on embeddings, attention output and feed-forward part"),
        number_option("attentionDropout", 0, "probability, on attention weights"),
    };
  }
  static std::vector<std::string> gives() { return {"global", "tokens", "mask"}; }
  static Example example() {
    return gd::example({{"vocabularySize", 11}, {"maxTokens", 6}, {"width", 8}, {"depth", 2}, {"heads", 2}, {"outputWidth", 6}},
                       {{"ids", {5}, ExampleFeature::ids, 11}});
  }

  ClipText(const Scope& scope, const Options& options)
      : pad_(options.integer("padId")),
        end_(options.integer("endId")),
        longest_(options.integer("maxTokens")),
        pool_(options.text("pool")),
        causal_(options.flag("causal")),
        dropout_(options.number("dropout")) {
    const int64_t width = options.integer("width"), depth = options.integer("depth"), out = options.integer("outputWidth");
    words_ = scope.parameter("token_embedding.weight", {options.integer("vocabularySize"), width}, Init::gaussian(0.02));
    positions_ = scope.parameter("positional_embedding", {longest_, width}, Init::gaussian(0.01));
    const auto hidden = static_cast<int64_t>(static_cast<double>(width) * options.number("mlpRatio"));
    const BlockOptions block{.width = width,
                             .heads = options.integer("heads"),
                             .hidden = hidden,
                             .keys = BlockKeys::open_clip,
                             .init = BlockInit::clip_text(width, hidden, depth),
                             .activation = activation_of(options.text("activation")),
                             .eps = 1e-5,
                             .dropout = dropout_,
                             .attention_dropout = options.number("attentionDropout")};
    blocks_.reserve(static_cast<size_t>(depth));
    for (int64_t i = 0; i < depth; ++i) blocks_.emplace_back(scope / ("transformer.resblocks." + std::to_string(i)), block);
    norm_.emplace(scope / "ln_final", width, 1e-5);
    if (out > 0)
      projection_ = scope.parameter("text_projection", {width, out}, Init::gaussian(1 / std::sqrt(static_cast<double>(width))));
  }

  Features operator()(const Features& fields, Pass& pass) override {
    const TokenIds text = token_ids_of(fields, pad_, longest_);
    Tensor x = at::embedding(words_, text.ids) + positions_.slice(0, 0, text.ids.size(1));
    x = dropout(x, dropout_, pass);
    const Visibility visibility{.keys = causal_ ? Tensor() : visible_keys(text.mask), .causal = causal_};
    for (const auto& block : blocks_) x = block(x, visibility, pass);
    x = (*norm_)(x);
    const Tensor place = end_of(text).view({-1, 1, 1}).expand({-1, 1, x.size(2)});
    Tensor pooled = x.gather(1, place).squeeze(1);
    if (projection_.defined()) pooled = at::matmul(pooled, projection_);
    Features out;
    out.set("global", pooled);
    out.set("tokens", x);
    out.set("mask", text.mask);
    return out;
  }

  int64_t depth() const override { return static_cast<int64_t>(blocks_.size()) + 1; }
  int64_t depth_of(std::string_view key) const override {
    constexpr std::string_view head = "transformer.resblocks.";
    if (key.starts_with("ln_final.") || key == "text_projection") return depth();
    if (!key.starts_with(head)) return 0;
    int64_t block = 0;
    std::from_chars(key.data() + head.size(), key.data() + key.size(), block);
    return block + 1;
  }

 private:
  // [B]: place of the token that stands for the text. The first of equals, as argmax gives it.
  Tensor end_of(const TokenIds& text) const {
    if (pool_ == "argmax") return text.ids.argmax(1);
    if (pool_ == "eos") return text.ids.eq(end_).to(at::kInt).argmax(1);
    return (text.mask.to(at::kLong).sum(1) - 1).clamp_min(0);
  }

  int64_t pad_, end_, longest_;
  std::string pool_;
  bool causal_;
  double dropout_;
  Tensor words_, positions_, projection_;
  std::vector<TransformerBlock> blocks_;
  std::optional<LayerNorm> norm_;
};

}  // namespace

GD_REGISTER(Encoder, "clip-text", ClipText)

}  // namespace gd
