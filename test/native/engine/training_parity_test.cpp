// Fifty steps of training against PyTorch (test/parity/make_training.py).
#include "encoders/parity.h"
#include "engine/trainer.h"
#include "test.h"

#include <ATen/ATen.h>

#include <cmath>

namespace gd {
namespace {

constexpr int64_t steps = 50, batch = 8, side = 32, tokens = 12, words = 50;

// Integers from the fixtures' rule: floor(u · range) + low.
Tensor integers(const std::string& name, at::IntArrayRef shape, double range, int64_t low) {
  const Tensor u = (parity::signed_uniform(name, shape) + 1) / 2;
  return at::floor(u * range + static_cast<double>(low)).to(at::kLong);
}

Features fields(int64_t step) {
  const std::string number = std::to_string(step);
  Features out;
  out.set("image.pixels",
          parity::signed_numbers("pixels " + number, {batch, 3, side, side}).contiguous(at::MemoryFormat::ChannelsLast));
  out.set("text.ids", integers("ids " + number, {batch, tokens}, words - 1, 1));
  const Tensor lengths = integers("lengths " + number, {batch}, tokens - 3, 4);
  out.set("text.mask", at::arange(tokens).unsqueeze(0) < lengths.unsqueeze(1));
  return out;
}

}  // namespace

TEST("parity: fifty steps of InfoNCE training follow PyTorch's to 1e-4 in loss") {
  Value config = Value::parse(R"({
    "seed": 0,
    "encoders": {
      "image": {"encoder": "vit", "options": {"imageSize": 32, "patchSize": 8, "width": 32, "depth": 2, "heads": 4}},
      "text": {"encoder": "bert", "options": {"vocabularySize": 50, "width": 32, "depth": 2, "heads": 4, "feedForward": 64,
               "maxTokens": 16, "dropout": 0, "attentionDropout": 0}}
    },
    "heads": [{"head": "linear-projection", "name": "image", "options": {"from": "image.global", "inputWidth": 32, "outputWidth": 24}},
              {"head": "linear-projection", "name": "text", "options": {"from": "text.global", "inputWidth": 32, "outputWidth": 24}}],
    "relation": {"relation": "identity"},
    "objectives": [{"objective": "global-contrast", "options": {}}],
    "optimise": {"optimiser": {"optimiser": "adamw", "options": {"beta2": 0.98, "epsilon": 1e-6}},
                 "schedule": {"schedule": "cosine", "options": {"warmup": 5}}, "lr": 1e-3, "clip": 1, "decay": 0.1}
  })");
  Trainer trainer(config, c10::kCPU);
  parity::fill(trainer.model().state());
  {
    NoGradGuard no_grad;
    trainer.model().state().find("objectives.global-contrast.logit_scale")->tensor.fill_(std::log(1 / 0.07));
  }
  const Value made = parity::cases("training");
  for (int64_t step = 0; step < steps; ++step) {
    Stopwatch watch(c10::kCPU);
    const StepOutcome outcome = trainer.step(fields(step), batch, step, steps, 0, watch);
    EXPECT_CLOSE(outcome.loss.item<double>(), made.at("losses").array()[static_cast<size_t>(step)].number(), 1e-4);
    if (step == 0) EXPECT_CLOSE(outcome.norms.total.item<double>(), made.at("gradientNorms").array()[0].number(), 1e-4);
  }
  const double scale = trainer.model().state().find("objectives.global-contrast.logit_scale")->tensor.exp().item<double>();
  EXPECT_CLOSE(scale, made.at("logitScale").number(), 1e-4);
}

}  // namespace gd
