// Named stretches of a step, for whoever listens: libtorch's profiler shows them in a trace, native/profile counts by them. Without
// a listener they cost a few nanoseconds.
#pragma once

#include <ATen/core/ivalue.h>
#include <ATen/record_function.h>

#include <string>
#include <utility>

namespace gd {

// The work of one part of the model: "encoders.image", "objectives.global-contrast".
class Range {
 public:
  explicit Range(std::string name) : name_(std::move(name)), record_(at::RecordScope::USER_SCOPE) {
    if (!record_.isActive()) return;
    const c10::IValue mark(std::string("part"));
    record_.before(std::string_view(name_), c10::ArrayRef<const c10::IValue>(&mark, 1));
  }
  Range(const Range&) = delete;

  // Work that is done a second time, to save memory: no part of what the model costs.
  static constexpr const char* again = "again";

 private:
  const std::string name_;
  at::RecordFunction record_;
};

// A kernel of our own states its floating-point operations, 2 for a multiply-add: no listener can see inside. What it calls of
// libtorch meanwhile counts as part of it.
struct KernelWork {
  double flops = 0;      // of the definition
  double again = 0;      // beside that: what is computed a second time instead of being kept
  bool divided = false;  // ranks share the work: this is one rank's share
};

class KernelRange {
 public:
  explicit KernelRange(const char* name, const KernelWork& work) : record_(at::RecordScope::USER_SCOPE) {
    if (!record_.isActive()) return;
    const c10::IValue arguments[] = {work.flops, work.again, work.divided};
    record_.before(std::string_view(name), c10::ArrayRef<const c10::IValue>(arguments, 3));
  }
  KernelRange(const KernelRange&) = delete;

 private:
  at::RecordFunction record_;
};

// Bytes that this rank hands to a collective, where no libtorch operator tells it.
class CollectiveRange {
 public:
  CollectiveRange(const char* kind, size_t bytes) : record_(at::RecordScope::USER_SCOPE) {
    if (!record_.isActive()) return;
    const c10::IValue argument(static_cast<double>(bytes));
    record_.before(std::string_view(kind), c10::ArrayRef<const c10::IValue>(&argument, 1));
  }
  CollectiveRange(const CollectiveRange&) = delete;

 private:
  at::RecordFunction record_;
};

}  // namespace gd
