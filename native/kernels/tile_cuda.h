// The tile layer's primitives on a card, sm_80 and newer. Each thread sees its own lane and warp; loops over them that the
// CPU makes are single calls here.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#define GD_TILE __device__ __forceinline__
#define GD_BOTH_SIDES __host__ __device__ __forceinline__
#define GD_UNROLL _Pragma("unroll")

namespace gd::tile {

constexpr int threads_a_block = 256, warps_a_block = threads_a_block / 32;

struct Bf16 {
  uint16_t bits;
};
struct Fp16 {
  uint16_t bits;
};

GD_TILE float number(float x) { return x; }
GD_TILE float number(Bf16 x) { return __bfloat162float(__ushort_as_bfloat16(x.bits)); }
GD_TILE float number(Fp16 x) { return __half2float(__ushort_as_half(x.bits)); }
template <typename Type>
GD_TILE Type rounded(float x);
template <>
GD_TILE float rounded<float>(float x) {
  return x;
}
template <>
GD_TILE Bf16 rounded<Bf16>(float x) {
  return {__bfloat16_as_ushort(__float2bfloat16_rn(x))};
}
template <>
GD_TILE Fp16 rounded<Fp16>(float x) {
  return {__half_as_ushort(__float2half_rn(x))};
}

GD_TILE float exponential(float x) { return exp2f(x * 1.4426950408889634f); }
GD_TILE float logarithm(float x) { return logf(x); }
GD_TILE float log1p_exponential(float x) { return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x))); }
GD_TILE float infinity() { return __int_as_float(0x7f800000); }

// One value a lane.
template <typename T>
struct Lane {
  T value;
  GD_TILE T& operator[](int) { return value; }
};

template <int count>
struct Registers {
  uint32_t value[count];
  GD_TILE uint32_t& at(int, int i) { return value[i]; }
};

// The float32 accumulator of M × N fragments a warp.
template <int M, int N>
struct Sums {
  float value[M][N][4];
  GD_TILE void zero() {
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int n = 0; n < N; ++n)
#pragma unroll
        for (int e = 0; e < 4; ++e) value[m][n][e] = 0;
  }
  GD_TILE float (&fragment(int, int m, int n))[4] { return value[m][n]; }
  GD_TILE float& at(int, int, int m, int n, int e) { return value[m][n][e]; }
};

struct Block {
  char* shared;

  template <typename F>
  GD_TILE void threads(F f) {
    f(static_cast<int>(threadIdx.x));
  }
  template <typename F>
  GD_TILE void warps(F f) {
    f(static_cast<int>(threadIdx.x) >> 5);
  }
  // Inside warps: the lanes of the warp.
  template <typename F>
  GD_TILE void lanes(F f) {
    f(static_cast<int>(threadIdx.x) & 31);
  }
  GD_TILE int thread_of(int) const { return static_cast<int>(threadIdx.x); }

  GD_TILE void barrier() { __syncthreads(); }

  template <typename T>
  GD_TILE T read(int, int at) {
    return *reinterpret_cast<const T*>(shared + at);
  }
  template <typename T>
  GD_TILE void write(int, int at, T value) {
    *reinterpret_cast<T*>(shared + at) = value;
  }

  // Two neighbours of a row, in one store.
  template <typename T>
  GD_TILE void write_pair(int, int at, const T (&pair)[2]) {
    if constexpr (sizeof(T) == 2)
      *reinterpret_cast<uint32_t*>(shared + at) = pair[0].bits | static_cast<uint32_t>(pair[1].bits) << 16;
    else
      *reinterpret_cast<float2*>(shared + at) = make_float2(pair[0], pair[1]);
  }

  GD_TILE uint32_t address(int at) const { return static_cast<uint32_t>(__cvta_generic_to_shared(shared + at)); }

