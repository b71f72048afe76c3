#include "engine/trainer.h"

#include "core/draw.h"
#include "test.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

Value recipe(int64_t chunks, bool recompute = false) {
  return Value::parse(c10::str(R"({
    "seed": 3,
    "encoders": {
      "image": {"encoder": "vit", "chunks": )",
                               chunks, R"(, "recompute": )", recompute ? "true" : "false", R"(, "options":
        {"imageSize": 8, "patchSize": 4, "width": 16, "depth": 2, "heads": 2, "inputChannels": 1, "dropout": 0.2, "attentionDropout": 0.1, "dropPath": 0.3}},
      "text": {"encoder": "bert", "chunks": )",
                               chunks, R"(, "options":
        {"vocabularySize": 20, "width": 16, "depth": 2, "heads": 2, "feedForward": 32, "maxTokens": 8, "dropout": 0.2, "attentionDropout": 0.1}}
    },
    "heads": [{"head": "linear-projection", "options": {"from": "text.global", "inputWidth": 16, "outputWidth": 16}}],
    "relation": {"relation": "identity"},
    "objectives": [{"objective": "global-contrast", "options": {}}],
    "optimise": {"optimiser": {"optimiser": "sgd", "options": {"momentum": 0}}, "schedule": {"schedule": "constant", "options": {}},
                 "lr": 0.1, "clip": 0, "decay": 0}
  })"));
}

Features fields(int64_t batch, double poison = 0) {
  Features out;
  Draw draw(17);
  Tensor pixels = at::empty({batch, 1, 8, 8}), ids = at::empty({batch, 6}, at::kLong), mask = at::ones({batch, 6}, at::kBool);
  for (int64_t i = 0; i < pixels.numel(); ++i) pixels.data_ptr<float>()[i] = static_cast<float>(draw.normal());
  for (int64_t i = 0; i < ids.numel(); ++i) ids.data_ptr<int64_t>()[i] = static_cast<int64_t>(1 + draw.below(19));
  mask.slice(0, 0, 1).slice(1, 4, 6).fill_(false);
  if (poison != 0) pixels[0][0][0][0] = poison;
  out.set("image.pixels", pixels);
  out.set("text.ids", ids);
  out.set("text.mask", mask);
  return out;
}

std::vector<std::pair<std::string, Tensor>> after(Trainer& trainer, int64_t steps = 2, double poison = 0) {
  for (int64_t step = 0; step < steps; ++step) {
    Stopwatch watch(c10::kCPU);
    trainer.step(fields(6, poison), 6, step, 10, 0, watch);
  }
  std::vector<std::pair<std::string, Tensor>> out;
  for (const auto& [name, tensor] : trainer.tensors()) out.emplace_back(name, tensor.detach().clone());
  return out;
}

double largest_difference(const std::vector<std::pair<std::string, Tensor>>& a,
                          const std::vector<std::pair<std::string, Tensor>>& b) {
  double out = 0;
  EXPECT(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i].second.is_floating_point() && a[i].second.numel() > 0)
      out = std::max(out, (a[i].second - b[i].second).abs().max().item<double>());
  return out;
}

}  // namespace

TEST("trainer: gradient caching in pieces equals the undivided batch, dropout and stochastic depth on") {
  Trainer whole(recipe(1), c10::kCPU), pieces(recipe(3), c10::kCPU), uneven(recipe(4), c10::kCPU);
  const auto expected = after(whole);
  EXPECT(largest_difference(expected, after(pieces)) < 2e-6);
  EXPECT(largest_difference(expected, after(uneven)) < 2e-6);
  Trainer untouched(recipe(1), c10::kCPU);
  EXPECT(largest_difference(expected, after(untouched, 0)) > 1e-4);  // the comparison can tell
}

TEST("trainer: recomputed blocks give the very same weights") {
  Trainer kept(recipe(1), c10::kCPU), recomputed(recipe(1, true), c10::kCPU);
  EXPECT(largest_difference(after(kept), after(recomputed)) == 0);
}

TEST("trainer: the same run twice is the same to the last bit; another seed is not") {
  Trainer first(recipe(1), c10::kCPU), second(recipe(1), c10::kCPU);
  EXPECT(largest_difference(after(first), after(second)) == 0);
  Value other = recipe(1);
  other.set("seed", 4);
  Trainer third(other, c10::kCPU);
  EXPECT(largest_difference(after(first), after(third)) > 0);
}

TEST("trainer: a step that is not finite changes nothing") {
  Value config = recipe(1);
  for (auto& [key, section] : config.object()) {
    if (key != "optimise") continue;
    section.set("ema", 0.9);
    section.set("optimiser", Value::parse(R"({"optimiser": "adamw", "options": {}})"));
  }
  Trainer trainer(config, c10::kCPU);
  const auto before = after(trainer, 1);
  const auto poisoned = after(trainer, 1, std::numeric_limits<double>::infinity());
  EXPECT(largest_difference(before, poisoned) == 0);
  EXPECT(largest_difference(before, after(trainer, 1)) > 0);
}

TEST("trainer: bf16 autocast stays near float32 and keeps float32 weights") {
  Value config = recipe(1);
  config.set("precision", "bf16");
  Trainer exact(recipe(1), c10::kCPU), low(config, c10::kCPU);
  const auto a = after(exact, 1), b = after(low, 1);
  const double apart = largest_difference(a, b);
  EXPECT(apart > 0);
  EXPECT(apart < 0.05);
  for (const auto& [name, tensor] : b) EXPECT(tensor.scalar_type() != at::kBFloat16);
  config.set("precision", "fp16");
  EXPECT_THROWS(Trainer(config, c10::kCPU), "expected fp32 or bf16 for train.precision on the CPU but got fp16");
}

TEST("trainer: layer-wise decay and frozen patterns reach the optimiser's groups") {
  Value config = recipe(1);
  for (auto& [key, section] : config.object()) {
    if (key != "optimise") continue;
    section.set("layerDecay", Value::parse(R"({"text": 0.5})"));
    section.set("groups", Value::parse(R"([{"match": "encoders.image.*", "frozen": true}])"));
  }
  Trainer trainer(config, c10::kCPU);
  std::map<double, int> rates;
  for (const auto& group : trainer.groups()) {
    rates[group.rate] += 1;
    for (const auto& name : group.names) EXPECT(name.rfind("encoders.image", 0) != 0);
  }
  EXPECT(rates.contains(1) && rates.contains(0.5) && rates.contains(0.25));
  const Tensor before = trainer.model().state().find("encoders.image.patch_embed.proj.weight")->tensor.detach().clone();
  after(trainer, 1);
  EXPECT(trainer.model().state().find("encoders.image.patch_embed.proj.weight")->tensor.equal(before));
}

}  // namespace gd
