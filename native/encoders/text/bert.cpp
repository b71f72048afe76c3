// BERT (Devlin et al. 2019) under Hugging Face's parameter names.
#include "core/error.h"
#include "core/parts.h"
#include "core/recompute.h"
#include "core/registry.h"
#include "encoders/text/token_ids.h"
#include "heads/layers/activation.h"
#include "heads/layers/attention.h"
#include "heads/layers/linear.h"
#include "heads/layers/norm.h"
#include "kernels/dropout.h"

#include <ATen/ATen.h>

#include <charconv>
#include <optional>

namespace gd {
namespace {

struct BertOptions {
  int64_t width, heads, hidden;
  double dropout, attention_dropout, eps;
};

Linear linear(const Scope& scope, int64_t in, int64_t out) { return Linear(scope, in, out, Init::gaussian(0.02), Init::zeros()); }

// Post-norm: each branch is added to its input, then normalised.
class BertLayer {
 public:
  BertLayer(const Scope& scope, const BertOptions& options)
      : options_(options),
        query_(linear(scope / "attention.self.query", options.width, options.width)),
        key_(linear(scope / "attention.self.key", options.width, options.width)),
        value_(linear(scope / "attention.self.value", options.width, options.width)),
        out_(linear(scope / "attention.output.dense", options.width, options.width)),
        attention_norm_(scope / "attention.output.LayerNorm", options.width, options.eps),
        expand_(linear(scope / "intermediate.dense", options.width, options.hidden)),
        contract_(linear(scope / "output.dense", options.hidden, options.width)),
        output_norm_(scope / "output.LayerNorm", options.width, options.eps),
        parameters_(scope.parameters()) {}

  Tensor operator()(const Tensor& x, const Visibility& visibility, Pass& pass) const {
    return recompute(x, pass, parameters_, [this, visibility](const Tensor& in, Pass& p) { return run(in, visibility, p); });
  }

 private:
  Tensor run(const Tensor& x, const Visibility& visibility, Pass& pass) const {
    const Tensor mixed = attend(split_heads(query_(x), options_.heads), split_heads(key_(x), options_.heads),
                                split_heads(value_(x), options_.heads), visibility, options_.attention_dropout, pass);
    const Tensor middle = attention_norm_(dropout(out_(merge_heads(mixed)), options_.dropout, pass) + x);
    const Tensor hidden = contract_(at::gelu(expand_(middle)));
    return output_norm_(dropout(hidden, options_.dropout, pass) + middle);
  }

  BertOptions options_;
  Linear query_, key_, value_, out_;
  LayerNorm attention_norm_;
  Linear expand_, contract_;
  LayerNorm output_norm_;
  std::vector<Tensor> parameters_;
};

class Bert : public Encoder {
 public:
  static constexpr const char* help =
      "BERT (Devlin et al. 2019) of any size with Hugging Face's parameter names. Gives global [B, D], tokens [B, T, D] and "
      "mask [B, T].";
  static OptionList options() {
    return {
        integer_option("vocabularySize", 30522, "number of token ids"),
        integer_option("width", 768, "width of a token, D"),
        integer_option("depth", 12, "layers"),
        integer_option("heads", 12, "attention heads; must divide the width"),
        integer_option("feedForward", 3072, "hidden width of the feed-forward part"),
        integer_option("maxTokens", 512, "number of learned positions"),
        integer_option("typeVocabulary", 2, "number of token types; without a field \"types\" all tokens have type 0"),
        integer_option("padId", 0, "id of padding: its embedding starts at zero and is not learned"),
        number_option("dropout", 0.1, "probability, on embeddings and on the output of both branches"),
        number_option("attentionDropout", 0.1, "probability, on attention weights; 0 lets the fused kernel run in training"),
        number_option("layerNormEps", 1e-12, "epsilon of the norms"),
        integer_option("averageLast", 1, "tokens are the mean of this many last layers"),
        choice_option("global", {"cls", "pooler", "mean"},
                      "the first token, the first token of the last layer through the pooler (tanh), or the mean of the real "
                      "tokens"),
        flag_option("pooler", false, "hold the pooler's parameters also where global does not use them"),
    };
  }
  static std::vector<std::string> gives() { return {"global", "tokens", "mask"}; }
  static Example example() {
    return gd::example({{"vocabularySize", 11},
                        {"width", 8},
                        {"depth", 2},
                        {"heads", 2},
                        {"feedForward", 16},
                        {"maxTokens", 6},
                        {"averageLast", 2}},
                       {{"ids", {5}, ExampleFeature::ids, 11}, {"mask", {5}, ExampleFeature::mask}});
  }

