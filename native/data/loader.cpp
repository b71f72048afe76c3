#include "data/loader.h"

#include "core/error.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

namespace gd {

namespace {

// Errors that concern all samples, not one: a recipe that names a column which is not there must stop the run, not empty it.
bool concerns_all(const Error& error) {
  return error.code == "bad-row" || error.code == "missing-column" || error.code == "no-decoder" || error.code == "bad-option";
}

// A batch on its way. Slots are claimed and counted under the loader's lock; between the two a thread works alone on its slots.
struct Work {
  Batch batch;
  std::vector<Features> fields;                                        // one an input
  std::vector<std::pair<std::pair<int64_t, size_t>, Reject>> rejects;  // by (slot, input)
  bool allocated = false;
  int64_t claimed = 0;
  int64_t done = 0;
  bool ready = false;
};

}  // namespace

struct Loader::Impl {
  std::shared_ptr<const Dataset> data;
  std::vector<NamedInput> inputs;
  LoaderOptions options;
  std::vector<std::thread> threads;

  mutable std::mutex mutex;
  std::condition_variable work_there;   // for the threads
  std::condition_variable batch_there;  // for next()
  std::deque<std::unique_ptr<Batch>> pushed;
  std::deque<std::shared_ptr<Work>> open;  // at most `ahead`, in order
  bool ended = false;
  bool stopping = false;
  std::exception_ptr failure;

  // Under the lock: the earliest batch with slots to claim, opening another one when there is room.
  std::shared_ptr<Work> claimable() {
    for (const auto& work : open)
      if (work->allocated && work->claimed < work->batch.size) return work;
    if (pushed.empty() || static_cast<int64_t>(open.size()) >= options.ahead) return nullptr;
    auto work = std::make_shared<Work>();
    work->batch = std::move(*pushed.front());
    pushed.pop_front();
    open.push_back(work);
    return work;
  }

  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      std::shared_ptr<Work> work;
      work_there.wait(lock, [&] { return stopping || failure || (work = claimable()) != nullptr; });
      if (stopping || failure) return;
      if (!work->allocated) {  // just opened by this thread; nobody else touches it yet
        lock.unlock();
        for (const auto& named : inputs) work->fields.push_back(allocate(*named.input, work->batch.size));
        lock.lock();
        work->allocated = true;
        work_there.notify_all();
      }
      // Few slots at a time, so that the last ones of a batch are spread over the threads.
      const int64_t share = work->batch.size / (4 * std::max<int64_t>(options.threads, 1));
      const int64_t first = work->claimed;
      const int64_t last = std::min(work->batch.size, first + std::clamp<int64_t>(share, 1, 16));
      work->claimed = last;
      lock.unlock();
      for (int64_t slot = first; slot < last; ++slot) read(*work, slot);
      lock.lock();
      work->done += last - first;
      if (work->done < work->batch.size) continue;
      lock.unlock();
      finish(*work);
      lock.lock();
      work->ready = true;
      batch_there.notify_all();
    }
  }

  Features allocate(const Input& input, int64_t batch) const {
    Features fields = input.allocate(batch);
    if (options.pinned)
      for (auto& [name, tensor] : fields) tensor = tensor.pin_memory();
    return fields;
  }

  void read(Work& work, int64_t slot) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      const auto& [modality, stream, input] = inputs[i];
      const int64_t row = work.batch.rows[static_cast<size_t>(stream * work.batch.size + slot)];
      const SampleKey key{options.seed, work.batch.epoch, row, options.training};
      try {
        input->read(*data, key, slot, work.fields[i]);
      } catch (const Error& error) {
        if (concerns_all(error)) throw;
        input->clear(slot, work.fields[i]);
        Reject reject{data->file(row), row, modality, error.what()};
        std::lock_guard lock(mutex);
        work.rejects.push_back({{slot, i}, std::move(reject)});
      }
    }
  }

  void finish(Work& work) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      inputs[i].input->finish(work.fields[i]);
      work.batch.fields.merge(inputs[i].modality, work.fields[i]);
    }
    work.fields.clear();
    // In the order of the samples, whichever thread met them first.
    std::sort(work.rejects.begin(), work.rejects.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [place, reject] : work.rejects) work.batch.rejects.push_back(std::move(reject));
  }

  void thread() {
    try {
      run();
    } catch (...) {
      std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
    // After a failure everybody must wake: next() to throw, the other threads to leave.
    work_there.notify_all();
    batch_there.notify_all();
  }
};

