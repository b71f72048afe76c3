#include "engine/step_record.h"

#include <ATen/ATen.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <sys/resource.h>
#include <unistd.h>
#include <cmath>
#include <cstdio>

namespace gd {

StepRecord::StepRecord(StepOutcome outcome, Stopwatch watch, StepPosition position)
    : rates_(std::move(outcome.rates)), work_(outcome.work), watch_(std::move(watch)), position_(position) {
  NoGradGuard no_grad;
  std::vector<Tensor> scalars;
  const auto add = [&](std::string name, const Tensor& value) {
    names_.push_back(std::move(name));
    scalars.push_back(value.detach().reshape({}).to(at::kFloat));
  };
  add("loss", outcome.loss);
  add("bad", outcome.bad);
  add("norm", outcome.norms.total);
  for (const auto& [name, value] : outcome.terms) add("loss:" + name, value);
  for (const auto& [name, value] : outcome.measures) add("measure:" + name, value);
  for (const auto& [name, value] : outcome.norms.by_tower) add("norm:" + name, value);
  const Tensor stacked = at::stack(scalars);
  if (stacked.is_cpu()) {
    scalars_ = stacked;
    return;
  }
  scalars_ = at::empty(stacked.sizes(), at::TensorOptions().dtype(at::kFloat).pinned_memory(true));
  scalars_.copy_(stacked, /*non_blocking=*/true);
  copied_.emplace(stacked.device().type(), c10::EventFlag::BACKEND_DEFAULT);
  copied_->record(c10::impl::VirtualGuardImpl(stacked.device().type()).getStream(stacked.device()));
}

namespace {

Value by_kind(const Work& work) {
  std::map<std::string, Traffic> kinds;
  for (const auto& [where, traffic] : work.collectives) {
    kinds[where.second].calls += traffic.calls;
    kinds[where.second].bytes += traffic.bytes;
  }
  Value out{Value::Object{}};
  for (const auto& [kind, traffic] : kinds) {
    Value one;
    one.set("calls", traffic.calls);
    one.set("bytes", traffic.bytes);
    out.set(kind, std::move(one));
  }
  return out;
}

}  // namespace

Value StepRecord::read() {
  if (copied_) copied_->synchronize();
  const float* values = scalars_.const_data_ptr<float>();
  Value event, losses{Value::Object{}}, measures{Value::Object{}}, norms{Value::Object{}}, rates{Value::Object{}},
      phases{Value::Object{}};
  event.set("type", "step");
  event.set("step", position_.step);
  event.set("epoch", position_.epoch);
  event.set("samples", position_.samples);
  double norm = 0;
  for (size_t i = 0; i < names_.size(); ++i) {
    const std::string& name = names_[i];
    const double value = values[i];
    if (name == "bad") {
      bad_ = value > 0;
      continue;
    }
    if (!std::isfinite(value)) suspects_ += (suspects_.empty() ? "" : ", ") + name;
    if (name == "loss") event.set("loss", value);
    if (name == "norm") norm = value;
    if (name.starts_with("loss:")) losses.set(name.substr(5), value);
    if (name.starts_with("measure:")) {
      measures.set(name.substr(8), value);
      if (name.ends_with("logitScale")) event.set("logitScale", value);
    }
    if (name.starts_with("norm:")) norms.set(name.substr(5), value);
  }
  for (const auto& [name, rate] : rates_) rates.set(name, rate);
  double total = 0;
  for (const auto& [phase, spent] : watch_.milliseconds()) {
    phases.set(phase, spent);
    total += spent;
  }
  phases.set("total", total);
  event.set("losses", std::move(losses));
  event.set("measures", std::move(measures));
  event.set("learningRates", std::move(rates));
  event.set("gradientNorm", norm);
  event.set("gradientNorms", std::move(norms));
  event.set("samplesPerSecond", total > 0 ? 1000.0 * static_cast<double>(position_.batch) / total : 0.0);
  event.set("milliseconds", std::move(phases));
  event.set("ready", position_.ready);
  if (work_ && total > 0) {
    const double world = static_cast<double>(position_.world), rate = world * work_->model() / (total / 1000);
    event.set("flopsPerSecond", rate);
    if (position_.peak > 0) event.set("mfu", rate / (world * position_.peak));
  }
  if (work_ && position_.world > 1) event.set("collectives", by_kind(*work_));
  return event;
}

Value memory_in_use(c10::Device device) {
  Value out;
  if (device.is_cpu()) {
    long pages = 0, resident = 0;
    if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
      if (std::fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
      std::fclose(file);
    }
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    out.set("now", static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
    out.set("peak", static_cast<double>(usage.ru_maxrss) * 1024);
    return out;
  }
  const auto stats = static_cast<c10::DeviceAllocator*>(c10::GetAllocator(device.type()))->getDeviceStats(device.index());
  out.set("now", static_cast<double>(stats.allocated_bytes[0].current));
  out.set("peak", static_cast<double>(stats.allocated_bytes[0].peak));
  return out;
}

}  // namespace gd
