// The training loop: batch → step → event, and between two steps evaluation, checkpoints, stopping.
#include "core/error.h"
#include "engine/training.h"
#include "profile/arithmetic_peak.h"

#include <ATen/ATen.h>

#include <filesystem>
#include <set>

namespace gd {

namespace {

std::string padded(int64_t step) {
  std::string digits = std::to_string(step);
  return std::string(digits.size() < 8 ? 8 - digits.size() : 0, '0') + digits;
}

}  // namespace

Features Engine::to_device(Batch& batch, const std::vector<NamedInput>& inputs) const {
  Features out;
  for (const auto& named : inputs) {
    Features fields;
    for (const auto& [name, tensor] : batch.fields.under(named.modality))
      fields.set(name, device_.is_cpu() ? tensor : tensor.to(device_, /*non_blocking=*/true));
    named.input->on_device(fields);
    out.merge(named.modality, fields);
  }
  return out;
}

// What was asked for between two steps: by a call on this rank, or, after agree(), on any.
struct Engine::Asked {
  std::string checkpoint, stop;  // the reason; empty: not asked
};

// All ranks do the same between two steps: what any of them was asked, all are. Reasons travel by number, so that where ranks differ
// the larger one counts everywhere.
void Engine::agree(Asked& asked) {
  ProcessGroup* group = trainer().group();
  if (!group) return;
  static const std::vector<std::string> reasons{"", "minutes", "request", "signal"};
  const auto number = [&](const std::string& reason) {
    const auto found = std::find(reasons.begin(), reasons.end(), reason);
    return found == reasons.end() ? int64_t{2} : found - reasons.begin();
  };
  Tensor numbers = at::tensor({number(asked.checkpoint), number(asked.stop)}, at::kLong);
  group->largest(numbers);
  asked.checkpoint = reasons[static_cast<size_t>(numbers[0].item<int64_t>())];
  asked.stop = reasons[static_cast<size_t>(numbers[1].item<int64_t>())];
}

Value Engine::train(const Value&) {
  std::shared_ptr<Training> run;
  {
    std::lock_guard lock(training_mutex_);
    run = training_;
  }
  expect(run != nullptr, "bad-call", "expected prepareTraining before train");
  // Whatever happens the run is taken down, so that its threads end and a next one may begin.
  struct Down {
    Engine& engine;
    ~Down() {
      std::lock_guard lock(engine.training_mutex_);
      engine.training_.reset();
    }
  } down{*this};
  const int64_t from = run->arguments.integer("from", 0), steps = run->arguments.at("steps").integer();
  const int64_t evaluate = run->arguments.integer("evaluateEvery", 0), every = run->arguments.integer("checkpointEverySteps", 0);
  const double minutes = run->arguments.number("checkpointEveryMinutes", 0);
  // One rank writes: all hold the same.
  const bool keeps = run->rank == 0 && !run->arguments.text("checkpointFolder", "").empty();
  run->skipped = run->arguments.integer("skipped", 0);
  run->rejected = run->arguments.integer("rejected", 0);
  run->last_checkpoint = std::chrono::steady_clock::now();
  run->peak = run->arguments.number("peak", 0);
  if (run->peak == 0 && device_.is_cpu())
    run->peak = arithmetic_peak(trainer().precision() == Precision::fp32 ? at::kFloat : at::kBFloat16);
  if (keeps) std::filesystem::create_directories(run->arguments.at("checkpointFolder").text());

  int64_t step = from;
  int64_t written = -1;
  std::string reason = "done";
  while (step < steps) {
    one_step(*run, step);
    ++step;
    while (perform_next(/*wait=*/false)) {
    }
    const auto hear = [&] {
      Asked asked;
      {
        std::lock_guard lock(run->mutex);
        asked.checkpoint = std::exchange(run->checkpoint_reason, "");
        if (run->stop) asked.stop = run->stop_reason;
      }
      {
        std::lock_guard lock(mutex_);
        if (closing_) {
          asked.stop = "closed";
          return asked;  // without a word to the other ranks: who leaves may be out of step with them, and they notice
        }
      }
      const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - run->last_checkpoint).count() / 60;
      if (asked.checkpoint.empty() && minutes > 0 && elapsed >= minutes) asked.checkpoint = "minutes";
      agree(asked);
      return asked;
    };
    Asked asked = hear();
    if (evaluate > 0 && asked.stop.empty() && (step % evaluate == 0 || step == steps)) {
      pause_for_evaluation(*run, step);
      // What was asked for meanwhile concerns the weights that were evaluated: no further step before it is done.
      const Asked meanwhile = hear();
      if (asked.checkpoint.empty()) asked.checkpoint = meanwhile.checkpoint;
      asked.stop = meanwhile.stop;
    }
    const bool stop = !asked.stop.empty();
    if (stop) reason = asked.stop;
    std::string due = asked.checkpoint;
    if (due.empty() && every > 0 && step % every == 0) due = "steps";
    if (due.empty() && step == steps) due = "end";
    if (due.empty() && stop && reason != "closed") due = reason == "signal" ? "signal" : "request";
    // Where moments are sharded all ranks bring theirs, but for a rank that leaves without a word.
    if (!due.empty() && (trainer().sharded().empty() ? keeps : reason != "closed")) {
      write_checkpoint(run, step, due);
      if (keeps) written = step;
    }
    if (!due.empty()) run->last_checkpoint = std::chrono::steady_clock::now();
    if (stop) break;
  }
  if (run->unread) {
    report(*run, *run->unread);
    run->unread.reset();
  }
  writer_.wait();
  // Whoever asked for these weights must not believe that they are kept.
  if (written == step) require_written(*run, 1);
  Value out;
  out.set("step", step);
  out.set("reason", step == steps ? std::string("done") : reason);
  out.set("skipped", run->skipped);
  out.set("rejected", run->rejected);
  out.set("checkpoint", written);
  return out;
}

