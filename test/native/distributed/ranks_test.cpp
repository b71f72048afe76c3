// Ranks as threads of this process, each with its own model and its own end of the group: losses and weights must be those of one
// process with the whole batch.
#include "core/error.h"
#include "distributed/small_run.h"

namespace gd {

TEST("ranks: InfoNCE with dropout, stochastic depth, a learned temperature and an absent image equals one process") {
  equals_one_process({});
}

TEST("ranks: InfoNCE in a ring equals one process, also with gradient caching and beside a gathered objective") {
  equals_one_process({.objectives = R"([{"objective": "global-contrast", "options": {"exchange": "ring", "zLoss": 0.01}}])"});
  equals_one_process(
      {.text_more = R"("chunks": 3,)", .objectives = R"([{"objective": "global-contrast", "options": {"exchange": "ring"}},
      {"objective": "word-region-contrast"}])"},
      {2});
  equals_one_process({.objectives = R"([{"objective": "global-contrast", "options": {"exchange": "ring"}}])",
                      .relation = R"({"relation": "label-overlap"})"},
                     {3});
}

TEST("ranks: SigLIP in a ring equals one process") {
  equals_one_process({.objectives = R"([{"objective": "sigmoid-contrast", "options": {"exchange": "ring"}}])"});
  equals_one_process({.objectives = R"([{"objective": "sigmoid-contrast", "options": {"exchange": "ring"}}])",
                      .relation = R"({"relation": "label-overlap"})"},
                     {2});
}

TEST("ranks: listed positives, neutral pairs and negatives by their hardness equal one process") {
  equals_one_process({.objectives = R"([{"objective": "global-contrast", "options": {"positives": "apart", "hardness": 0.5}}])",
                      .relation = R"({"relation": "label-match"})"},
                     {2, 3});
}

TEST("ranks: SigLIP equals one process") { equals_one_process({.objectives = R"([{"objective": "sigmoid-contrast"}])"}, {2}); }

TEST("ranks: masked language modelling and multi-label cross-entropy, means over unequal counts, equal one process") {
  equals_one_process({.objectives = R"([{"objective": "masked-language", "options": {"width": 16, "vocabularySize": 20}},
      {"objective": "multi-label", "options": {"width": 16, "classes": 3}}])"},
                     {2, 3});
}

TEST("ranks: entities' existence and position, means over unequal counts, with dropout in the decoder, equal one process") {
  equals_one_process({.objectives = R"([{"objective": "entity-existence"},
      {"objective": "entity-position", "options": {"positions": 6, "width": 8}}])",
                      .heads = R"(,
      {"head": "entity-decoder", "options": {"from": "image.patches", "to": "image.entities", "entities": 5, "bookWidth": 8,
        "width": 16, "depth": 2, "heads": 2, "feedForward": 16, "dropout": 0.2}},
      {"head": "linear-projection", "options": {"from": "image.entities", "to": "image.existence", "inputWidth": 16, "outputWidth": 2}},
      {"head": "linear-projection", "options": {"from": "image.entities", "to": "image.positions", "inputWidth": 16, "outputWidth": 8}})"},
                     {1, 2, 3, 4});
}

TEST("ranks: images beside earlier ones, of which the ranks have unequal numbers, equal one process") {
  equals_one_process({.image = R"({"encoder": "temporal-resnet", "options": {"backboneDepth": 10, "backboneWidth": 4,
      "inputChannels": 1, "width": 8, "depth": 2, "heads": 2}})",
                      .objectives = R"([{"objective": "global-contrast"}])"},
                     {2, 4});
}

TEST("ranks: word-region contrast equals one process") {
  equals_one_process({.objectives = R"([{"objective": "word-region-contrast"}])"}, {2});
}

TEST("ranks: soft targets from labels equal one process") {
  equals_one_process({.relation = R"({"relation": "label-overlap"})"}, {2});
}

TEST("ranks: BatchNorm with the statistics of all ranks equals one process") {
  equals_one_process({.image = R"({"encoder": "resnet", "options": {"depth": 10, "width": 4, "inputChannels": 1, "stages": 3}})",
                      .objectives = R"([{"objective": "global-contrast"}])"},
                     {2, 4});
}

TEST("ranks: gradient caching in pieces and recomputed blocks equal one process") {
  equals_one_process({.text_more = R"("chunks": 3, "recompute": true,)"}, {2});
  equals_one_process({.text_more = R"("recompute": true,)"}, {2});
}

