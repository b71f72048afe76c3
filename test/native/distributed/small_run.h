// A small recipe with everything that draws or carries state, and its training as one process or as ranks that are threads.
#pragma once

#include "core/draw.h"
#include "distributed/in_ranks.h"
#include "engine/trainer.h"
#include "test.h"

#include <ATen/ATen.h>

#include <map>

namespace gd {

constexpr int64_t batch = 12, steps = 3;

struct Method {
  std::string image = R"({"encoder": "vit", "options": {"imageSize": 8, "patchSize": 4, "width": 16, "depth": 2, "heads": 2,
      "inputChannels": 1, "dropout": 0.2, "attentionDropout": 0.1, "dropPath": 0.3}})";
  std::string text_more;  // of the text tower
  std::string dropout = R"("dropout": 0.2, "attentionDropout": 0.1)";
  std::string objectives = R"([{"objective": "global-contrast"}])";
  std::string relation = R"({"relation": "identity"})";
  std::string compression = "none", negatives = "global";
  std::string heads;  // beside the text's projection, each with a comma before it
  std::string optimise =
      R"({"optimiser": {"optimiser": "sgd", "options": {"momentum": 0.9}}, "schedule": {"schedule": "constant"},
                 "lr": 0.05, "clip": 1, "decay": 0.1, "ema": 0.9})";
  bool sharded = false;
  int64_t bad_step = -1;  // whose pixels are no numbers
  double tolerance = 1e-5;
};

inline Value config_of(const Method& method) {
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
    "heads": [{"head": "linear-projection", "options": {"from": "text.global", "inputWidth": 16, "outputWidth": 16}})" +
                      method.heads + R"(],
    "relation": )" + method.relation +
                      R"(,
    "objectives": )" + method.objectives +
                      R"(,
    "optimise": )" + method.optimise.substr(0, method.optimise.rfind('}')) +
                      (method.sharded ? R"(, "sharded": true}})" : "}}"));
}

// Rows [from, to) of the whole batch of one step; texts are cut to the longest of these rows, as the data path cuts them.
inline Features fields(int64_t step, int64_t from, int64_t to) {
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
  // The ranks' counts of entities that are mentioned, and that are there, differ.
  Tensor mentioned = at::empty({batch, 5}, at::kLong), candidates = at::empty({batch, 5, 3}, at::kLong);
  for (int64_t i = 0; i < mentioned.numel(); ++i)
    mentioned.data_ptr<int64_t>()[i] = i / 5 < 4 ? -1 : static_cast<int64_t>(draw.below(3)) - 1;
  for (int64_t i = 0; i < candidates.numel(); ++i) candidates.data_ptr<int64_t>()[i] = static_cast<int64_t>(draw.below(6));
  // Earlier images, which are more on some ranks than on others.
  Tensor prior = at::empty({batch, 1, 8, 8}), has_prior = at::zeros({batch}, at::kBool);
  for (int64_t i = 0; i < prior.numel(); ++i) prior.data_ptr<float>()[i] = static_cast<float>(draw.normal());
  for (const int64_t row : {0, 1, 2, 4, 9}) has_prior[row].fill_(true);
  out.set("image.prior", mine(prior));
  out.set("image.priorPresent", mine(has_prior));
  out.set("triplets.labels", mine(mentioned));
  out.set("triplets.positions", mine(candidates));
  return out;
}

struct Outcome {
  std::vector<double> losses;
  std::map<std::string, Tensor> tensors;  // by their keys in a checkpoint; sharded moments only of rank 0
  int64_t optimiser_bytes = 0;
};

inline Outcome trained(Trainer& trainer, const Method& method, int64_t rank, int64_t world, int64_t from = 0,
                       int64_t to = steps) {
  const int64_t share = batch / world;
  Outcome out;
  for (int64_t step = from; step < to; ++step) {
    Stopwatch watch(c10::kCPU);
    Features mine = fields(step, rank * share, (rank + 1) * share);
    if (step == method.bad_step) mine.set("image.pixels", *mine.find("image.pixels") / 0);
    out.losses.push_back(trainer.step(std::move(mine), share, step, 10, rank * share, watch).loss.item<double>());
  }
  for (const auto& [name, tensor] : trainer.gathered()) out.tensors[name] = tensor.detach().clone();
  out.optimiser_bytes = trainer.optimiser_bytes();
  return out;
}

inline std::vector<Outcome> of_ranks(const Method& method, int64_t world) {
  std::vector<Outcome> out(static_cast<size_t>(world));
  in_ranks(world, [&](int64_t rank, std::shared_ptr<MeetingPoint> point, uint16_t port) {
    Value config = config_of(method);
    if (rank > 0) config.set("seed", 99);  // other weights, until rank 0's are shared; the seed of draws stays the run's
    Trainer trainer(config_of(method), c10::kCPU), other(config, c10::kCPU);
    trainer.join(std::make_shared<ProcessGroup>(meeting(rank, world, port), std::move(point)),
                 gradient_compression_of(method.compression), negatives_of(method.negatives));
    if (rank > 0) {
      const NoGradGuard no_grad;
      std::map<std::string, Tensor> others;
      for (const auto& [name, tensor] : other.tensors()) others[name] = tensor;
      for (const auto& [name, tensor] : trainer.tensors()) tensor.detach().copy_(others.at(name));
    }
    trainer.share();
    out[static_cast<size_t>(rank)] = trained(trainer, method, rank, world);
  });
  return out;
}

// The largest difference of what both hold.
inline double apart(const Outcome& a, const Outcome& b) {
  double out = 0;
  for (const auto& [name, tensor] : a.tensors) {
    const auto other = b.tensors.find(name);
    if (other == b.tensors.end() || tensor.numel() == 0) continue;
    out = std::max(out, (tensor.to(at::kDouble) - other->second.to(at::kDouble)).abs().max().item<double>());
  }
  return out;
}

inline void equals_one_process(const Method& method, const std::vector<int64_t>& worlds = {1, 2, 3, 4}) {
  Trainer alone(config_of(method), c10::kCPU);
  const Outcome expected = trained(alone, method, 0, 1);
  EXPECT(std::abs(expected.losses[0] - expected.losses.back()) > 1e-4);  // it moves, so the comparison can tell
  for (const int64_t world : worlds) {
    const auto ranks = of_ranks(method, world);
    EXPECT(ranks[0].tensors.size() == expected.tensors.size());
    for (const auto& rank : ranks) {
      for (size_t step = 0; step < expected.losses.size(); ++step)
        EXPECT_CLOSE(rank.losses[step], expected.losses[step], method.tolerance / 10);
      EXPECT_CLOSE(apart(expected, rank), 0, method.tolerance);
      EXPECT(apart(ranks[0], rank) == 0);  // all ranks hold the very same weights
    }
  }
}

}  // namespace gd
