// Milliseconds of the phases of a step. On the CPU the clock; on a card events on the stream, read a step later, so that
// measuring never waits for the device.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/Event.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gd {

class Stopwatch {
 public:
  explicit Stopwatch(c10::Device device);
  // Ends the phase that runs and starts `phase`; the same name may come again and adds up. "" ends only.
  void start(const char* phase);
  // Waits for the device when it has to.
  std::vector<std::pair<std::string, double>> milliseconds();

 private:
  struct Mark {
    const char* phase;
    std::chrono::steady_clock::time_point time;
    std::optional<c10::Event> event;
  };
  const c10::Device device_;
  std::vector<Mark> marks_;
};

}  // namespace gd