void Engine::one_step(Training& run, int64_t step) {
  Trainer& trainer = this->trainer();
  Stopwatch watch(device_);
  watch.start("wait");
  Batch batch = run.loader->next();
  if (batch.size == 0) {
    // End of the feed: by a stop (the loop sees it) or because too few rows were fed.
    std::lock_guard lock(run.mutex);
    if (run.stop) throw Error("stopped", "the run was stopped while it waited for data");
    fail("bad-plan", "expected rows for step ", step + 1, " but the plan ended");
  }
  if (run.loader->pending() < static_cast<size_t>(run.low_mark) && !run.asked) {
    run.asked = true;
    Value event;
    event.set("type", "rows-wanted");
    event.set("pending", run.loader->pending());
    events_.send(std::move(event));
  } else if (run.loader->pending() >= static_cast<size_t>(run.low_mark)) {
    run.asked = false;
  }
  for (const auto& reject : batch.rejects) {
    ++run.rejected;
    Value event;
    event.set("type", "reject");
    event.set("file", reject.file);
    event.set("row", reject.row);
    event.set("field", reject.field);
    event.set("reason", reject.reason);
    event.set("step", step + 1);
    events_.send(std::move(event));
  }
  watch.start("transfer");
  StepPosition position;
  position.step = step + 1;
  position.epoch = batch.epoch;
  position.batch = batch.size * run.world;
  position.samples = (step + 1) * position.batch;
  position.ready = run.loader->ready();
  position.world = run.world;
  position.peak = run.peak;
  Features fields = to_device(batch, run.inputs);
  const int64_t total = run.arguments.at("steps").integer();
  StepOutcome outcome = trainer.step(std::move(fields), batch.size, step, total, run.rank * batch.size, watch);
  watch.start("");
  StepRecord record(std::move(outcome), std::move(watch), position);
  if (device_.is_cpu()) {
    report(run, record);
    return;
  }
  if (run.unread) report(run, *run.unread);
  run.unread.emplace(std::move(record));
}

