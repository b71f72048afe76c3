#include "profile/memory_timeline.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
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

// A timeline without blocks that are gone before anything that stays longer comes or goes: scratch of one operator, of which large
// batches may take other numbers than small ones. What it took at most is kept with the moment before it.
struct Moment {
  enum Kind { begin, allocated, freed, forward_end } kind = begin;
  size_t block = 0;    // of the timeline
  double scratch = 0;  // at most, between this moment and the next
};

std::vector<Moment> moments_of(const MemoryTimeline& timeline) {
  std::vector<Moment> out{Moment{}};
  const auto& events = timeline.events();
  for (size_t i = 0; i <= events.size(); ++i) {
    if (i == timeline.forward_events()) out.push_back({Moment::forward_end});
    if (i == events.size()) break;
    const size_t block = events[i].block;
    if (!events[i].freed) {
      out.push_back({Moment::allocated, block});
    } else if (out.back().kind == Moment::allocated && out.back().block == block) {
      const double most = timeline.blocks()[block].bytes + out.back().scratch;
      out.pop_back();
      out.back().scratch = std::max(out.back().scratch, most);
    } else {
      out.push_back({Moment::freed, block});
    }
  }
  return out;
}

// Same kinds, and blocks that go at the same moments.
bool alike(const std::vector<Moment>& a, const std::vector<Moment>& b) {
  if (a.size() != b.size()) return false;
  std::unordered_map<size_t, size_t> same;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].kind != b[i].kind) return false;
    if (a[i].kind == Moment::allocated) same[a[i].block] = b[i].block;
    if (a[i].kind == Moment::freed && same.at(a[i].block) != b[i].block) return false;
  }
  return true;
}

// `between(x, y)`: a number for the batch that is asked for, from those of the two runs.
template <class Between>
MemoryPeak replay(const MemoryTimeline& one, const std::vector<Moment>& moments, const MemoryTimeline& other,
                  const std::vector<Moment>& others, Between between) {
  MemoryPeak out;
  std::unordered_map<size_t, double> sizes;
  double alone = 0, beside = 0;
  for (size_t i = 0; i < moments.size(); ++i) {
    const Moment& moment = moments[i];
    if (moment.kind == Moment::forward_end) out.held = alone;
    double at_once = 0;  // what is added to a gradient's own place and then gone
    if (moment.kind == Moment::allocated) {
      const auto& block = one.blocks()[moment.block];
      const double size = sizes[moment.block] = between(block.bytes, other.blocks()[others[i].block].bytes);
      alone += size;
      (block.gradient ? at_once : beside) += size;
    } else if (moment.kind == Moment::freed) {
      alone -= sizes[moment.block];
      if (!one.blocks()[moment.block].gradient) beside -= sizes[moment.block];
    }
    const double scratch = between(moment.scratch, others[i].scratch);
    out.alone = std::max(out.alone, alone + scratch);
    out.beside_gradients = std::max({out.beside_gradients, beside + at_once, beside + scratch});
  }
  return out;
}

}  // namespace

MemoryPeak peak_of(const MemoryTimeline& one) {
  const auto moments = moments_of(one);
  return replay(one, moments, one, moments, [](double x, double) { return x; });
}

MemoryPeak peak_of(const MemoryTimeline& one, int64_t one_batch, const MemoryTimeline& other, int64_t other_batch,
                   int64_t batch) {
  const double share = static_cast<double>(batch - one_batch) / static_cast<double>(other_batch - one_batch);
  const auto between = [share](double x, double y) { return std::max(0.0, x + (y - x) * share); };
  const auto a = moments_of(one), b = moments_of(other);
  if (alike(a, b)) return replay(one, a, other, b, between);
  const MemoryPeak x = peak_of(one), y = peak_of(other);
  MemoryPeak out{between(x.held, y.held), between(x.alone, y.alone), between(x.beside_gradients, y.beside_gradients), false};
  return out;
}

}  // namespace gd
