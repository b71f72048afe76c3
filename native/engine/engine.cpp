#include "engine/engine.h"

#include "core/error.h"
#include "engine/tensor_bytes.h"
#include "engine/training.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <set>

namespace gd {

namespace {

c10::Device device_from(const Value& config) {
  const std::string name = config.text("device", "cpu");
  try {
    return c10::Device(name);
  } catch (const c10::Error&) {
    fail("bad-option", "expected a device such as cpu or cuda:0 for train.device but got '", name, "'");
  }
}

constexpr const char* less_memory =
    "lower train.batch, raise train.accumulate, switch recompute on for the larger encoder, or optimise.sharded on among "
    "processes";

// Turns whatever is being thrown into { code, message, advice }. Call inside a catch.
Value described() {
  Value out;
  try {
    throw;
  } catch (const Error& error) {
    out.set("code", error.code);
    out.set("message", error.what());
    out.set("advice", error.advice);
  } catch (const c10::OutOfMemoryError& error) {
    out.set("code", "out-of-memory");
    out.set("message", error.what_without_backtrace());
    out.set("advice", less_memory);
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    // libtorch's allocator of the CPU has no type of its own for it.
    const bool memory = message.find("DefaultCPUAllocator") != std::string::npos;
    out.set("code", memory ? "out-of-memory" : "libtorch");
    out.set("message", message);
    if (memory) out.set("advice", less_memory);
  } catch (const std::bad_alloc&) {
    out.set("code", "out-of-memory");
    out.set("message", "the machine has no memory left");
    out.set("advice", less_memory);
  } catch (const std::exception& error) {
    out.set("code", "native");
    out.set("message", error.what());
  } catch (...) {
    out.set("code", "native");
    out.set("message", "an exception of unknown type");
  }
  return out;
}

// libtorch's warnings on this thread become events, each sentence once. Two of the reducer's are no news: parts that only some
// batches use are meant, and strides of dimensions of size 1 differ without harm.
class Warnings : public c10::WarningHandler {
 public:
  explicit Warnings(EventChannel& events) : events_(events) {}
  void process(const c10::Warning& warning) override {
    const std::string& text = warning.msg();
    if (text.starts_with("find_unused_parameters=True") || text.starts_with("Grad strides do not match")) return;
    if (!said_.insert(text).second) return;
    Value event;
    event.set("type", "warning");
    event.set("code", "libtorch");
    event.set("message", text);
    events_.send(std::move(event));
  }

 private:
  EventChannel& events_;
  std::set<std::string> said_;
};

}  // namespace

Engine::Engine(Value config, std::function<void()> wake)
    : config_(std::move(config)), device_(device_from(config_)), events_(std::move(wake)), thread_([this] { work(); }) {}

Engine::~Engine() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  {
    std::lock_guard lock(training_mutex_);
    if (training_) {
      std::lock_guard held(training_->mutex);
      training_->stop = true;
      if (training_->stop_reason.empty()) training_->stop_reason = "closed";
      training_->changed.notify_all();
      training_->loader->end();
    }
  }
  thread_.join();
}

void Engine::work() {
  Warnings warnings(events_);
  const c10::WarningUtils::WarningHandlerGuard guard(&warnings);
  try {
    at::set_num_threads(static_cast<int>(std::max<int64_t>(config_.integer("threads", 1), 1)));
  } catch (...) {
    Value warning = described();
    warning.set("type", "warning");
    events_.send(std::move(warning));
  }
  while (perform_next(/*wait=*/true)) {
  }
  trainer_.reset();
}

bool Engine::perform_next(bool wait) {
  Job job;
  {
    std::unique_lock lock(mutex_);
    if (wait) changed_.wait(lock, [this] { return closing_ || !jobs_.empty(); });
    if (closing_ || jobs_.empty()) return false;
    job = std::move(jobs_.front());
    jobs_.pop_front();
  }
  perform(job);
  return true;
}

void Engine::perform(Job& job) {
  Value reply;
  reply.set("type", "reply");
  reply.set("id", job.id);
  try {
    Value value = dispatch(job.method, job.arguments);
    reply.set("value", std::move(value));
  } catch (...) {
    reply.set("error", described());
  }
  events_.send(std::move(reply));
}

Value Engine::dispatch(const std::string& method, const Value& arguments) {
  if (method == "build") return trainer(), Value();
  if (method == "listen") return listen(arguments);
  if (method == "join") return join(arguments);
  if (method == "restore") return restore(arguments);
  if (method == "fill") return fill(arguments);
  if (method == "share") return share(arguments);
  if (method == "any") return any(arguments);
  if (method == "save") return save(arguments);
  if (method == "train") return train(arguments);
  if (method == "parameters") return parameters();
  if (method == "embed") return embed(arguments);
  if (method == "ranks") return ranks(arguments);
  if (method == "kernel") return kernel(arguments);
  if (method == "count") return count(arguments);
  fail(
      "bad-call",
      "expected build, listen, join, restore, fill, share, any, save, train, parameters, embed, ranks, kernel or count but got '",
      method, "'");
}

