#include "engine/trainer.h"

#include "core/draw.h"
#include "core/range.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

namespace gd {

namespace {

const Value& section(const Value& config, std::string_view key) {
  static const Value empty{Value::Object{}};
  const Value* found = config.find(key);
  return found && !found->is_null() ? *found : empty;
}

// Rows [from, to) of every field of one modality; other modalities' fields are left out.
Features slice(const Features& fields, const std::string& modality, int64_t from, int64_t to) {
  Features out;
  for (const auto& [name, tensor] : fields)
    if (name.compare(0, modality.size() + 1, modality + ".") == 0) out.set(name, tensor.slice(0, from, to));
  return out;
}

}  // namespace

Trainer::Trainer(const Value& config, c10::Device device)
    : device_(device),
      precision_(precision_from(config.text("precision", "fp32"), device)),
      seed_(static_cast<uint64_t>(config.integer("seed", 0))),
      model_(config, device, at::kFloat, seed_),
      loss_scale_(precision_, device) {
  const Value& optimise = section(config, "optimise");
  if (optimise.find("optimiser") == nullptr) return;  // evaluation only: no moments are held
  lr_ = optimise.number("lr", 1e-3);
  clip_ = optimise.number("clip", 0);
  GroupRules rules = GroupRules::from(optimise);
  const Value layer_decay = section(optimise, "layerDecay");
  rules.layer_rate = [this, layer_decay](const std::string& name) { return model_.layer_rate(name, layer_decay); };
  groups_ = make_groups(model_.state(), rules);
  expect(!groups_.empty(), "bad-recipe", "expected at least one trainable parameter but all are frozen");
  const Scope nowhere(model_.state(), "");
  const Value& optimiser = optimise.at("optimiser");
  optimiser_ = Registry<Optimiser>::instance().make(optimiser.at("optimiser").text(), nowhere, section(optimiser, "options"));
  shard_ = optimise.flag("sharded", false);
  for (const auto& one : groups_) parameters_.insert(parameters_.end(), one.parameters.begin(), one.parameters.end());
  const Value& schedule = optimise.at("schedule");
  schedule_ = Registry<Schedule>::instance().make(schedule.at("schedule").text(), nowhere, section(schedule, "options"));
  if (const double decay = optimise.number("ema", 0); decay > 0) ema_ = std::make_unique<Ema>(model_.state(), decay);
}

void Trainer::join(std::shared_ptr<ProcessGroup> group, GradientCompression compression, Negatives negatives) {
  expect(negatives != Negatives::global_local_gradient || !model_.in_blocks(), "bad-recipe",
         "expected exchange gather for objectives beside train.negatives global-local-gradient but got ring, whose gradient is "
         "the exact one");
  group_ = std::move(group);
  negatives_ = negatives;
  reducer_ = std::make_unique<GradientReducer>(parameters_, *group_, compression, shard_);
  Shards* shards = reducer_->shards();
  if (!shards) return;
  NoGradGuard no_grad;
  std::map<std::string, size_t> places;
  pieces_ = groups_;
  size_t at = 0;
  for (auto& one : pieces_)
    for (size_t i = 0; i < one.parameters.size(); ++i) {
      places[one.names[i]] = at;
      one.parameters[i] = shards->piece(at++, one.parameters[i]);
    }
  prepared_ = false;
  for (const auto& [name, tensor] : optimiser().state())
    if (tensor.dim() > 0) sharded_.push_back({"optimiser/" + name, places.at(name.substr(0, name.rfind('.'))), tensor});
}

// With its moments: made when they are first asked for, so that a rank that will keep a share of them never holds them all.
Optimiser& Trainer::optimiser() const {
  if (!std::exchange(prepared_, true)) optimiser_->prepare(pieces_.empty() ? groups_ : pieces_);
  return *optimiser_;
}

// The parameters as the optimiser sees them, with their gradients.
const std::vector<ParameterGroup>& Trainer::updated() {
  if (pieces_.empty()) return groups_;
  size_t at = 0;
  for (auto& one : pieces_)
    for (auto& piece : one.parameters) {
      const Tensor& gradient = parameters_[at].grad();
      piece.mutable_grad() = gradient.defined() ? reducer_->shards()->piece(at, gradient) : Tensor();
      ++at;
    }
  return pieces_;
}

// The features as relation and objectives see them: of the whole batch, on every rank.
Features Trainer::of_all_ranks(const Features& features, Pass& pass, Stopwatch& watch) {
  if (!group_) return features;
  if (negatives_ == Negatives::local) {
    pass.group = nullptr;  // each loss is of this rank's rows alone
    return features;
  }
  watch.start("communication");
  Features all = gather_features(features, model_.asked(), *group_, negatives_);
  pass.mine = &features;
  pass.first_row = 0;
  return all;
}

Model::Outcome Trainer::forward_backward(Features& fields, int64_t, Pass pass, Stopwatch& watch) {
  if (reducer_) reducer_->before_forward();
  watch.start("forward");
  {
    Autocast autocast(precision_, device_);
    for (auto& tower : model_.towers()) model_.run(tower, fields, pass);
    model_.run_joint_heads(fields, pass);
  }
  const Features all = of_all_ranks(fields, pass, watch);
  watch.start("loss");
  Model::Outcome out = model_.losses(all, pass);
  watch.start("backward");
  const Tensor scaled = loss_scale_.scale().defined() ? out.total * loss_scale_.scale() : out.total;
  if (reducer_) reducer_->before_backward(scaled);
  torch::autograd::backward({scaled}, {});
  return out;
}

// Gradient caching (Gao et al. 2021): features of all chunks without a graph, the loss over the whole batch on them, then each
// chunk again with a graph, fed the cached gradient of its features. Dropout is the same in both forwards, because its draws
// are keyed by row and site; so the result equals the undivided batch to rounding. BatchNorm alone differs: its statistics are
// those of a chunk, and only the second forward moves the running ones.
Model::Outcome Trainer::cached_forward_backward(Features& fields, int64_t batch, Pass pass, Stopwatch& watch) {
  struct Chunk {
    Tower* tower;
    int64_t from, to;
  };
  std::vector<Chunk> chunks;
  Features leaves = fields;
  for (auto& tower : model_.towers()) {
    const int64_t size = (batch + tower.chunks - 1) / tower.chunks;
    std::map<std::string, std::vector<Tensor>> pieces;
    std::vector<std::string> order;
    for (int64_t from = 0; from < batch; from += size) {
      const int64_t to = std::min(from + size, batch);
      watch.start("forward");
      NoGradGuard no_grad;
      const Range range(Range::again);
      Autocast autocast(precision_, device_);
      Features part = slice(fields, tower.modality, from, to);
      Pass first = pass;
      first.first_row = pass.first_row + from;
      first.update_statistics = false;
      model_.run(tower, part, first);
      for (const auto& [name, tensor] : part) {
        if (fields.has(name)) continue;
        if (!pieces.contains(name)) order.push_back(name);
        pieces[name].push_back(tensor);
      }
      chunks.push_back({&tower, from, to});
    }
    for (const auto& name : order) {
      Tensor whole = at::cat(pieces[name], 0).detach();
      if (whole.is_floating_point()) whole.set_requires_grad(true);
      leaves.set(name, whole);
    }
  }
  Features features = leaves;
  {
    Autocast autocast(precision_, device_);
    model_.run_joint_heads(features, pass);
  }
  Pass whole = pass;
  const Features all = of_all_ranks(features, whole, watch);
  watch.start("loss");
  Model::Outcome out = model_.losses(all, whole);
  const Tensor scaled = loss_scale_.scale().defined() ? out.total * loss_scale_.scale() : out.total;
  torch::autograd::backward({scaled}, {});
  for (const auto& chunk : chunks) {
    watch.start("forward");
    Features part = slice(fields, chunk.tower->modality, chunk.from, chunk.to);
    std::vector<Tensor> outputs, gradients;
    {
      Autocast autocast(precision_, device_);
      Pass second = pass;
      second.first_row = pass.first_row + chunk.from;
      model_.run(*chunk.tower, part, second);
    }
    for (const auto& [name, tensor] : part) {
      const Tensor* leaf = leaves.find(name);
      if (!tensor.requires_grad() || !leaf || !leaf->grad().defined()) continue;
      outputs.push_back(tensor);
      gradients.push_back(leaf->grad().slice(0, chunk.from, chunk.to).to(tensor.scalar_type()));
    }
    watch.start("backward");
    if (!outputs.empty()) torch::autograd::backward(outputs, gradients);
  }
  if (reducer_) {
    watch.start("communication");
    reducer_->average_now();
  }
  return out;
}

StepOutcome Trainer::step(Features fields, int64_t batch, int64_t step, int64_t total, int64_t first_row, Stopwatch& watch) {
  for (const auto& group : groups_)
    for (const auto& parameter : group.parameters) parameter.mutable_grad().reset();
  if (group_) {
    watch.start("communication");
    fields = of_one_length(fields, *group_);
  }
  // The objectives of the whole batch are computed by every rank.
  KnownWork::Step counted(known_work_, fields, group_ && negatives_ != Negatives::local ? group_->size() : 1);
  Pass pass;
  pass.training = true;
  pass.seed = key(seed_, static_cast<uint64_t>(step), key_of("dropout"));
  pass.first_row = first_row;
  pass.group = group_.get();
  const bool cached = std::any_of(model_.towers().begin(), model_.towers().end(), [](const Tower& t) { return t.chunks > 1; });
  Model::Outcome outcome =
      cached ? cached_forward_backward(fields, batch, pass, watch) : forward_backward(fields, batch, pass, watch);

  watch.start("optimiser");
  NoGradGuard no_grad;
  StepOutcome out;
  out.loss = outcome.total.detach();
  out.terms = std::move(outcome.terms);
  out.measures = std::move(outcome.measures);
  const std::vector<ParameterGroup>& groups = updated();
  Group* whole = pieces_.empty() ? nullptr : group_.get();
  out.norms = gradient_norms(
      groups, loss_scale_.scale(), [this](const std::string& name) { return model_.tower_of(name); }, whole);
  out.bad = at::logical_not(at::isfinite(out.loss) & at::isfinite(out.norms.total)).to(at::kFloat);
  // Of local losses one alone may be no number; what one rank skips, all skip.
  if (group_ && negatives_ == Negatives::local) group_->largest(out.bad);
  StepScale scale;
  scale.lr = lr_ * schedule_->factor(step, total);
  scale.gradient = clip_divisor(out.norms.total, clip_, loss_scale_.scale());
  scale.bad = out.bad;
  scale.group = whole;
  optimiser().step(groups, scale);
  if (whole) {
    watch.start("communication");
    reducer_->shards()->gather_parameters();
    watch.start("optimiser");
  }
  model_.after_step();
  loss_scale_.update(out.bad);
  if (ema_) ema_->follow(out.bad);
  for (const auto& group : groups_) out.rates.emplace_back(group.name, scale.lr * group.rate);
  out.work = &counted.end();
  return out;
}

void Trainer::embed(Features& features, bool averaged) {
  NoGradGuard no_grad;
  expect(!averaged || ema_, "bad-option", "expected optimise.ema above 0 for averaged weights but the recipe keeps none");
  if (averaged) ema_->exchange();
  try {
    Autocast autocast(precision_, device_);
    for (auto& tower : model_.towers())
      if (!(features.under(tower.modality).size() == 0)) model_.run(tower, features, Pass{});
  } catch (...) {
    if (averaged) ema_->exchange();
    throw;
  }
  if (averaged) ema_->exchange();
}

}  // namespace gd
