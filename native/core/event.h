// Events on their way from the training thread to JavaScript: a buffer and one pending wake-up. The training thread never
// waits for a listener; lifecycle events are never lost; step events are thinned when nobody reads them.
#pragma once

#include "core/value.h"

#include <deque>
#include <functional>
#include <mutex>

namespace gd {

class EventChannel {
 public:
  // `wake` is called without the lock, at most once between two drains.
  explicit EventChannel(std::function<void()> wake, size_t bound = 65536) : wake_(std::move(wake)), bound_(bound) {}

  void send(Value event);  // lifecycle
  void step(Value event);  // may be thinned: beyond the bound every second kept one goes, and the number gone is reported
  std::vector<Value> drain();

 private:
  void push(Value event, bool droppable);
  struct Held {
    Value event;
    bool droppable;
  };
  std::function<void()> wake_;
  const size_t bound_;
  std::mutex mutex_;
  std::deque<Held> held_;
  size_t thinned_ = 0;
  bool awake_ = false;
};

}  // namespace gd
