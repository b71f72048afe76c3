// The optimiser's state cut over the ranks: the same run as with all of it on each of them.
#include "distributed/small_run.h"

#include <set>

namespace gd {
namespace {

std::string optimise(const std::string& optimiser, const std::string& more = R"("clip": 1, )") {
  // Keys' biases have no gradient but rounding; with the usual epsilon Adam would make whole steps of it.
  const std::string options = optimiser == "sgd" ? "{}" : R"({"epsilon": 1e-3})";
  return R"({"optimiser": {"optimiser": ")" + optimiser + R"(", "options": )" + options +
         R"(}, "schedule": {"schedule": "constant"}, "lr": 0.01, "decay": 0.1, )" + more + R"("ema": 0.9})";
}

// By how much a sharded run differs from the same ranks' unsharded one.
double apart_from_unsharded(Method method, int64_t world) {
  const auto whole = of_ranks(method, world);
  method.sharded = true;
  const auto sharded = of_ranks(method, world);
  double out = 0;
  std::set<std::string> names;
  for (const auto& [name, tensor] : sharded[0].tensors) {
    names.insert(name);
    EXPECT(tensor.is_contiguous() || !name.starts_with("optimiser/"));
  }
  for (const auto& [name, tensor] : whole[0].tensors) EXPECT(names.contains(name));
  for (size_t rank = 0; rank < sharded.size(); ++rank) {
    for (size_t step = 0; step < whole[rank].losses.size(); ++step) {
      const double a = sharded[rank].losses[step], b = whole[rank].losses[step];
      if (!std::isnan(b)) out = std::max(out, std::abs(a - b));
      EXPECT(std::isnan(a) == std::isnan(b));
    }
    out = std::max(out, apart(sharded[rank], whole[0]));
    EXPECT(apart(sharded[0], sharded[rank]) == 0);  // all ranks hold the very same weights
  }
  return out;
}

}  // namespace

TEST("shards: every optimiser, with clipping and averaged weights, steps as with all of its state on each rank") {
  for (const auto& [name, entry] : Registry<Optimiser>::instance().entries())
    for (const int64_t world : {2, 3}) EXPECT_CLOSE(apart_from_unsharded({.optimise = optimise(name)}, world), 0, 1e-6);
  for (const int64_t world : {1, 4}) EXPECT_CLOSE(apart_from_unsharded({.optimise = optimise("adamw")}, world), 0, 1e-6);
}

TEST("shards: two ranks without clipping give the very same bits, LAMB's norms to rounding") {
  for (const auto& [name, entry] : Registry<Optimiser>::instance().entries()) {
    const double difference = apart_from_unsharded({.optimise = optimise(name, "")}, 2);
    EXPECT(name == "lamb" ? difference < 1e-6 : difference == 0);
  }
}

TEST("shards: convolutions, BatchNorm's statistics and frozen parts") {
  EXPECT_CLOSE(apart_from_unsharded(
                   {.image = R"({"encoder": "resnet", "options": {"depth": 10, "width": 4, "inputChannels": 1, "stages": 3}})",
                    .optimise = optimise("adamw", R"("groups": [{"match": "encoders.text.*", "frozen": true}], )")},
                   2),
               0, 1e-6);
}

TEST("shards: gradient caching, and gradients in half the bytes with it and without") {
  const std::string pieces = R"("chunks": 3,)";
  for (const int64_t world : {2, 3}) {
    EXPECT_CLOSE(apart_from_unsharded({.text_more = pieces, .optimise = optimise("adamw")}, world), 0, 1e-6);
    EXPECT_CLOSE(apart_from_unsharded({.compression = "bf16", .optimise = optimise("sgd")}, world), 0, 5e-3);
    EXPECT_CLOSE(apart_from_unsharded({.text_more = pieces, .compression = "fp16", .optimise = optimise("sgd")}, world), 0, 5e-3);
  }
}

TEST("shards: a step that is not finite changes nothing on any rank") {
  EXPECT_CLOSE(apart_from_unsharded({.optimise = optimise("lamb"), .bad_step = 1}, 3), 0, 1e-6);
  const Method method{.optimise = optimise("adamw"), .sharded = true, .bad_step = 0};
  in_ranks(2, [&](int64_t rank, std::shared_ptr<MeetingPoint> point, uint16_t port) {
    Trainer trainer(config_of(method), c10::kCPU);
    trainer.join(std::make_shared<ProcessGroup>(meeting(rank, 2, port), std::move(point)), GradientCompression::none,
                 Negatives::global);
    std::map<std::string, Tensor> before;
    for (const auto& [name, tensor] : trainer.gathered()) before[name] = tensor.detach().clone();
    for (const auto& [name, tensor] : trained(trainer, method, rank, 2, 0, 1).tensors) EXPECT(tensor.equal(before[name]));
  });
}

TEST("shards: a rank keeps its share of the optimiser's state and no more") {
  Method method{.optimise = optimise("adamw")};
  const auto whole = static_cast<double>(of_ranks(method, 2)[0].optimiser_bytes);
  method.sharded = true;
  for (const int64_t world : {2, 3, 4}) {
    const auto ranks = of_ranks(method, world);
    for (const auto& rank : ranks) {
      EXPECT(static_cast<double>(rank.optimiser_bytes) < whole / static_cast<double>(world) * 1.1);
    }
  }
}

namespace {

// As a checkpoint gives it back: rank 0 has the file, the others have what it shares.
void resume(Trainer& trainer, const std::map<std::string, Tensor>& kept, int64_t rank) {
  const NoGradGuard no_grad;
  if (rank == 0) {
    for (const auto& [name, tensor] : trainer.tensors()) tensor.detach().copy_(kept.at(name));
    for (const auto& moment : trainer.sharded()) trainer.restore(moment, kept.at(moment.name));
  }
  if (trainer.group()) trainer.share();
}

Outcome resumed(const Method& method, const std::map<std::string, Tensor>& kept, int64_t world) {
  if (world == 1) {
    Trainer trainer(config_of(method), c10::kCPU);
    resume(trainer, kept, 0);
    return trained(trainer, method, 0, 1, 2, 4);
  }
  Outcome out;
  in_ranks(world, [&](int64_t rank, std::shared_ptr<MeetingPoint> point, uint16_t port) {
    Trainer trainer(config_of(method), c10::kCPU);
    trainer.join(std::make_shared<ProcessGroup>(meeting(rank, world, port), std::move(point)), GradientCompression::none,
                 Negatives::global);
    resume(trainer, kept, rank);
    const Outcome mine = trained(trainer, method, rank, world, 2, 4);
    if (rank == 0) out = mine;
  });
  return out;
}

}  // namespace

TEST("shards: what any number of ranks keep, any other goes on from, sharded or not") {
  Method method{.optimise = optimise("adamw")};
  Trainer alone(config_of(method), c10::kCPU);
  trained(alone, method, 0, 1, 0, 2);
  const Outcome expected = trained(alone, method, 0, 1, 2, 4);
  for (const int64_t first : {1, 4}) {
    Outcome half;
    method.sharded = true;
    in_ranks(first, [&](int64_t rank, std::shared_ptr<MeetingPoint> point, uint16_t port) {
      Trainer trainer(config_of(method), c10::kCPU);
      trainer.join(std::make_shared<ProcessGroup>(meeting(rank, first, port), std::move(point)), GradientCompression::none,
                   Negatives::global);
      const Outcome mine = trained(trainer, method, rank, first, 0, 2);
      if (rank == 0) half = mine;
    });
    for (const auto& [world, sharded] : {std::pair{1, true}, {2, false}, {2, true}, {3, true}}) {
      method.sharded = sharded;
      const Outcome found = resumed(method, half.tensors, world);
      EXPECT(found.tensors.size() == expected.tensors.size());
      EXPECT_CLOSE(apart(found, expected), 0, 1e-5);
    }
  }
  // One that shards nothing keeps, one that shards goes on.
  method.sharded = false;
  Trainer unsharded(config_of(method), c10::kCPU);
  const Outcome half = trained(unsharded, method, 0, 1, 0, 2);
  method.sharded = true;
  EXPECT_CLOSE(apart(resumed(method, half.tensors, 4), expected), 0, 1e-5);
}

}  // namespace gd
