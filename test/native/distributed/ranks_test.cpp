// Ranks as threads of this process, each with its own model and its own end of the group: losses and weights must be those of one
// process with the whole batch.
#include "core/draw.h"
#include "core/error.h"
#include "distributed/in_ranks.h"
#include "engine/trainer.h"
#include "test.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

constexpr int64_t batch = 12, steps = 3;

struct Method {
  std::string image = R"({"encoder": "vit", "options": {"imageSize": 8, "patchSize": 4, "width": 16, "depth": 2, "heads": 2,
      "inputChannels": 1, "dropout": 0.2, "attentionDropout": 0.1, "dropPath": 0.3}})";
  std::string text_more;  // of the text tower
  std::string dropout = R"("dropout": 0.2, "attentionDropout": 0.1)";
  std::string objectives = R"([{"objective": "global-contrast"}])";
  std::string relation = R"({"relation": "identity"})";
  std::string compression = "none", negatives = "global";
  std::string optimise =
      R"({"optimiser": {"optimiser": "sgd", "options": {"momentum": 0.9}}, "schedule": {"schedule": "constant"},
                 "lr": 0.05, "clip": 1, "decay": 0.1, "ema": 0.9})";
  double tolerance = 1e-5;
};

Value config_of(const Method& method) {
  return Value::parse(R"({
    "seed": 3,
    "encoders": {
      "image": )" + method.image +
                      R"(,
      "text": {"encoder": "bert", )" +
                      method.text_more + R"( "options": {"vocabularySize": 20, "width": 16, "depth": 2, "heads": 2,
        "feedForward": 32, "maxTokens": 8, "pooler": true, )" +
                      method.dropout + R"(}}
    },
    "heads": [{"head": "linear-projection", "options": {"from": "text.global", "inputWidth": 16, "outputWidth": 16}}],
    "relation": )" + method.relation +
                      R"(,
    "objectives": )" + method.objectives +
                      R"(,
    "optimise": )" + method.optimise +
                      "}");
}

// Rows [from, to) of the whole batch of one step; texts are cut to the longest of these rows, as the data path cuts them.
Features fields(int64_t step, int64_t from, int64_t to) {
  Draw draw(static_cast<uint64_t>(17 + step));
  Tensor pixels = at::empty({batch, 1, 8, 8}), ids = at::empty({batch, 8}, at::kLong), mask = at::zeros({batch, 8}, at::kBool),
         labels = at::empty({batch, 3}), targets = at::full({batch, 8}, no_target, at::kLong);
  for (int64_t i = 0; i < pixels.numel(); ++i) pixels.data_ptr<float>()[i] = static_cast<float>(draw.normal());
  for (int64_t i = 0; i < ids.numel(); ++i) ids.data_ptr<int64_t>()[i] = static_cast<int64_t>(1 + draw.below(19));
  for (int64_t i = 0; i < labels.numel(); ++i) labels.data_ptr<float>()[i] = static_cast<float>(draw.below(2));
  for (int64_t row = 0; row < batch; ++row) {
    const int64_t length = row < 6 ? 4 : 5 + row % 4;  // the ranks' longest texts differ
    mask[row].narrow(0, 0, length).fill_(true);
    targets[row][row % 3] = 1 + row;
  }
  Tensor present = at::ones({batch}, at::kBool);
  present[5].fill_(false);
  const auto mine = [&](const Tensor& x) { return x.narrow(0, from, to - from).contiguous(); };
  const int64_t longest = mine(mask).sum(1).max().item<int64_t>();
  Features out;
  out.set("image.pixels", mine(pixels));
  out.set("image.present", mine(present));
  out.set("text.ids", mine(ids).narrow(1, 0, longest).contiguous());
  out.set("text.mask", mine(mask).narrow(1, 0, longest).contiguous());
  out.set("text.targets", mine(targets).narrow(1, 0, longest).contiguous());
  out.set("labels.values", mine(labels));
  return out;
}

struct Outcome {
  std::vector<double> losses;
  std::vector<std::pair<std::string, Tensor>> tensors;
};

Outcome trained(Trainer& trainer, int64_t rank, int64_t world) {
  const int64_t share = batch / world;
  Outcome out;
  for (int64_t step = 0; step < steps; ++step) {
    Stopwatch watch(c10::kCPU);
    out.losses.push_back(
        trainer.step(fields(step, rank * share, (rank + 1) * share), share, step, 10, rank * share, watch).loss.item<double>());
  }
  for (const auto& [name, tensor] : trainer.tensors()) out.tensors.emplace_back(name, tensor.detach().clone());
  return out;
}

std::vector<Outcome> of_ranks(const Method& method, int64_t world) {
  std::vector<Outcome> out(static_cast<size_t>(world));
  in_ranks(world, [&](int64_t rank, std::shared_ptr<MeetingPoint> point, uint16_t port) {
    Value config = config_of(method);
    if (rank > 0) config.set("seed", 99);  // other weights, until rank 0's are shared; the seed of draws stays the run's
    Trainer trainer(config_of(method), c10::kCPU), other(config, c10::kCPU);
    trainer.join(std::make_shared<ProcessGroup>(meeting(rank, world, port), std::move(point)),
                 gradient_compression_of(method.compression), negatives_of(method.negatives));
    if (rank > 0) {
      const NoGradGuard no_grad;
      for (size_t i = 0; i < trainer.tensors().size(); ++i) trainer.tensors()[i].second.detach().copy_(other.tensors()[i].second);
    }
    trainer.share();
    out[static_cast<size_t>(rank)] = trained(trainer, rank, world);
  });
  return out;
}

double apart(const Outcome& a, const Outcome& b) {
  double out = 0;
  EXPECT(a.tensors.size() == b.tensors.size());
  for (size_t i = 0; i < a.tensors.size(); ++i)
    if (a.tensors[i].second.numel() > 0)
      out = std::max(out, (a.tensors[i].second.to(at::kDouble) - b.tensors[i].second.to(at::kDouble)).abs().max().item<double>());
  return out;
}

void equals_one_process(const Method& method, std::vector<int64_t> worlds = {1, 2, 3, 4}) {
  Trainer alone(config_of(method), c10::kCPU);
  const Outcome expected = trained(alone, 0, 1);
  EXPECT(std::abs(expected.losses[0] - expected.losses.back()) > 1e-4);  // it moves, so the comparison can tell
  for (const int64_t world : worlds) {
    const auto ranks = of_ranks(method, world);
    for (const auto& rank : ranks) {
      for (size_t step = 0; step < expected.losses.size(); ++step)
        EXPECT_CLOSE(rank.losses[step], expected.losses[step], method.tolerance / 10);
      EXPECT_CLOSE(apart(expected, rank), 0, method.tolerance);
      EXPECT(apart(ranks[0], rank) == 0);  // all ranks hold the very same weights
    }
  }
}

}  // namespace

TEST("ranks: InfoNCE with dropout, stochastic depth, a learned temperature and an absent image equals one process") {
  equals_one_process({});
}

TEST("ranks: SigLIP equals one process") { equals_one_process({.objectives = R"([{"objective": "sigmoid-contrast"}])"}, {2}); }

TEST("ranks: masked language modelling and multi-label cross-entropy, means over unequal counts, equal one process") {
  equals_one_process({.objectives = R"([{"objective": "masked-language", "options": {"width": 16, "vocabularySize": 20}},
      {"objective": "multi-label", "options": {"width": 16, "classes": 3}}])"},
                     {2, 3});
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