Loader::Loader(std::shared_ptr<const Dataset> data, std::vector<NamedInput> inputs, LoaderOptions options)
    : impl_(std::make_unique<Impl>()) {
  expect(!inputs.empty(), "bad-option", "expected at least one input for a loader but got none");
  expect(options.batch >= 1, "bad-option", "expected a batch of at least 1 but got ", options.batch);
  expect(options.threads >= 1 && options.threads <= 1024, "bad-option", "expected 1 to 1024 loader threads but got ",
         options.threads);
  expect(options.ahead >= 1, "bad-option", "expected at least 1 batch ahead but got ", options.ahead);
  for (const auto& named : inputs)
    expect(named.stream < options.streams, "bad-option", "expected a stream below ", options.streams, " for data.",
           named.modality, " but got ", named.stream);
#ifndef GADOLINIUM_CUDA
  options.pinned = false;  // only a build for cards has page-locked memory
#endif
  impl_->data = std::move(data);
  impl_->inputs = std::move(inputs);
  impl_->options = options;
  try {
    for (int i = 0; i < options.threads; ++i) impl_->threads.emplace_back([impl = impl_.get()] { impl->thread(); });
  } catch (const std::exception& error) {
    const size_t started = impl_->threads.size();
    {
      std::lock_guard lock(impl_->mutex);
      impl_->stopping = true;
    }
    impl_->work_there.notify_all();
    for (auto& thread : impl_->threads) thread.join();
    impl_->threads.clear();
    fail("no-threads", "expected to start ", options.threads, " loader threads but got only ", started, ": ", error.what());
  }
}

Loader::~Loader() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->work_there.notify_all();
  impl_->batch_there.notify_all();
  for (auto& thread : impl_->threads) thread.join();
}

void Loader::push(std::vector<uint32_t> rows, int64_t epoch, int64_t first, int64_t short_batch) {
  const int64_t streams = impl_->options.streams;
  const int64_t size = short_batch > 0 ? short_batch : impl_->options.batch;
  const int64_t each = streams * size;
  expect(size <= impl_->options.batch, "bad-call", "expected a short batch below ", impl_->options.batch, " but got ", size);
  expect(!rows.empty() && static_cast<int64_t>(rows.size()) % each == 0, "bad-call", "expected a multiple of ", each, " rows (",
         streams, " streams of ", size, " samples) but got ", rows.size());
  std::deque<std::unique_ptr<Batch>> batches;
  for (size_t at = 0; at < rows.size(); at += static_cast<size_t>(each)) {
    auto batch = std::make_unique<Batch>();
    batch->size = size;
    batch->epoch = epoch;
    batch->first = first + static_cast<int64_t>(at) / streams;
    batch->rows.assign(rows.begin() + static_cast<int64_t>(at), rows.begin() + static_cast<int64_t>(at) + each);
    batches.push_back(std::move(batch));
  }
  {
    std::lock_guard lock(impl_->mutex);
    expect(!impl_->ended, "bad-call", "expected no rows after end() but got ", rows.size());
    for (auto& batch : batches) impl_->pushed.push_back(std::move(batch));
  }
  impl_->work_there.notify_all();
}

void Loader::end() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->ended = true;
  }
  impl_->batch_there.notify_all();
}

Batch Loader::next(double* waited) {
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(impl_->mutex);
  const auto front_ready = [&] { return !impl_->open.empty() && impl_->open.front()->ready; };
  const auto none_left = [&] { return impl_->ended && impl_->pushed.empty() && impl_->open.empty(); };
  impl_->batch_there.wait(lock, [&] { return impl_->failure || impl_->stopping || front_ready() || none_left(); });
  if (waited) *waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (front_ready()) {
    Batch out = std::move(impl_->open.front()->batch);
    impl_->open.pop_front();
    lock.unlock();
    impl_->work_there.notify_all();
    return out;
  }
  if (impl_->failure) std::rethrow_exception(impl_->failure);
  return {};
}

size_t Loader::ready() const {
  std::lock_guard lock(impl_->mutex);
  size_t count = 0;
  for (const auto& work : impl_->open) count += work->ready;
  return count;
}

size_t Loader::pending() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->pushed.size() + impl_->open.size();
}

}  // namespace gd
