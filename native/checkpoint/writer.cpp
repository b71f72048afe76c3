#include "checkpoint/writer.h"

#include "core/error.h"

#include <ATen/ATen.h>

#include <chrono>

namespace gd {

CheckpointWriter::CheckpointWriter() : thread_([this] { work(); }) {}

CheckpointWriter::~CheckpointWriter() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void CheckpointWriter::write(std::string path, NamedTensors tensors, Value metadata, std::function<void(const Done&)> done) {
  wait();
  Job job{std::move(path), {}, std::move(metadata), std::move(done)};
  for (auto& [name, tensor] : tensors) {
    if (tensor.use_count() == 1 && tensor.storage().use_count() == 1 && tensor.is_cpu() && tensor.is_contiguous()) {
      job.tensors.emplace_back(name, std::move(tensor));
      continue;
    }
    Tensor copy = at::empty(tensor.sizes(),
                            tensor.options().device(at::kCPU).requires_grad(false).memory_format(at::MemoryFormat::Contiguous));
    NoGradGuard no_grad;
    copy.copy_(tensor);
    job.tensors.emplace_back(name, std::move(copy));
  }
  {
    std::lock_guard lock(mutex_);
    job_ = std::move(job);
  }
  changed_.notify_all();
}

void CheckpointWriter::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !job_ && !busy_; });
}

void CheckpointWriter::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || job_; });
    if (!job_) return;
    Job job = std::move(*job_);
    job_.reset();
    busy_ = true;
    lock.unlock();
    Done done;
    done.path = job.path;
    const auto begin = std::chrono::steady_clock::now();
    try {
      done.bytes = write_safetensors(job.path, job.tensors, job.metadata);
    } catch (const Error& error) {
      done.error = error.what();
      done.advice = error.advice;
    } catch (const std::exception& error) {
      done.error = error.what();
    } catch (...) {
      done.error = "an unknown exception while writing the checkpoint";
    }
    done.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    job.tensors.clear();
    try {
      job.done(done);
    } catch (...) {  // a callback's exception must not end the process; nobody is left to tell
    }
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace gd
