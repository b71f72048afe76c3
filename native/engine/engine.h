// One dedicated thread that does all torch work of a process, and the queue of jobs for it. Grad mode, autocast, streams and
// the OpenMP team are thread-local in libtorch: on any other thread they would silently be the defaults.
#pragma once

#include "checkpoint/writer.h"
#include "core/event.h"
#include "core/value.h"
#include "data/loader.h"
#include "engine/step_record.h"
#include "engine/trainer.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace gd {

class Engine {
 public:
  // config: the resolved native configuration (src/native/engine.ts): { device, threads, seed, precision, data, encoders,
  // heads, relation, objectives, optimise }. Without `optimise` the engine only embeds. Building happens on the thread: a bad
  // recipe fails the first job, "build".
  Engine(Value config, std::function<void()> wake);
  ~Engine();  // asks a running training to stop at the next step, joins
  Engine(const Engine&) = delete;

  // Done at once on the caller's thread. Methods: openData, closeData, addShard, prepareTraining, feed, endFeed, stop,
  // checkpoint, proceed, observe.
  Value now(const std::string& method, const Value& arguments);
  // Queued for the thread; a `reply` event {id, value | error} answers. Methods: build, listen, join, restore, fill, share, any,
  // save, train, parameters, embed, ranks, kernel, count.
  void later(int64_t id, std::string method, Value arguments);
  std::vector<Value> drain() { return events_.drain(); }

 private:
  struct Job {
    int64_t id;
    std::string method;
    Value arguments;
  };
  struct Training;  // engine/run.cpp

  void work();
  void perform(Job& job);
  Value dispatch(const std::string& method, const Value& arguments);
  bool perform_next(bool wait);  // one job, when there is one

  // engine/run.cpp
  struct Asked;
  Value train(const Value& arguments);
  void agree(Asked& asked);
  void one_step(Training& run, int64_t step);
  void report(Training& run, StepRecord& record);
  void pause_for_evaluation(Training& run, int64_t step);
  void write_checkpoint(const std::shared_ptr<Training>& training, int64_t step, const std::string& reason);
  void require_written(Training& run, size_t limit);
  Value parameters();

  // engine/ranks_together.cpp
  Value listen(const Value& arguments);
  Value join(const Value& arguments);
  Value share(const Value& arguments);
  Value any(const Value& arguments);

  // engine/fill.cpp
  Value fill(const Value& arguments);

  Value restore(const Value& arguments);
  void resume_schedule(const Value& position);
  Value save(const Value& arguments);
  Features to_device(Batch& batch, const std::vector<NamedInput>& inputs) const;

  // engine/kernel_calls.cpp
  Value kernel(const Value& arguments);

  // engine/count.cpp
  Value count(const Value& arguments);

  // engine/evaluate.cpp
  Value embed(const Value& arguments);
  Value ranks(const Value& arguments) const;

  std::shared_ptr<Dataset> dataset(int64_t id);
  Trainer& trainer();

  const Value config_;
  const c10::Device device_;
  EventChannel events_;
  CheckpointWriter writer_;
  std::shared_ptr<MeetingPoint> meeting_point_;
  std::unique_ptr<Trainer> trainer_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool closing_ = false;

  std::mutex data_mutex_;
  std::map<int64_t, std::shared_ptr<Dataset>> datasets_;
  int64_t next_dataset_ = 0;

  std::mutex training_mutex_;  // guards training_ against now() while it is made or taken down
  std::shared_ptr<Training> training_;

  std::thread thread_;  // last: starts when all else is made
};

}  // namespace gd
