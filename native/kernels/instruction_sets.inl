// Compiles the loops of the file that GD_LOOPS names twice: `plain` for what the whole program is compiled for, and `avx512`, which
// GD_BETTER(call) prefers on machines that have it. Include once, at namespace scope, in a file that includes what they need.

#define GD_ALWAYS_INLINE inline __attribute__((always_inline))
// Vectors are passed between functions that are inlined into each other: how they would be passed otherwise does not matter.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace plain {
#if defined(__AVX512F__)
#define GD_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define GD_VECTOR_BYTES 32
#else
#define GD_VECTOR_BYTES 16  // SSE or NEON
#endif
#include GD_LOOPS
#undef GD_VECTOR_BYTES
}  // namespace plain

#if defined(__x86_64__) && !defined(__AVX512F__)
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma")
namespace avx512 {
#define GD_VECTOR_BYTES 64
#include GD_LOOPS
}  // namespace avx512
#pragma GCC pop_options
#define GD_BETTER(call) \
  (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") ? avx512::call : plain::call)
#else
#define GD_BETTER(call) plain::call
#endif