  // Copies 16 bytes, or zeroes them, some time before the wait.
  GD_TILE void copy16(int, int to, const void* from, bool there) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address(to)), "l"(from), "r"(there ? 16 : 0) : "memory");
  }
  // Ends a group of copies.
  GD_TILE void commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
  // Waits for this thread's copies but those of the last `open` groups; others' need a barrier after it.
  template <int open>
  GD_TILE void await() {
    asm volatile("cp.async.wait_group %0;" ::"n"(open) : "memory");
  }

  template <bool transposed, typename Place>
  GD_TILE void ldmatrix(Registers<4>& to, Place place) {
    const uint32_t from = address(place(static_cast<int>(threadIdx.x) & 31));
    if constexpr (transposed)
      asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                   : "=r"(to.value[0]), "=r"(to.value[1]), "=r"(to.value[2]), "=r"(to.value[3])
                   : "r"(from)
                   : "memory");
    else
      asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                   : "=r"(to.value[0]), "=r"(to.value[1]), "=r"(to.value[2]), "=r"(to.value[3])
                   : "r"(from)
                   : "memory");
  }
  template <bool transposed, typename Place>
  GD_TILE void ldmatrix(Registers<2>& to, Place place) {
    const uint32_t from = address(place(static_cast<int>(threadIdx.x) & 31));
    if constexpr (transposed)
      asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                   : "=r"(to.value[0]), "=r"(to.value[1])
                   : "r"(from)
                   : "memory");
    else
      asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                   : "=r"(to.value[0]), "=r"(to.value[1])
                   : "r"(from)
                   : "memory");
  }

  // x of a lane becomes combine(x, x of the lane whose number differs in `mask`).
  template <typename T, typename F>
  GD_TILE void exchange(Lane<T>& x, int mask, F combine) {
    x.value = combine(x.value, __shfl_xor_sync(0xffffffffu, x.value, mask));
  }

  // Adds to two neighbours in global memory, in no fixed order.
  GD_TILE void add(float* to, float first, float second) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("red.global.add.v2.f32 [%0], {%1, %2};" ::"l"(to), "f"(first), "f"(second) : "memory");
#else
    atomicAdd(to, first);
    atomicAdd(to + 1, second);
#endif
  }
  template <typename T>
  GD_TILE void add(T* to, T value) {
    atomicAdd(to, value);
  }
};

GD_TILE void mma_step(Bf16*, float (&d)[4], const Registers<4>& a, uint32_t b0, uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a.value[0]), "r"(a.value[1]), "r"(a.value[2]), "r"(a.value[3]), "r"(b0), "r"(b1));
}
GD_TILE void mma_step(Fp16*, float (&d)[4], const Registers<4>& a, uint32_t b0, uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a.value[0]), "r"(a.value[1]), "r"(a.value[2]), "r"(a.value[3]), "r"(b0), "r"(b1));
}
GD_TILE uint32_t tf32(float x) {
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}
GD_TILE void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
// float32 by three products of TF32: each factor is a sum of two, and the product of the two small ones is below rounding.
GD_TILE void mma_step(float*, float (&d)[4], const Registers<4>& a, uint32_t b0, uint32_t b1) {
  uint32_t a_large[4], a_small[4], b_large[2], b_small[2];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float x = __uint_as_float(a.value[i]);
    a_large[i] = tf32(x);
    a_small[i] = tf32(x - __uint_as_float(a_large[i]));
  }
  const float b[2] = {__uint_as_float(b0), __uint_as_float(b1)};
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    b_large[i] = tf32(b[i]);
    b_small[i] = tf32(b[i] - __uint_as_float(b_large[i]));
  }
  mma_tf32(d, a_small, b_large);
  mma_tf32(d, a_large, b_small);
  mma_tf32(d, a_large, b_large);
}

// d += a · b; b is two registers from `first` on.
template <typename Type, int count>
GD_TILE void mma(float (&d)[4], const Registers<4>& a, const Registers<count>& b, int first) {
  mma_step(static_cast<Type*>(nullptr), d, a, b.value[first], b.value[first + 1]);
}

}  // namespace gd::tile
