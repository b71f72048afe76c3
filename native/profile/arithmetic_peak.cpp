#include "profile/arithmetic_peak.h"

#include <ATen/ATen.h>

#include <chrono>

namespace gd {

double arithmetic_peak(c10::ScalarType type) {
  using clock = std::chrono::steady_clock;
  const at::NoGradGuard no_grad;
  const auto begun = clock::now();
  const auto seconds = [](clock::time_point from) { return std::chrono::duration<double>(clock::now() - from).count(); };
  double best = 0;
  // Larger products are faster, until they take too long; a slow type stops early.
  for (const int64_t size : {256, 512, 1024}) {
    const at::Tensor a = at::ones({size, size}, type), b = at::ones({size, size}, type);
    at::Tensor out = at::mm(a, b);  // the first product of a shape plans
    for (int i = 0; i < 3 && seconds(begun) < 0.2; ++i) {
      const auto from = clock::now();
      at::mm_out(out, a, b);
      best = std::max(best, 2.0 * static_cast<double>(size * size * size) / seconds(from));
    }
    if (seconds(begun) > 0.05) break;
  }
  return best;
}

}  // namespace gd
