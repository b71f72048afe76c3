// What a step of this recipe costs, found by running its parts on a few samples: floating-point operations, memory, and what ranks
// would hand to each other. Nothing is trained: no weight changes.
#include "engine/count.h"

#include "core/error.h"
#include "core/range.h"
#include "engine/engine.h"
#include "engine/tensor_bytes.h"
#include "profile/counter.h"
#include "profile/memory_timeline.h"
#include "profile/pretend_group.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <set>

namespace gd {

namespace {

Value value_of(const Work& work) {
  Value parts{Value::Object{}};
  for (const auto& [name, part] : work.parts) {
    Value one;
    one.set("forward", part.forward);
    one.set("backward", part.backward);
    one.set("again", part.again);
    parts.set(name, std::move(one));
  }
  Value::Array collectives;
  for (const auto& [where, traffic] : work.collectives) {
    Value one;
    one.set("part", where.first);
    one.set("kind", where.second);
    one.set("calls", traffic.calls);
    one.set("bytes", traffic.bytes);
    collectives.push_back(std::move(one));
  }
  Value out;
  out.set("parts", std::move(parts));
  out.set("collectives", std::move(collectives));
  return out;
}

Value value_of(const MemoryPeak& peak) {
  Value out;
  out.set("held", peak.held);
  out.set("alone", peak.alone);
  out.set("besideGradients", peak.beside_gradients);
  out.set("followed", peak.followed);
  return out;
}

// The rows whose texts (masks) are nearest to the mean length: what they cost is near the mean cost.
Tensor typical_rows(const Features& fields, int64_t rows) {
  Tensor length = at::zeros({rows}, at::kDouble);
  for (const auto& [name, field] : fields)
    if (name.ends_with(".mask") && field.dim() == 2) length = length + field.sum(1).to(at::kCPU, at::kDouble);
  return (length - length.mean()).abs().argsort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
}

Features rows_of(const Features& all, const Tensor& rows) {
  Features out;
  for (const auto& [name, tensor] : all) out.set(name, tensor.index_select(0, rows.to(tensor.device())));
  return out;
}

// What a team's other threads allocate is not heard of.
class OneThread {
 public:
  OneThread() { at::set_num_threads(1); }
  ~OneThread() { at::set_num_threads(before_); }
  OneThread(const OneThread&) = delete;

 private:
  const int before_ = at::get_num_threads();
};

// Row i of `count` is row i modulo what there is.
Features repeated(const Features& all, int64_t there, int64_t count) { return rows_of(all, at::arange(count) % there); }

// Towers and joint heads of some samples, forward and then backward from the gradient that the loss gives.
class Towers {
 public:
  Towers(Trainer& trainer, Pass pass) : trainer_(trainer), pass_(pass) {}

  Features leaves(const Features& fields) {
    features_ = fields;
    {
      Autocast autocast(trainer_.precision(), trainer_.device());
      for (auto& tower : trainer_.model().towers()) trainer_.model().run(tower, features_, pass_);
      trainer_.model().run_joint_heads(features_, pass_);
    }
    Features out;
    for (const auto& [name, tensor] : features_)
      out.set(name, tensor.requires_grad() ? tensor.detach().set_requires_grad(true) : tensor);
    return out;
  }

  void backward(const Features& leaves) {
    std::vector<Tensor> outputs, gradients;
    for (const auto& [name, tensor] : features_) {
      const Tensor& leaf = leaves.at(name);
      if (!tensor.requires_grad() || !leaf.grad().defined()) continue;
      outputs.push_back(tensor);
      gradients.push_back(leaf.grad().clone());
    }
    features_ = Features();
    if (!outputs.empty()) torch::autograd::backward(outputs, gradients);
  }

