// The contrasts' kernels beside the same losses composed of libtorch operators, forward and backward.
// cmake --build build/release --target contrast_bench && build/release/contrast_bench [samples] [width] [rounds] [threads]
#include "kernels/contrast.h"
#include "kernels/sigmoid_contrast.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <vector>

namespace {

using at::Tensor;

// What libtorch's CPU allocator hands out, at its highest.
struct PeakMemory : c10::MemoryReportingInfoBase {
  void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device) override {
    held += size;
    peak = std::max(peak, held);
  }
  bool memoryProfilingEnabled() const override { return true; }
  int64_t held = 0, peak = 0;
};

struct Subject {
  const char* name;
  double products;  // of N·M·D multiply-adds, that it takes
  std::function<void()> work;
  std::vector<double> seconds = {};
};

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int64_t peak_of(const std::function<void()>& work) {
  const auto counted = std::make_shared<PeakMemory>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, counted);
  work();
  return counted->peak;
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int place, int64_t fallback) { return argc > place ? std::atoll(argv[place]) : fallback; };
  const int64_t n = argument(1, 4096), width = argument(2, 512), rounds = argument(3, 7);
  at::set_num_threads(static_cast<int>(argument(4, 2)));
  const bool composed = n <= 8192;  // beyond, all pairs would not fit

  const auto features = [&] {
    const Tensor x = at::randn({n, width});
    return (x / x.norm(2, 1, true)).set_requires_grad(true);
  };
  const Tensor a = features(), b = features();
  const Tensor scale = at::scalar_tensor(14.0).set_requires_grad(true), bias = at::scalar_tensor(-10.0).set_requires_grad(true);
  const Tensor own = at::arange(n);
  const auto fresh = [&] {
    for (const Tensor& x : {a, b, scale, bias}) x.mutable_grad().reset();
  };
  gd::ContrastPlan plan;
  plan.row_partner = plan.column_partner = own;
  gd::SigmoidContrastPlan pairs;
  pairs.row_partner = own;

  std::vector<Subject> subjects;
  subjects.push_back({"contrast", 4, [&] {
                        fresh();
                        const gd::Contrast out = gd::contrast(a, b, scale, plan);
                        (((out.row_lse - out.row_own).mean() + (out.column_lse - out.column_own).mean()) / 2).backward();
                      }});
  if (composed)
    subjects.push_back({"contrast, composed", 3, [&] {
                          fresh();
                          const Tensor z = scale * at::matmul(a, b.t());
                          ((at::cross_entropy_loss(z, own) + at::cross_entropy_loss(z.t(), own)) / 2).backward();
                        }});
  subjects.push_back({"sigmoid contrast", 3, [&] {
                        fresh();
                        (gd::sigmoid_contrast(a, b, scale, bias, pairs).total / n).backward();
                      }});
  if (composed)
    subjects.push_back({"sigmoid contrast, composed", 3, [&] {
                          fresh();
                          const Tensor z = scale * at::matmul(a, b.t()) + bias;
                          const Tensor y = 2 * at::eye(n) - 1;
                          (-at::log_sigmoid(y * z).sum() / n).backward();
                        }});
  const Tensor left = at::randn({2048, 2048}), right = at::randn({2048, 2048});
  Tensor product = at::empty({2048, 2048});
  Subject sgemm{"library product of 2048 × 2048", 0, [&] { at::mm_out(product, left, right); }};

  // Rounds take turns, so that a busy machine is as busy for each.
  for (int64_t round = -1; round < rounds; ++round) {
    for (Subject* subject = subjects.data(); subject != subjects.data() + subjects.size(); ++subject) {
      const double taken = seconds_of(subject->work);
      if (round >= 0) subject->seconds.push_back(taken);
    }
    const double taken = seconds_of(sgemm.work);
    if (round >= 0) sgemm.seconds.push_back(taken);
  }

  const double rate = 2.0 * 2048 * 2048 * 2048 / median(sgemm.seconds) * 1e-9;
  const double product_flop = 2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(width);
  std::printf("N = M = %lld, D = %lld, float32, %d threads, median of %lld rounds; sgemm: %.0f GFLOP/s\n",
              static_cast<long long>(n), static_cast<long long>(width), at::get_num_threads(), static_cast<long long>(rounds),
              rate);
  std::printf("%-28s %10s %10s %22s %14s\n", "", "ms", "best ms", "GFLOP/s (of sgemm)", "extra MiB");
  // Gradients of a and b are results, not extra memory.
  const double results = 2.0 * static_cast<double>(n) * static_cast<double>(width) * 4;
  for (const Subject& subject : subjects) {
    const double taken = median(subject.seconds), best = *std::min_element(subject.seconds.begin(), subject.seconds.end());
    const double reached = subject.products * product_flop / taken * 1e-9;
    fresh();
    std::printf("%-28s %10.1f %10.1f %10.0f on %.0f·N²D (%2.0f %%) %10.1f\n", subject.name, taken * 1e3, best * 1e3, reached,
                2 * subject.products, 100 * reached / rate, (static_cast<double>(peak_of(subject.work)) - results) / 1048576);
  }
  return 0;
}
