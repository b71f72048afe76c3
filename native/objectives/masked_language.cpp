// Masked language modelling (Devlin et al. 2019, §3.1): the words behind the masks, from their contextual features.
#include "core/parts.h"
#include "core/registry.h"
#include "heads/layers/linear.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

// Keys are those of Hugging Face's BertForMaskedLM head below `cls.predictions`.
struct MaskedLanguage : Objective {
  static constexpr const char* help =
      "Masked language modelling: cross-entropy of the original words at masked places (Devlin et al. 2019); the text input "
      "must mask (maskProbability)";
  static OptionList options() {
    return {feature_option("tokens", "text.tokens", "word features [B, T, D] of the masked text"),
            feature_option("targets", "text.targets", "original ids [B, T], -100 where nothing is to be predicted"),
            required(integer_option("width", 0, "D")),
            integer_option("vocabularySize", 30522, "number of word pieces"),
            text_option("tie", "encoders.text.embeddings.word_embeddings.weight",
                        "parameter [V, D] that the output layer shares; empty: its own"),
            number_option("layerNormEpsilon", 1e-12, "of the transform's layer norm"),
            number_option("weight", 1, "factor on the loss")};
  }

  static Example example() {
    return gd::example({{"width", 4}, {"vocabularySize", 7}, {"tie", ""}},
                       {{"text.tokens", {3, 4}}, {"text.targets", {3}, ExampleFeature::targets, 7}});
  }

  MaskedLanguage(Scope scope, const Options& options)
      : tokens_(options.text("tokens")),
        targets_(options.text("targets")),
        width_(options.integer("width")),
        epsilon_(options.number("layerNormEpsilon")),
        weight_(options.number("weight")) {
    const int64_t words = options.integer("vocabularySize");
    const Scope head = scope / "cls.predictions";
    dense_ = head.parameter("transform.dense.weight", {width_, width_}, Init::gaussian(0.02));
    dense_bias_ = head.parameter("transform.dense.bias", {width_}, Init::zeros());
    norm_ = head.parameter("transform.LayerNorm.weight", {width_}, Init::ones());
    norm_bias_ = head.parameter("transform.LayerNorm.bias", {width_}, Init::zeros());
    const std::string& tie = options.text("tie");
    if (tie.empty()) {
      decoder_ = head.parameter("decoder.weight", {words, width_}, Init::gaussian(0.02));
    } else {
      const Slot* shared = scope.state().find(tie);
      expect(shared != nullptr, "bad-option", "expected a parameter for masked-language.tie but there is no '", tie, "'");
      expect(shared->tensor.sizes() == at::IntArrayRef({words, width_}), "bad-shape", "expected the shape [", words, ", ", width_,
             "] for ", tie, " but got ", shared->tensor.sizes());
      decoder_ = shared->tensor;
    }
    bias_ = head.parameter("bias", {words}, Init::zeros());
  }

  Losses operator()(const Features& features, const Relation&, Pass&) override {
    const Tensor& targets = features.at(targets_);
    const Tensor flat = features.at(tokens_).reshape({-1, width_});
    // Only masked places go through the vocabulary: about 15 % of the words, and V is the widest dimension of the model.
    const Tensor places = targets.reshape({-1}).ne(no_target).nonzero().squeeze(1);
    const Tensor answers = targets.reshape({-1}).index_select(0, places);
    Tensor x = linear(flat.index_select(0, places), dense_, dense_bias_);
    x = at::layer_norm(at::gelu(x), {width_}, norm_, norm_bias_, epsilon_);
    const Tensor logits = linear(x, decoder_, bias_).to(at::promote_types(x.scalar_type(), at::kFloat));
    const Tensor count = at::scalar_tensor(std::max<int64_t>(places.size(0), 1), logits.options().requires_grad(false));

    Losses losses;
    losses.add("maskedLanguage", at::nll_loss(at::log_softmax(logits, 1), answers, {}, at::Reduction::Sum) / count * weight_);
    losses.measure("maskedAccuracy", (logits.argmax(1) == answers).to(logits.scalar_type()).sum() / count);
    return losses;
  }

 private:
  const std::string tokens_, targets_;
  const int64_t width_;
  const double epsilon_, weight_;
  Tensor dense_, dense_bias_, norm_, norm_bias_, decoder_, bias_;
};

}  // namespace

GD_REGISTER(Objective, "masked-language", MaskedLanguage)

}  // namespace gd
