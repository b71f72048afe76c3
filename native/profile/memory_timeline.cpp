#include "profile/memory_timeline.h"

#include "core/error.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <unordered_map>

namespace gd {

struct MemoryTimeline::State : c10::MemoryReportingInfoBase {
  std::mutex mutex;
  std::vector<Event> events;
  std::vector<Block> blocks;
  std::unordered_map<const void*, size_t> alive;
  size_t forward_events = 0;

  void reportMemoryUsage(void* place, int64_t size, size_t, size_t, c10::Device) override {
    const std::lock_guard lock(mutex);
    if (size > 0) {
      alive[place] = blocks.size();
      events.push_back({blocks.size(), false});
      blocks.push_back({static_cast<double>(size), place});
    } else if (const auto found = alive.find(place); found != alive.end()) {  // others were there before
      events.push_back({found->second, true});
      blocks[found->second].alive = false;
      alive.erase(found);
    }
  }
  bool memoryProfilingEnabled() const override { return true; }
};

MemoryTimeline::MemoryTimeline() : state_(std::make_shared<State>()) { resume(); }
MemoryTimeline::~MemoryTimeline() { pause(); }

void MemoryTimeline::resume() {
  if (!std::exchange(listening_, true)) c10::ThreadLocalDebugInfo::_push(c10::DebugInfoKind::PROFILER_STATE, state_);
}

void MemoryTimeline::pause() {
  if (std::exchange(listening_, false)) c10::ThreadLocalDebugInfo::_pop(c10::DebugInfoKind::PROFILER_STATE);
}

void MemoryTimeline::mark_forward_end() { state_->forward_events = state_->events.size(); }

void MemoryTimeline::mark_gradients(const std::vector<at::Tensor>& gradients) {
  const std::lock_guard lock(state_->mutex);
  for (const auto& gradient : gradients)
    if (const auto found = state_->alive.find(gradient.storage().data()); found != state_->alive.end())
      state_->blocks[found->second].gradient = true;
}

const std::vector<MemoryTimeline::Event>& MemoryTimeline::events() const { return state_->events; }
const std::vector<MemoryTimeline::Block>& MemoryTimeline::blocks() const { return state_->blocks; }
size_t MemoryTimeline::forward_events() const { return state_->forward_events; }

namespace {

MemoryPeak replay(const MemoryTimeline& timeline, const std::function<double(size_t)>& bytes) {
  MemoryPeak out;
  double alone = 0, beside = 0;
  const auto& blocks = timeline.blocks();
  for (size_t i = 0; i < timeline.events().size(); ++i) {
    if (i == timeline.forward_events()) out.held = alone;
    const auto& event = timeline.events()[i];
    const double size = bytes(event.block);
    alone += event.freed ? -size : size;
    out.alone = std::max(out.alone, alone);
    if (blocks[event.block].gradient) {
      // Added to its own place at once.
      if (!event.freed) out.beside_gradients = std::max(out.beside_gradients, beside + size);
      continue;
    }
    beside += event.freed ? -size : size;
    out.beside_gradients = std::max(out.beside_gradients, beside);
  }
  if (timeline.forward_events() == timeline.events().size()) out.held = alone;
  return out;
}

}  // namespace

MemoryPeak peak_of(const MemoryTimeline& one) {
  return replay(one, [&](size_t block) { return one.blocks()[block].bytes; });
}

MemoryPeak peak_of(const MemoryTimeline& one, int64_t one_batch, const MemoryTimeline& other, int64_t other_batch,
                   int64_t batch) {
  const auto& a = one.events();
  const auto& b = other.events();
  const bool alike = a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](const auto& x, const auto& y) {
                       return x.block == y.block && x.freed == y.freed;
                     });
  expect(alike, "not-alike", "expected the same allocations for ", one_batch, " and ", other_batch, " samples but got ", a.size(),
         " and ", b.size());
  const double share = static_cast<double>(batch - one_batch) / static_cast<double>(other_batch - one_batch);
  return replay(one, [&](size_t block) {
    const double first = one.blocks()[block].bytes, second = other.blocks()[block].bytes;
    return std::max(0.0, first + (second - first) * share);
  });
}

}  // namespace gd