 private:
  Trainer& trainer_;
  Pass pass_;
  Features features_;
};

// The loss of one rank's features among `pass.group`, and its gradient.
void loss(Trainer& trainer, const Features& leaves, Pass pass, Negatives negatives) {
  Features all = leaves;
  if (pass.group && negatives == Negatives::local) pass.group = nullptr;
  if (pass.group) {
    const Range range("features");
    all = gather_features(leaves, trainer.model().asked(), *pass.group, negatives);
  }
  const Model::Outcome out = trainer.model().losses(all, pass);
  torch::autograd::backward({out.total}, {});
}

Features fresh(const Features& features) {
  Features out;
  for (const auto& [name, tensor] : features) {
    const Tensor plain = tensor.detach();
    out.set(name, tensor.requires_grad() ? plain.set_requires_grad(true) : plain);
  }
  return out;
}

std::vector<int64_t> integers(const Value& list) {
  std::vector<int64_t> out;
  for (const auto& one : list.array()) out.push_back(one.integer());
  return out;
}

}  // namespace

Value count_step(Trainer& trainer, const Features& fields, int64_t rows, const CountOptions& options) {
  expect(rows >= 3, "bad-plan", "expected at least 3 rows to count with but got ", rows);
  Model& model = trainer.model();
  const Tensor typical = typical_rows(fields, rows);

  Value out;
  double bytes = 0;
  for (const auto& [name, field] : fields) bytes += static_cast<double>(field.nbytes()) / static_cast<double>(rows);
  out.set("fields", bytes);
  out.set("inputs", static_cast<int64_t>(fields.size()));
  Value state;
  double parameters = 0, buffers = 0, trainable = 0;
  int64_t tensors = 0;
  std::vector<Tensor> learned;
  std::set<std::string> owners;
  for (const auto& slot : model.state().slots()) {
    (slot.buffer ? buffers : parameters) += static_cast<double>(slot.tensor.nbytes());
    if (slot.buffer || !slot.trainable) continue;
    trainable += static_cast<double>(slot.tensor.nbytes());
    ++tensors;
    owners.insert(model.tower_of(slot.name));
    learned.push_back(slot.tensor);
  }
  state.set("parameters", parameters);
  state.set("buffers", buffers);
  state.set("trainable", trainable);
  state.set("tensors", tensors);
  state.set("owners", static_cast<int64_t>(owners.size()));
  out.set("state", std::move(state));

  const auto forget = [&] {
    for (const auto& tensor : learned) tensor.mutable_grad().reset();
  };
  Pass pass;
  pass.training = true;
  pass.update_statistics = false;
  pass.seed = 1;

  // Towers: their work and what they keep is linear in the samples, so two and three tell it for any number.
  Features features;
  const auto towers = [&](int64_t world) {
    PretendGroup group(world);
    Pass among = pass;
    among.group = world > 1 ? &group : nullptr;
    std::vector<std::unique_ptr<MemoryTimeline>> timelines;
    Value::Array found;
    for (const int64_t size : {int64_t{2}, int64_t{3}}) {
      forget();
      const Features some = rows_of(fields, typical.narrow(0, 0, size));
      Towers run(trainer, among);
      const Counter counter;
      auto timeline = std::make_unique<MemoryTimeline>();
      Features leaves = run.leaves(some);
      timeline->mark_forward_end();
      timeline->pause();
      const Work forward = counter.work();
      loss(trainer, leaves, pass, options.negatives);
      timeline->resume();
      run.backward(leaves);
      timeline->pause();
      std::vector<Tensor> gradients;
      for (const auto& tensor : learned)
        if (tensor.grad().defined()) gradients.push_back(tensor.grad());
      timeline->mark_gradients(gradients);
      Work work = counter.work();
      std::erase_if(work.parts, [](const auto& one) { return one.first.starts_with("objectives."); });
      std::erase_if(work.collectives, [](const auto& one) { return one.first.first.starts_with("objectives."); });
      Value one = value_of(work);
      one.set("forwardCollectives", value_of(forward).at("collectives"));
      one.set("batch", size);
      one.set("world", world);
      found.push_back(std::move(one));
      timelines.push_back(std::move(timeline));
      if (size == 2) features = fresh(leaves);
    }
    Value memory{Value::Object{}};
    for (const int64_t share : options.shares)
      memory.set(std::to_string(share), value_of(peak_of(*timelines[0], 2, *timelines[1], 3, share)));
    found[0].set("memory", std::move(memory));
    return found;
  };
  Value::Array of_towers = towers(1);
  // Ranks that never speak within a tower work as one alone does.
  for (auto& one : towers(2)) of_towers.push_back(std::move(one));
  out.set("towers", std::move(of_towers));

  // The loss: a polynomial of second degree in a rank's samples and those of all.
  Value::Array of_loss;
  double spent = 0;
  const OneThread alone;
  const auto losses = [&](int64_t size, int64_t world) {
    forget();
    PretendGroup group(world);
    Pass among = pass;
    among.group = world > 1 ? &group : nullptr;
    const Features leaves = repeated(features, 2, size);
    const Features own = fresh(leaves);
    const Counter counter;
    MemoryTimeline timeline;
    loss(trainer, own, among, options.negatives);
    timeline.pause();
    const Work work = counter.work();
    Value one = value_of(work);
    one.set("batch", size);
    one.set("world", world);
    one.set("memory", peak_of(timeline).alone);
    spent = work.model() + work.again();
    return one;
  };
  losses(2, 1);  // what two samples cost says how many can be afforded
  int64_t unit = 32;
  while (unit > 1 && 120 * spent * static_cast<double>(unit * unit) > options.effort) unit /= 2;
  for (const int64_t size : {2, 3, 4, 6}) of_loss.push_back(losses(size * unit, 1));
  for (const int64_t world : {2, 3, 4})
    for (const int64_t size : {1, 2, 3}) of_loss.push_back(losses(size * unit, world));
  forget();
  out.set("loss", std::move(of_loss));
  return out;
}

// arguments: { data, rows (uint32 bytes: one batch to take samples from, stream-major), streams, threads, negatives, shares }.
// Reply: that of count_step, and the rejects in words.
Value Engine::count(const Value& arguments) {
  auto rows = numbers_of<uint32_t>(arguments.at("rows"));
  LoaderOptions options;
  options.streams = arguments.integer("streams", 1);
  options.batch = static_cast<int64_t>(rows.size()) / options.streams;
  options.threads = static_cast<int>(arguments.integer("threads", 1));
  options.seed = static_cast<uint64_t>(config_.integer("seed", 0));
  const auto inputs = make_inputs(config_.at("data"));
  Loader loader(dataset(arguments.at("data").integer()), inputs, options);
  loader.push(std::move(rows), 0, 0);
  loader.end();
  Batch batch = loader.next();
  CountOptions asked;
  asked.negatives = negatives_of(arguments.text("negatives", "global"));
  asked.shares = integers(arguments.at("shares"));
  Value out = count_step(trainer(), to_device(batch, inputs), batch.size, asked);
  Value::Array rejects;
  for (const auto& reject : batch.rejects) rejects.emplace_back(reject.file + ": " + reject.field + ": " + reject.reason);
  out.set("rejects", std::move(rejects));
  return out;
}

}  // namespace gd
