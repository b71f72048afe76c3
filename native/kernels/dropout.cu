#include "kernels/dropout_mask.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

namespace gd {
namespace {

__device__ inline double masked(double x, bool alive, double scale) { return x * (alive ? scale : 0.0); }
__device__ inline float masked(float x, bool alive, float scale) { return x * (alive ? scale : 0.0f); }
__device__ inline __half masked(__half x, bool alive, float scale) {
  return __float2half_rn(masked(__half2float(x), alive, scale));
}
__device__ inline __nv_bfloat16 masked(__nv_bfloat16 x, bool alive, float scale) {
  return __float2bfloat16_rn(masked(__bfloat162float(x), alive, scale));
}

// blockIdx.y walks over rows, so that no thread divides by the width.
template <typename T, typename Real>
__global__ void mask_rows(const T* __restrict__ x, T* __restrict__ y, DropoutPlan plan, Real scale) {
  for (int64_t row = blockIdx.y; row < plan.rows; row += gridDim.y) {
    const RowKey key = row_key(plan.key, plan.first_row + row);
    const T* from = x + row * plan.width;
    T* to = y + row * plan.width;
    for (int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x; i < plan.width;
         i += static_cast<int64_t>(gridDim.x) * blockDim.x) {
      const uint32_t bits = dropout_bits(key, static_cast<uint32_t>(i), static_cast<uint32_t>(i >> 32));
      to[i] = masked(from[i], bits >= plan.threshold, scale);
    }
  }
}

template <typename T, typename Real>
void launch(const void* x, void* y, const DropoutPlan& plan, cudaStream_t stream) {
  constexpr int threads = 256;
  constexpr int64_t blocks_a_row = 1024, rows = 65535;  // limits of the grid; the loops stride over the rest
  const int64_t needed = (plan.width + threads - 1) / threads;
  const dim3 grid(static_cast<unsigned>(needed < blocks_a_row ? needed : blocks_a_row),
                  static_cast<unsigned>(plan.rows < rows ? plan.rows : rows));
  mask_rows<T, Real>
      <<<grid, threads, 0, stream>>>(static_cast<const T*>(x), static_cast<T*>(y), plan, static_cast<Real>(plan.scale));
}

}  // namespace

void dropout_cuda(const void* x, void* y, DropoutType type, const DropoutPlan& plan, void* stream) {
  const auto on = static_cast<cudaStream_t>(stream);
  switch (type) {
    case DropoutType::f64: return launch<double, double>(x, y, plan, on);
    case DropoutType::f32: return launch<float, float>(x, y, plan, on);
    case DropoutType::f16: return launch<__half, float>(x, y, plan, on);
    case DropoutType::bf16: return launch<__nv_bfloat16, float>(x, y, plan, on);
  }
}

}  // namespace gd
