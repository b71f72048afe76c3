#include "core/event.h"

namespace gd {

void EventChannel::push(Value event, bool droppable) {
  bool ring = false;
  {
    std::lock_guard lock(mutex_);
    held_.push_back({std::move(event), droppable});
    if (held_.size() > bound_) {
      std::deque<Held> kept;
      bool odd = false;
      for (auto& held : held_) {
        if (held.droppable && (odd = !odd)) {
          ++thinned_;
          continue;
        }
        kept.push_back(std::move(held));
      }
      held_ = std::move(kept);
    }
    ring = !awake_;
    awake_ = true;
  }
  if (ring) wake_();
}

void EventChannel::send(Value event) { push(std::move(event), false); }
void EventChannel::step(Value event) { push(std::move(event), true); }

std::vector<Value> EventChannel::drain() {
  std::lock_guard lock(mutex_);
  awake_ = false;
  std::vector<Value> out;
  out.reserve(held_.size() + 1);
  for (auto& held : held_) out.push_back(std::move(held.event));
  held_.clear();
  if (thinned_ > 0) {
    Value note;
    note.set("type", "warning");
    note.set("code", "events-thinned");
    note.set("message", std::to_string(thinned_) + " step events were left out because nobody read them in time");
    note.set("count", thinned_);
    out.push_back(std::move(note));
    thinned_ = 0;
  }
  return out;
}

}  // namespace gd