TEST("ranks: gradients sent in half the bytes stay near") {
  equals_one_process({.compression = "bf16", .tolerance = 5e-3}, {2});
  equals_one_process({.compression = "fp16", .tolerance = 5e-3}, {2});
  const Method whole{.text_more = R"("chunks": 3,)"};
  Method half = whole;
  half.compression = "bf16";
  const double difference = apart(of_ranks(whole, 2)[0], of_ranks(half, 2)[0]);
  EXPECT(difference > 1e-7 && difference < 5e-3);  // rounded indeed, with gradient caching too
}

namespace {

// Weights before, and after one step of plain descent: the difference is the gradient.
std::map<std::string, Tensor> gradient(const std::function<void(Trainer&)>& step, const Method& method) {
  Trainer trainer(config_of(method), c10::kCPU);
  std::map<std::string, Tensor> out;
  for (const auto& [name, tensor] : trainer.tensors()) out[name] = tensor.detach().to(at::kDouble).clone();
  step(trainer);
  for (const auto& [name, tensor] : trainer.tensors()) out[name] -= tensor.detach().to(at::kDouble);
  return out;
}

void one_step(Trainer& trainer, int64_t from, int64_t to) {
  Stopwatch watch(c10::kCPU);
  trainer.step(fields(0, from, to), to - from, 0, 10, from, watch);
}

std::map<std::string, Tensor> gradient_of_two_ranks(const Method& method) {
  std::map<std::string, Tensor> out;
  in_ranks(2, [&](int64_t rank, std::shared_ptr<MeetingPoint> point, uint16_t port) {
    const auto mine = gradient(
        [&](Trainer& trainer) {
          trainer.join(std::make_shared<ProcessGroup>(meeting(rank, 2, port), std::move(point)), GradientCompression::none,
                       negatives_of(method.negatives));
          one_step(trainer, rank * batch / 2, (rank + 1) * batch / 2);
        },
        method);
    if (rank == 0) out = mine;
  });
  return out;
}

}  // namespace

TEST("ranks: what released code does instead: local negatives, and a local gradient of global ones") {
  Method method;
  // Without dropout: the texts of a share alone have another length, and dropout on attention draws by place.
  method.dropout = R"("dropout": 0, "attentionDropout": 0)";
  method.optimise =
      R"({"optimiser": {"optimiser": "sgd", "options": {"momentum": 0}}, "schedule": {"schedule": "constant"}, "lr": 0.05})";
  const auto whole = gradient([](Trainer& trainer) { one_step(trainer, 0, batch); }, method);
  const auto first = gradient([](Trainer& trainer) { one_step(trainer, 0, batch / 2); }, method);
  const auto second = gradient([](Trainer& trainer) { one_step(trainer, batch / 2, batch); }, method);
  method.negatives = "local";
  const auto local = gradient_of_two_ranks(method);
  method.negatives = "global-local-gradient";
  const auto partial = gradient_of_two_ranks(method);
  for (const auto& [name, exact] : whole) {
    if (exact.numel() == 0 || exact.abs().max().item<double>() < 1e-6) continue;
    const auto apart = [](const Tensor& a, const Tensor& b) {
      return ((a - b).abs().max() / b.abs().max().clamp_min(1e-9)).item<double>();
    };
    const bool own = name.starts_with("objectives.");
    EXPECT_CLOSE(apart(partial.at(name), own ? exact : exact / 2), 0, 1e-3);
    EXPECT_CLOSE(apart(local.at(name), (first.at(name) + second.at(name)) / 2), 0, 1e-3);
    EXPECT(apart(local.at(name), exact) > 1e-3);
  }
}

TEST("ranks: a rank that does not come, or is gone, is said within the time") {
  Meeting nobody = meeting(1, 2, 9);  // nothing listens there
  nobody.timeout = 1;
  EXPECT_THROWS(ProcessGroup(nobody, nullptr), "expected all 2 ranks at 127.0.0.1:9 within 1 s but rank 1 got");
  std::string said;
  in_ranks(2, [&](int64_t rank, std::shared_ptr<MeetingPoint> point, uint16_t port) {
    Meeting mine = meeting(rank, 2, port);
    mine.timeout = 2;
    ProcessGroup group(mine, std::move(point));
    group.sum(at::ones({3}));
    if (rank == 1) return;  // its end of the group closes
    try {
      group.sum(at::ones({3}));
    } catch (const Error& error) {
      said = error.code;
    }
  });
  EXPECT(said == "peer-lost");
}

}  // namespace gd
