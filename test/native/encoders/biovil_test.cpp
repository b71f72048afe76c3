// BioViL's image model and CXR-BERT, made of stock parts as src/recipes/biovil.ts does, against numbers that the official classes
// (microsoft/hi-ml, hi-ml-multimodal 0.2.2; float32, evaluation mode) gave on the weights and inputs of parity.h's rule.
#include "encoders/parity.h"
#include "test.h"

#include <ATen/ATen.h>

using namespace gd;

namespace {

constexpr double digits = 2e-5;  // the numbers have six

void near(const Tensor& found, std::initializer_list<double> wanted) {
  int64_t i = 0;
  for (const double value : wanted) EXPECT_CLOSE(found[i++].item<double>(), value, digits);
}

// u of the rule, in [0, 1).
Tensor uniform(const std::string& name, at::IntArrayRef shape) {
  return ((parity::signed_uniform(name, shape) + 1) / 2).to(at::kFloat);
}

Features image_features(bool dilated) {
  NoGradGuard no_grad;
  State state(at::kCPU, at::kFloat, 0);
  const auto trunk = Registry<Encoder>::instance().make("resnet", Scope(state, "encoder.encoder"),
                                                        Value(Value::Object{{"depth", 50}, {"dilateLast", dilated}}));
  const auto projector = Registry<Head>::instance().make("mlp-projection", Scope(state, "projector.model"),
                                                         Value(Value::Object{{"from", "image.patches"},
                                                                             {"to", "image.projected"},
                                                                             {"inputWidth", 2048},
                                                                             {"hiddenWidth", 128},
                                                                             {"outputWidth", 128},
                                                                             {"norm", "batch"},
                                                                             {"hiddenBias", false}}));
  const auto mean = Registry<Head>::instance().make(
      "mean-pool", Scope(state, ""), Value(Value::Object{{"from", "image.projected"}, {"to", "image.projectedGlobal"}}));
  parity::fill(state);
  Features fields, features;
  fields.set("pixels", uniform("image", {1, 3, 480, 480}));
  Pass pass;
  features.merge("image", (*trunk)(fields, pass));
  (*projector)(features, pass);
  (*mean)(features, pass);
  return features;
}

}  // namespace

TEST("biovil: the image model gives the official numbers, dilated too") {
  const Features whole = image_features(false);
  near(whole.at("image.global")[0], {1.10971, 0.136008, 1.08203, 1.02026});
  const Tensor global = whole.at("image.projectedGlobal")[0], patches = whole.at("image.projected");
  near(global, {0.741472, 1.56108, 0.402351, 0.646909, -1.8788, -0.428721});
  EXPECT_CLOSE(global.norm().item<double>(), 10.6909, digits);
  EXPECT(patches.sizes() == at::IntArrayRef({1, 15 * 15, 128}));
  near(patches[0][7 * 15 + 9], {0.963587, 1.70825, 0.476147, 0.789979});
  const Features dilated = image_features(true);
  EXPECT(dilated.at("image.projected").size(1) == 30 * 30);
  near(dilated.at("image.projectedGlobal")[0], {0.73785, 1.57382, 0.425419, 0.625722});
}

TEST("biovil: CXR-BERT and its projection give the official numbers") {
  NoGradGuard no_grad;
  State state(at::kCPU, at::kFloat, 0);
  const auto bert = Registry<Encoder>::instance().make("bert", Scope(state, "bert"),
                                                       Value(Value::Object{{"dropout", 0.25}, {"attentionDropout", 0.25}}));
  const auto head = Registry<Head>::instance().make("mlp-projection", Scope(state, "cls_projection_head"),
                                                    Value(Value::Object{{"from", "text.global"},
                                                                        {"inputWidth", 768},
                                                                        {"hiddenWidth", 128},
                                                                        {"outputWidth", 128},
                                                                        {"activation", "gelu"},
                                                                        {"normAfterActivation", true},
                                                                        {"norm", "layer"},
                                                                        {"normEps", 1e-12}}));
  // Filled under the official names; ours number the head's layers.
  const std::pair<const char*, const char*> names[] = {
      {"head.0.", "head.dense_to_hidden."}, {"head.2.", "head.LayerNorm."}, {"head.3.", "head.dense_to_output."}};
  for (Slot& slot : state.slots())
    for (const auto& [ours, official] : names)
      if (const size_t at = slot.name.find(ours); at != std::string::npos)
        slot.name.replace(at, std::string(ours).size(), official);
  parity::fill(state);
  Features fields, features;
  fields.set("ids", at::tensor({2, 100, 2000, 30000, 5, 3, 2, 7, 77, 3, 0, 0}, at::kLong).view({2, 6}));
  fields.set("mask", fields.at("ids") != 0);
  Pass pass;
  features.merge("text", (*bert)(fields, pass));
  near(features.at("text.tokens")[0][0], {-0.858033, 0.260255, 1.45155, -0.692586});
  near(features.at("text.tokens")[1][3], {-1.53987, 0.195828, 0.619619, -0.476969});
  (*head)(features, pass);
  const Tensor projected = features.at("text.global");
  near(projected[0], {-0.251865, 0.498773, 1.42658, 0.326035, -0.425129, 1.16137});
  near(projected[1], {-0.393908, 0.313932, 0.398458, -0.470995, -0.025158, 0.918435});
  EXPECT_CLOSE(at::cosine_similarity(projected[0], projected[1], 0).item<double>(), 0.792965, digits);
}
