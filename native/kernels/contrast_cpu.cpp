// The soft-max contrast on the CPU: the same loops compiled for two instruction sets, of which the machine's better one runs.
#include "kernels/contrast_tiles.h"

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
// Vectors are passed between functions that are inlined into each other: how they would be passed otherwise does not matter.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace gd {
namespace {

// What the whole program is compiled for: AVX2, SSE or NEON.
namespace plain {
#if defined(__AVX512F__)
#define GD_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define GD_VECTOR_BYTES 32
#else
#define GD_VECTOR_BYTES 16
#endif
#include "kernels/contrast_cpu_loops.inl"
#undef GD_VECTOR_BYTES
}  // namespace plain

#if defined(__x86_64__) && !defined(__AVX512F__)
#define GD_AVX512
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma")
namespace avx512 {
#define GD_VECTOR_BYTES 64
#include "kernels/contrast_cpu_loops.inl"
}  // namespace avx512
#pragma GCC pop_options
#endif

template <class T>
int64_t statistics(const ContrastProblem& problem, const ContrastStatistics* out, void* workspace) {
#ifdef GD_AVX512
  if (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
    return avx512::statistics<T>(problem, out, workspace);
#endif
  return plain::statistics<T>(problem, out, workspace);
}

template <class T>
int64_t gradient(const ContrastProblem& problem, const ContrastCotangents* in, const ContrastGradients* out, void* workspace) {
#ifdef GD_AVX512
  if (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
    return avx512::gradient<T>(problem, in, out, workspace);
#endif
  return plain::gradient<T>(problem, in, out, workspace);
}

template <class T>
int64_t workspace_of(const ContrastProblem& problem) {
  return std::max(statistics<T>(problem, nullptr, nullptr), gradient<T>(problem, nullptr, nullptr, nullptr));
}

}  // namespace

int64_t contrast_workspace_cpu(const ContrastProblem& problem) {
  return problem.type == ElementType::f64 ? workspace_of<double>(problem) : workspace_of<float>(problem);
}

void contrast_statistics_cpu(const ContrastProblem& problem, const ContrastStatistics& out, void* workspace) {
  if (problem.type == ElementType::f64)
    statistics<double>(problem, &out, workspace);
  else
    statistics<float>(problem, &out, workspace);
}

void contrast_gradient_cpu(const ContrastProblem& problem, const ContrastCotangents& in, const ContrastGradients& out,
                           void* workspace) {
  if (problem.type == ElementType::f64)
    gradient<double>(problem, &in, &out, workspace);
  else
    gradient<float>(problem, &in, &out, workspace);
}

}  // namespace gd