void Engine::report(Training& run, StepRecord& record) {
  Value event = record.read();
  if (record.bad()) {
    ++run.skipped;
    ++run.skipped_in_a_row;
  } else {
    run.skipped_in_a_row = 0;
  }
  event.set("skipped", run.skipped);
  event.set("memory", memory_in_use(device_));
  events_.step(std::move(event));
  if (!record.bad()) return;
  Value warning;
  warning.set("type", "warning");
  warning.set("code", "step-skipped");
  warning.set("message", c10::str("step ", record.step(), " was skipped: ", record.suspects(), " not finite"));
  warning.set("step", record.step());
  warning.set("count", run.skipped);
  events_.send(std::move(warning));
  const int64_t limit = run.arguments.integer("maximumSkipped", 20);
  if (run.skipped_in_a_row >= limit) {
    throw Error(
        "diverged",
        c10::str("expected a finite loss but ", run.skipped_in_a_row, " steps in a row were skipped, the last one at step ",
                 record.step(), " (", record.suspects(), " not finite)"),
        "lower optimise.lr, lengthen the warm-up, or clip harder; resume from the last checkpoint");
  }
}

void Engine::pause_for_evaluation(Training& run, int64_t step) {
  if (run.unread) {
    report(run, *run.unread);
    run.unread.reset();
  }
  {
    std::lock_guard lock(run.mutex);
    run.proceed = false;
  }
  Value event;
  event.set("type", "evaluation-due");
  event.set("step", step);
  events_.send(std::move(event));
  while (true) {
    while (perform_next(/*wait=*/false)) {
    }
    bool closing = false;
    {
      std::lock_guard lock(mutex_);
      closing = closing_;
    }
    std::unique_lock lock(run.mutex);
    // With other ranks the evaluation goes to its end: its collectives are theirs too, and none of them may meet one of the loop.
    if (run.proceed || closing || (run.stop && !trainer().group())) break;
    // Bounded: a job queued between the look above and this wait is seen at the next turn at the latest.
    run.changed.wait_for(lock, std::chrono::milliseconds(20));
  }
  std::lock_guard lock(run.mutex);
  if (run.observed) trainer().schedule().observe(*std::exchange(run.observed, std::nullopt));
}

void Engine::write_checkpoint(const std::shared_ptr<Training>& training, int64_t step, const std::string& reason) {
  Training& run = *training;
  if (run.unread) {
    report(run, *run.unread);
    run.unread.reset();
  }
  NamedTensors tensors = trainer().gathered();
  if (run.rank > 0) return;
  writer_.wait();
  require_written(run, 2);
  const ScheduleState& schedule = trainer().schedule().state;
  Value position;
  position.set("step", step);
  position.set("skipped", run.skipped);
  position.set("rejected", run.rejected);
  Value held;
  held.set("best", schedule.best);
  held.set("bad", schedule.bad);
  held.set("factor", schedule.factor);
  held.set("observed", schedule.observed);
  position.set("schedule", std::move(held));
  Value metadata;
  metadata.set("gadolinium", run.arguments.text("metadata", "{}"));
  metadata.set("position", position.dump());
  const std::string path = run.arguments.at("checkpointFolder").text() + "/step-" + padded(step) + ".safetensors";
  writer_.write(path, std::move(tensors), std::move(metadata),
                [this, step, reason, training](const CheckpointWriter::Done& done) {
                  Value event;
                  {
                    std::lock_guard lock(training->mutex);
                    if (done.error.empty())
                      training->not_written.clear();
                    else
                      training->not_written.push_back(done);
                  }
                  if (done.error.empty()) {
                    event.set("type", "checkpoint");
                    event.set("path", done.path);
                    event.set("bytes", done.bytes);
                    event.set("milliseconds", done.milliseconds);
                    event.set("reason", reason);
                  } else {
                    event.set("type", "warning");
                    event.set("code", "checkpoint-not-written");
                    event.set("message", done.error + (done.advice.empty() ? "" : " (" + done.advice + ")"));
                  }
                  event.set("step", step);
                  events_.send(std::move(event));
                });
}