  Bert(const Scope& scope, const Options& options)
      : pad_(options.integer("padId")),
        longest_(options.integer("maxTokens")),
        average_(options.integer("averageLast")),
        global_(options.text("global")),
        o_{.width = options.integer("width"),
           .heads = options.integer("heads"),
           .hidden = options.integer("feedForward"),
           .dropout = options.number("dropout"),
           .attention_dropout = options.number("attentionDropout"),
           .eps = options.number("layerNormEps")},
        words_(table(scope / "embeddings.word_embeddings", options.integer("vocabularySize"), o_.width)),
        positions_(table(scope / "embeddings.position_embeddings", longest_, o_.width)),
        types_(table(scope / "embeddings.token_type_embeddings", options.integer("typeVocabulary"), o_.width)),
        norm_(scope / "embeddings.LayerNorm", o_.width, o_.eps) {
    const int64_t depth = options.integer("depth");
    expect(o_.heads > 0 && o_.width % o_.heads == 0, "bad-option",
           "expected a bert.width that is a multiple of the heads but got ", o_.width, " and ", o_.heads);
    expect(average_ >= 1 && average_ <= depth, "bad-option", "expected 1 to ", depth, " for bert.averageLast but got ", average_);
    expect(pad_ >= 0 && pad_ < words_.size(0), "bad-option", "expected 0 to ", words_.size(0) - 1, " for bert.padId but got ",
           pad_);
    {
      const NoGradGuard no_grad;
      words_.select(0, pad_).zero_();
    }
    layers_.reserve(static_cast<size_t>(depth));
    for (int64_t i = 0; i < depth; ++i) layers_.emplace_back(scope / ("encoder.layer." + std::to_string(i)), o_);
    if (global_ == "pooler" || options.flag("pooler")) pooler_.emplace(linear(scope / "pooler.dense", o_.width, o_.width));
  }

  Features operator()(const Features& fields, Pass& pass) override {
    const TokenIds text = token_ids_of(fields, pad_, longest_);
    const Tensor* types = fields.find("types");
    // The gradient of the padding's row is left out, as in the official implementation.
    Tensor x = at::embedding(words_, text.ids, pad_);
    x = x + (types ? at::embedding(types_, types->to(at::kLong)) : types_.select(0, 0));
    x = x + positions_.slice(0, 0, text.ids.size(1));
    x = dropout(norm_(x), o_.dropout, pass);

    const Visibility visibility{.keys = visible_keys(text.mask)};
    Tensor tokens;  // sum over the last layers
    for (size_t i = 0; i < layers_.size(); ++i) {
      x = layers_[i](x, visibility, pass);
      if (i + static_cast<size_t>(average_) >= layers_.size()) tokens = tokens.defined() ? tokens + x : x;
    }
    if (average_ > 1) tokens = tokens / static_cast<double>(average_);

    Features out;
    out.set("global", pooled(tokens, x, text.mask));
    out.set("tokens", tokens);
    out.set("mask", text.mask);
    return out;
  }

  int64_t depth() const override { return static_cast<int64_t>(layers_.size()) + 1; }
  int64_t depth_of(std::string_view key) const override {
    constexpr std::string_view head = "encoder.layer.";
    if (key.starts_with("pooler.")) return depth();
    if (!key.starts_with(head)) return 0;
    int64_t layer = 0;
    std::from_chars(key.data() + head.size(), key.data() + key.size(), layer);
    return layer + 1;
  }

 private:
  static Tensor table(const Scope& scope, int64_t rows, int64_t width) {
    return scope.parameter("weight", {rows, width}, Init::gaussian(0.02));
  }
  Tensor pooled(const Tensor& tokens, const Tensor& last, const Tensor& mask) const {
    if (global_ == "pooler") return at::tanh((*pooler_)(last.select(1, 0)));
    if (global_ == "cls") return tokens.select(1, 0);
    const Tensor weight = mask.unsqueeze(-1).to(tokens.scalar_type());
    return (tokens * weight).sum(1) / weight.sum(1).clamp_min(1);
  }

  int64_t pad_, longest_, average_;
  std::string global_;
  BertOptions o_;
  Tensor words_, positions_, types_;
  LayerNorm norm_;
  std::vector<BertLayer> layers_;
  std::optional<Linear> pooler_;
};

}  // namespace

GD_REGISTER(Encoder, "bert", Bert)

}  // namespace gd
