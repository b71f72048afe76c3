#include "profile/known_work.h"

#include "profile/arithmetic_peak.h"
#include "test.h"

#include <ATen/ATen.h>

#include <chrono>

namespace gd {
namespace {

Features of_length(int64_t tokens) {
  Features out;
  out.set("text.ids", at::ones({4, tokens}, at::kLong));
  return out;
}

const Work& step(KnownWork& known, int64_t tokens, int64_t products) {
  KnownWork::Step counted(known, of_length(tokens), 1);
  for (int64_t i = 0; i < products; ++i) at::mm(at::ones({4, tokens}), at::ones({tokens, 2}));
  return counted.end();
}

}  // namespace

TEST("known work: counts the first step of each shape and no other") {
  KnownWork known;
  const Work& eight = step(known, 8, 3);
  EXPECT_CLOSE(eight.model(), 3 * 2.0 * 4 * 8 * 2, 1e-12);
  EXPECT(&step(known, 8, 1) == &eight);  // the same shapes: as before, whatever it does
  EXPECT_CLOSE(eight.model(), 3 * 2.0 * 4 * 8 * 2, 1e-12);
  EXPECT_CLOSE(step(known, 16, 1).model(), 2.0 * 4 * 16 * 2, 1e-12);
  EXPECT_CLOSE(eight.model(), 3 * 2.0 * 4 * 8 * 2, 1e-12);  // stays where it is
  EXPECT(!at::hasThreadLocalCallbacks());
}

TEST("known work: a step that throws is counted when its shapes come again") {
  KnownWork known;
  try {
    KnownWork::Step counted(known, of_length(8), 1);
    throw std::runtime_error("no");
  } catch (const std::runtime_error&) {
  }
  EXPECT(!at::hasThreadLocalCallbacks());
  EXPECT_CLOSE(step(known, 8, 1).model(), 2.0 * 4 * 8 * 2, 1e-12);
}

TEST("arithmetic peak: a rate of large products, soon found") {
  const auto begun = std::chrono::steady_clock::now();
  const double peak = arithmetic_peak(at::kFloat);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  EXPECT(peak > 1e9);
  EXPECT(peak < 1e15);
  EXPECT(seconds < 5);  // 0.1 s where nobody else computes
  EXPECT(arithmetic_peak(at::kBFloat16) > 1e8);
}

}  // namespace gd