// A disk may have room again soon, so one checkpoint that could not be written is a warning. After `limit` in a row a run would only lose
// more by going on.
void Engine::require_written(Training& run, size_t limit) {
  std::lock_guard lock(run.mutex);
  if (run.not_written.size() < limit) return;
  const CheckpointWriter::Done& last = run.not_written.back();
  throw Error("checkpoint-not-written", last.error, last.advice);
}

// As write_checkpoint told it.
void Engine::resume_schedule(const Value& position) {
  const Value& schedule = position.at("schedule");
  trainer().schedule().state = {schedule.number("best", 0), schedule.integer("bad", 0), schedule.number("factor", 1),
                                schedule.flag("observed", false)};
}

// arguments: { file, part: 'all' | 'weights' | 'average' }. 'all' is for resuming, the others for evaluation and for starting
// from another run's weights.
Value Engine::restore(const Value& arguments) {
  const std::string path = arguments.at("file").text(), part = arguments.text("part", "all");
  SafetensorsFile file(path);
  file.verify();
  NoGradGuard no_grad;
  // What is to be filled, and the name in the file that fills it.
  std::vector<std::pair<std::string, Tensor>> wanted;
  for (const auto& [name, tensor] : trainer().tensors()) {
    if (part != "all" && name.find('/') != std::string::npos) continue;
    wanted.emplace_back(part == "average" && tensor.is_floating_point() ? "average/" + name : name, tensor);
  }
  // Sharded moments are handed out when the ranks share: until then the file stays mapped.
  const std::vector<Trainer::Sharded> sharded = part == "all" ? trainer().sharded() : std::vector<Trainer::Sharded>();
  std::string missing, left;
  int64_t missed = 0, over = 0;
  std::set<std::string> used;
  const auto look = [&](const std::string& from, at::IntArrayRef sizes) {
    if (!file.has(from)) {
      if (++missed <= 5) missing += (missing.empty() ? "" : ", ") + from;
      return;
    }
    const Tensor stored = file.tensor(from);
    expect(stored.sizes() == sizes, "checkpoint-mismatch", "expected the shape ", sizes, " for ", from, " in ", path, " but got ",
           stored.sizes(), ": it is a checkpoint of another recipe");
    used.insert(from);
  };
  for (const auto& [from, tensor] : wanted) look(from, tensor.sizes());
  for (const auto& moment : sharded) look(moment.name, trainer().sizes(moment));
  for (const auto& name : file.names()) {
    if (used.contains(name) || (part != "all" && name.find('/') != std::string::npos)) continue;
    if (part == "average" && used.contains("average/" + name)) continue;
    if (++over <= 5) left += (left.empty() ? "" : ", ") + name;
  }
  if (missed + over > 0) {
    throw Error("checkpoint-mismatch",
                c10::str("expected the tensors of this recipe in ", path, " but ", missed, " are missing (", missing, ") and ",
                         over, " are not known (", left, ")"),
                "give the recipe and the overrides that the checkpoint was trained with");
  }
  for (const auto& [from, tensor] : wanted) tensor.detach().copy_(file.tensor(from));
  for (const auto& moment : sharded) trainer().restore(moment, file.tensor(moment.name));
  Value out;
  out.set("metadata", file.metadata());
  if (part != "all") return out;
  const Value position = Value::parse(file.metadata().at("position").text());
  resume_schedule(position);
  out.set("position", position);
  return out;
}

// arguments: { file, metadata }: weights alone, for export.
Value Engine::save(const Value& arguments) {
  NamedTensors weights;
  NoGradGuard no_grad;
  for (const auto& [name, tensor] : trainer().tensors())
    if (name.find('/') == std::string::npos) weights.emplace_back(name, tensor.detach().to(at::kCPU).contiguous());
  Value metadata;
  metadata.set("gadolinium", arguments.text("metadata", "{}"));
  return Value(write_safetensors(arguments.at("file").text(), weights, metadata));
}

}  // namespace gd
