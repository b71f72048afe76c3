// Host side of the tile kernels: what the card offers, checks of the inputs that the tiles presuppose, and the launch of a
// gradient with the tile size that the card's shared memory allows.
#pragma once

#include "kernels/tile_problem.h"

#include <cuda_runtime.h>

#include <sstream>
#include <stdexcept>

namespace gd::tile {

__device__ inline char* dynamic_shared() {
  extern __shared__ __align__(128) char shared[];
  return shared;
}

inline unsigned blocks(int64_t count, int64_t a_block) { return static_cast<unsigned>((count + a_block - 1) / a_block); }

// core/error.h needs a header of libtorch.
template <typename... Parts>
void expect(bool holds, const Parts&... parts) {
  if (holds) return;
  std::ostringstream sentence;
  (sentence << ... << parts);
  throw std::runtime_error(sentence.str());
}

inline void check(cudaError_t error, const char* what) {
  expect(error == cudaSuccess, what, " failed: ", cudaGetErrorString(error));
}

struct Device {
  int multiprocessors = 0, shared_a_block = 0, shared_a_multiprocessor = 0;
};
inline Device this_device() {
  int id = 0;
  check(cudaGetDevice(&id), "cudaGetDevice");
  Device device;
  const auto ask = [&](cudaDeviceAttr attribute) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, attribute, id), "cudaDeviceGetAttribute");
    return value;
  };
  device.multiprocessors = ask(cudaDevAttrMultiProcessorCount);
  device.shared_a_block = ask(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  device.shared_a_multiprocessor = ask(cudaDevAttrMaxSharedMemoryPerMultiprocessor);
  return device;
}

template <typename... Wanted, typename... Given>
void launch(void (*kernel)(Wanted...), dim3 grid, int shared, cudaStream_t stream, const Device& device,
            const Given&... arguments) {
  expect(shared <= device.shared_a_block, "expected ", shared, " bytes of shared memory a block but this card has ",
         device.shared_a_block, "; use a smaller width or half precision");
  if (shared > 48 * 1024)
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize, shared),
          "cudaFuncSetAttribute");
  kernel<<<grid, threads_a_block, static_cast<size_t>(shared), stream>>>(arguments...);
  check(cudaGetLastError(), "a kernel's launch");
}

// What the copies of 16 bytes and the steps of 64 columns presuppose.
template <typename Problem>
void check_sides(const char* name, const Problem& problem) {
  expect(problem.type != ElementType::f64, "expected float32 or a half type for ", name, " on a card but got float64");
  expect(problem.width >= 64 && problem.width <= 1024 && problem.width % 64 == 0,
         "expected a width of 64 to 1024 in steps of 64 for ", name, " on a card but got ", problem.width, "; pad with zeros");
  const auto aligned = [&](const void* matrix, int64_t stride) {
    return reinterpret_cast<uintptr_t>(matrix) % 16 == 0 && stride * size_of(problem.type) % 16 == 0;
  };
  expect(aligned(problem.a, problem.a_stride) && aligned(problem.b, problem.b_stride), "expected rows aligned to 16 bytes for ",
         name, " on a card; give contiguous inputs");
}

template <typename Type, int T, int N, typename Rule, bool Both>
__global__ void __launch_bounds__(threads_a_block, 1) gradient_kernel(const __grid_constant__ GradientParameters p) {
  Block block{dynamic_shared()};
  gradient_block<Type, T, N, Rule, Both>(block, p, blockIdx.x, static_cast<int>(blockIdx.y));
}

// Blocks that share an own tile: the fewest that keep nine in ten multiprocessors busy, or as near as it gets.
inline int strips_between(int64_t own_tiles, int64_t other_tiles, int multiprocessors) {
  int best = 1;
  double most = 0;
  for (int strips = 1; strips <= 64 && strips <= other_tiles; ++strips) {
    const int64_t all = own_tiles * strips, waves = (all + multiprocessors - 1) / multiprocessors;
    const double busy = static_cast<double>(all) / static_cast<double>(waves * multiprocessors);
    if (busy > most + 0.01) most = busy, best = strips;
    if (busy >= 0.9) break;
  }
  return best;
}

template <typename Type, int T, int N, typename Rule>
void gradients_in_tiles(GradientParameters p, bool deterministic, const Device& device, cudaStream_t stream) {
  const int shared = GradientLayout<Type, T>(p).layout.bytes;
  const int64_t own_tiles = (p.own.count + T - 1) / T, other_tiles = (p.other.count + T - 1) / T;
  const auto zero = [&](void* at, int64_t bytes) {
    if (at) check(cudaMemsetAsync(at, 0, static_cast<size_t>(bytes), stream), "cudaMemsetAsync");
  };
  // One pass for both sides, where the other side's gradient is wanted and may be added up in any order.
  const bool both = p.other_gradient && !deterministic;
  p.strips = deterministic ? 1 : strips_between(own_tiles, other_tiles, device.multiprocessors);
  p.other_tiles = static_cast<int>((other_tiles + p.strips - 1) / p.strips);
  if (p.strips > 1) {
    zero(p.own_gradient, p.own.count * p.width * 4);
    for (float* sum : {p.sums.scale, p.sums.slope, p.sums.value}) zero(sum, p.own.count * 4);
    zero(p.sums.rank, p.own.count * 4);
  }
  if (both) zero(p.other_gradient, p.other.count * p.width * 4);
  const dim3 grid(static_cast<unsigned>(own_tiles), static_cast<unsigned>(p.strips));
  if (both) return launch(gradient_kernel<Type, T, N, Rule, true>, grid, shared, stream, device, p);
  if (p.own_gradient || p.sums.any()) launch(gradient_kernel<Type, T, N, Rule, false>, grid, shared, stream, device, p);
  if (p.other_gradient)
    launch(gradient_kernel<Type, T, N, Rule, false>, dim3(static_cast<unsigned>(other_tiles)), shared, stream, device,
           turned(p, static_cast<int>(own_tiles)));
}

template <typename Rule, typename Type>
struct GradientLaunch {
  const GradientParameters& p;
  bool deterministic;
  Device device;
  cudaStream_t stream;
  template <int T, int N>
  void operator()() const {
    gradients_in_tiles<Type, T, N, Rule>(p, deterministic, device, stream);
  }
};

template <typename Rule, typename Type>
void gradients_of(const GradientParameters& p, bool deterministic, cudaStream_t stream) {
  const Device device = this_device();
  with_tile<Type, Rule::lists>(p, device.shared_a_block, GradientLaunch<Rule, Type>{p, deterministic, device, stream});
}

template <typename Rule>
void gradients(const char* name, ElementType type, const GradientParameters& p, bool deterministic, cudaStream_t stream) {
  switch (type) {
    case ElementType::f32: return gradients_of<Rule, float>(p, deterministic, stream);
    case ElementType::f16: return gradients_of<Rule, Fp16>(p, deterministic, stream);
    case ElementType::bf16: return gradients_of<Rule, Bf16>(p, deterministic, stream);
    case ElementType::f64: expect(false, "expected float32 or a half type for ", name, " on a card but got float64");
  }
}

}  // namespace gd::tile