void Engine::later(int64_t id, std::string method, Value arguments) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back({id, std::move(method), std::move(arguments)});
  }
  changed_.notify_all();
  // A paused run waits on its own condition and takes jobs too.
  std::lock_guard lock(training_mutex_);
  if (training_) {
    std::lock_guard held(training_->mutex);
    training_->changed.notify_all();
  }
}

Trainer& Engine::trainer() {
  if (!trainer_) {
    at::globalContext().setDeterministicFillUninitializedMemory(false);
    trainer_ = std::make_unique<Trainer>(config_, device_);
  }
  return *trainer_;
}

Value Engine::parameters() {
  int64_t total = 0, trainable = 0;
  std::map<std::string, int64_t> towers;
  for (const auto& slot : trainer().model().state().slots()) {
    if (slot.buffer) continue;
    total += slot.tensor.numel();
    if (slot.trainable) trainable += slot.tensor.numel();
    towers[trainer().model().tower_of(slot.name)] += slot.tensor.numel();
  }
  Value by_tower{Value::Object{}}, out;
  for (const auto& [tower, count] : towers) by_tower.set(tower, count);
  out.set("total", total);
  out.set("trainable", trainable);
  out.set("byTower", std::move(by_tower));
  out.set("optimiserBytes", trainer().optimiser_bytes());
  // The learned scale of similarities, where an objective has one, of the weights and of their average: zero-shot's probabilities
  // need that of the weights that they are made with.
  for (const auto& [name, tensor] : trainer().tensors()) {
    if (!name.ends_with(".logit_scale")) continue;
    if (name.find('/') == std::string::npos) out.set("logitScale", std::exp(tensor.item<double>()));
    if (name.starts_with("average/")) out.set("averagedLogitScale", std::exp(tensor.item<double>()));
  }
  return out;
}

std::shared_ptr<Dataset> Engine::dataset(int64_t id) {
  std::lock_guard lock(data_mutex_);
  const auto found = datasets_.find(id);
  expect(found != datasets_.end(), "bad-call", "expected an open data set but got number ", id);
  return found->second;
}

Value Engine::now(const std::string& method, const Value& arguments) {
  if (method == "openData") {
    std::lock_guard lock(data_mutex_);
    datasets_[next_dataset_] = std::make_shared<Dataset>();
    return Value(next_dataset_++);
  }
  if (method == "closeData") {
    std::lock_guard lock(data_mutex_);
    datasets_.erase(arguments.at("data").integer());
    return Value();
  }
  if (method == "addShard") {
    const auto data = dataset(arguments.at("data").integer());
    data->add_at(arguments.at("firstRow").integer(), arguments.at("file").text(), arguments.at("places"));
    return Value();
  }
  if (method == "prepareTraining") {
    auto run = std::make_shared<Training>(arguments);
    run->data = dataset(arguments.at("data").integer());
    run->inputs = make_inputs(config_.at("data"));
    run->batch = arguments.at("batch").integer();
    run->world = arguments.integer("world", 1);
    run->rank = arguments.integer("rank", 0);
    run->low_mark = arguments.integer("lowMark", 64);
    LoaderOptions options;
    options.batch = run->batch;
    options.streams = arguments.integer("streams", 1);
    options.threads = static_cast<int>(arguments.integer("loaderThreads", 1));
    options.ahead = arguments.integer("ahead", 3);
    options.seed = static_cast<uint64_t>(config_.integer("seed", 0));
    options.pinned = !device_.is_cpu();
    run->loader = std::make_unique<Loader>(run->data, run->inputs, options);
    std::lock_guard lock(training_mutex_);
    expect(!training_, "bad-call", "expected one training at a time but another one is open");
    training_ = std::move(run);
    return Value();
  }
  std::shared_ptr<Training> run;
  {
    std::lock_guard lock(training_mutex_);
    run = training_;
  }
  // A call that arrives after the run's end has nothing to do: its events are on their way.
  if (!run) return Value();
  if (method == "feed") {
    auto rows = numbers_of<uint32_t>(arguments.at("rows"));
    run->loader->push(std::move(rows), arguments.at("epoch").integer(), arguments.at("first").integer());
    return Value();
  }
  if (method == "endFeed") {
    run->loader->end();
    return Value();
  }
  std::lock_guard lock(run->mutex);
  if (method == "stop") {
    run->stop = true;
    run->stop_reason = arguments.text("reason", "request");
  } else if (method == "checkpoint") {
    run->checkpoint_reason = arguments.text("reason", "request");
  } else if (method == "proceed") {
    run->proceed = true;
  } else if (method == "observe") {
    run->observed = arguments.at("value").number();
  } else {
    fail("bad-call", "expected a method of the engine but got '", method, "'");
  }
  run->changed.notify_all();
  return Value();
}

}  // namespace gd
