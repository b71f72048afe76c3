// The random bits of dropout, in 32-bit arithmetic only: eight at a time in a 256-bit register, and the same bits on a card.
// No libtorch here, so that .cu files may include it.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define GD_BOTH __host__ __device__ __forceinline__
#else
#define GD_BOTH inline
#endif

namespace gd {

// Two keys, because one would make the streams of two rows shifted copies of each other whenever the keys lie close.
GD_BOTH uint32_t scramble(uint32_t counter, uint32_t first, uint32_t second) {
  uint32_t x = counter * 0x9E3779B1u + first;
  x ^= x >> 16;
  x *= 0x85EBCA6Bu;
  x ^= x >> 13;
  x += second;
  x *= 0xC2B2AE35u;
  x ^= x >> 16;
  x *= 0x27D4EB2Fu;
  return x ^ (x >> 15);
}

struct RowKey {
  uint32_t first, second;
};

GD_BOTH RowKey row_key(uint64_t key, int64_t row) {
  const uint32_t low = static_cast<uint32_t>(key), high = static_cast<uint32_t>(key >> 32);
  const uint32_t row_low = static_cast<uint32_t>(row), row_high = static_cast<uint32_t>(static_cast<uint64_t>(row) >> 32);
  return {scramble(row_low, low ^ row_high, high), scramble(row_low, high, ~low ^ row_high)};
}

// The bits of element `index` of a row; rows longer than 2³² elements change their key on the way.
GD_BOTH uint32_t dropout_bits(RowKey key, uint32_t index_low, uint32_t index_high) {
  return scramble(index_low, key.first + index_high * 0x165667B1u, key.second);
}

// What the loops need: rows × width elements, contiguous.
struct DropoutPlan {
  int64_t rows = 0, width = 0;
  int64_t first_row = 0;   // of this chunk in the global batch
  uint64_t key = 0;        // of (seed, site)
  uint32_t threshold = 0;  // an element dies when its 32 random bits lie below: p · 2³²
  double scale = 1;        // 1/(1-p)
};

enum class DropoutType { f64, f32, f16, bf16 };

// y = mask(x) · scale on raw memory of one type.
void dropout_cpu(const void* x, void* y, DropoutType type, const DropoutPlan& plan);
void dropout_cuda(const void* x, void* y, DropoutType type, const DropoutPlan& plan, void* stream);  // a cudaStream_t

}  // namespace gd
