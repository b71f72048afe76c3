#include "profile/arithmetic_peak.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <chrono>

namespace gd {

namespace {

using clock = std::chrono::steady_clock;

double seconds_since(clock::time_point from) { return std::chrono::duration<double>(clock::now() - from).count(); }

double best_of_this_team(c10::ScalarType type) {
  const auto begun = clock::now();
  double best = 0;
  // Larger products are faster, until they take too long; a slow type stops early.
  for (const int64_t size : {256, 512, 1024}) {
    const at::Tensor a = at::ones({size, size}, type), b = at::ones({size, size}, type);
    at::Tensor out = at::mm(a, b);  // the first product of a shape plans
    for (int i = 0; i < 3 && seconds_since(begun) < 0.1; ++i) {
      const auto from = clock::now();
      at::mm_out(out, a, b);
      best = std::max(best, 2.0 * static_cast<double>(size * size * size) / seconds_since(from));
    }
    if (seconds_since(begun) > 0.03) break;
  }
  return best;
}

}  // namespace

double arithmetic_peak(c10::ScalarType type) {
  const at::NoGradGuard no_grad;
  const double team = best_of_this_team(type);
  const int threads = at::get_num_threads();
  if (threads == 1) return team;
  // Where others want the same cores a team waits for its slowest, and one thread may do more than all.
  at::set_num_threads(1);
  const double alone = best_of_this_team(type);
  at::set_num_threads(threads);
  return std::max(team, alone);
}

}  // namespace gd
