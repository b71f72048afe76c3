#include "engine/stopwatch.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>

namespace gd {

Stopwatch::Stopwatch(c10::Device device) : device_(device) {}

void Stopwatch::start(const char* phase) {
  Mark mark{phase, std::chrono::steady_clock::now(), std::nullopt};
  if (!device_.is_cpu()) {
    mark.event.emplace(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
    mark.event->record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  }
  marks_.push_back(std::move(mark));
}

std::vector<std::pair<std::string, double>> Stopwatch::milliseconds() {
  std::vector<std::pair<std::string, double>> out;
  if (!device_.is_cpu() && !marks_.empty()) marks_.back().event->synchronize();
  for (size_t i = 0; i + 1 < marks_.size(); ++i) {
    if (!*marks_[i].phase) continue;
    const double spent = device_.is_cpu() ? std::chrono::duration<double, std::milli>(marks_[i + 1].time - marks_[i].time).count()
                                          : marks_[i].event->elapsedTime(*marks_[i + 1].event);
    const auto found = std::find_if(out.begin(), out.end(), [&](const auto& phase) { return phase.first == marks_[i].phase; });
    if (found == out.end()) {
      out.emplace_back(marks_[i].phase, spent);
    } else {
      found->second += spent;
    }
  }
  return out;
}

}  // namespace gd
