// The sigmoid contrast on the CPU: the same loops compiled for two instruction sets, as in contrast_cpu.cpp.
#include "kernels/sigmoid_contrast_tiles.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <type_traits>

#define GD_ALWAYS_INLINE inline __attribute__((always_inline))
#pragma GCC diagnostic ignored "-Wpsabi"

namespace gd {
namespace {

namespace plain {
#if defined(__AVX512F__)
#define GD_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define GD_VECTOR_BYTES 32
#else
#define GD_VECTOR_BYTES 16
#endif
#include "kernels/sigmoid_contrast_cpu_loops.inl"
#undef GD_VECTOR_BYTES
}  // namespace plain

#if defined(__x86_64__) && !defined(__AVX512F__)
#define GD_AVX512
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma")
namespace avx512 {
#define GD_VECTOR_BYTES 64
#include "kernels/sigmoid_contrast_cpu_loops.inl"
}  // namespace avx512
#pragma GCC pop_options
#endif

int64_t run(const SigmoidContrastProblem& problem, const SigmoidContrastResult* out, void* workspace) {
  const bool twice = problem.type == ElementType::f64;
#ifdef GD_AVX512
  if (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
    return twice ? avx512::sums_and_gradient<double>(problem, out, workspace)
                 : avx512::sums_and_gradient<float>(problem, out, workspace);
#endif
  return twice ? plain::sums_and_gradient<double>(problem, out, workspace)
               : plain::sums_and_gradient<float>(problem, out, workspace);
}

}  // namespace

int64_t sigmoid_contrast_workspace_cpu(const SigmoidContrastProblem& problem) { return run(problem, nullptr, nullptr); }

void sigmoid_contrast_cpu(const SigmoidContrastProblem& problem, const SigmoidContrastResult& out, void* workspace) {
  run(problem, &out, workspace);
}

}  // namespace gd
