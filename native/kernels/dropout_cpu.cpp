#include "kernels/dropout_mask.h"

#include <ATen/ATen.h>
#include <ATen/OpMathType.h>
#include <ATen/Parallel.h>

namespace gd {
namespace {

// One stretch of a row. Branch-free, so that the compiler turns it into vector code.
template <typename T, typename Real>
void mask_stretch(const T* x, T* y, int64_t begin, int64_t end, RowKey key, uint32_t threshold, Real scale) {
  while (begin < end) {
    // up to the next multiple of 2³², where the upper half of the index changes
    const int64_t stop = std::min(end, ((begin >> 32) + 1) << 32);
    const uint32_t high = static_cast<uint32_t>(begin >> 32), low = static_cast<uint32_t>(begin);
    const int64_t count = stop - begin;
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t bits = dropout_bits(key, low + static_cast<uint32_t>(i), high);
      const Real factor = bits >= threshold ? scale : Real(0);
      y[begin + i] = static_cast<T>(static_cast<Real>(x[begin + i]) * factor);
    }
    begin = stop;
  }
}

template <typename T>
void mask_rows(const void* x, void* y, const DropoutPlan& plan) {
  using Real = at::opmath_type<T>;
  const T* from = static_cast<const T*>(x);
  T* to = static_cast<T*>(y);
  const Real scale = static_cast<Real>(plan.scale);
  at::parallel_for(0, plan.rows * plan.width, 16384, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t row = begin / plan.width, first = begin - row * plan.width;
      const int64_t last = std::min(plan.width, first + (end - begin));
      mask_stretch(from + row * plan.width, to + row * plan.width, first, last, row_key(plan.key, plan.first_row + row),
                   plan.threshold, scale);
      begin += last - first;
    }
  });
}

}  // namespace

void dropout_cpu(const void* x, void* y, DropoutType type, const DropoutPlan& plan) {
  switch (type) {
    case DropoutType::f64: return mask_rows<double>(x, y, plan);
    case DropoutType::f32: return mask_rows<float>(x, y, plan);
    case DropoutType::f16: return mask_rows<at::Half>(x, y, plan);
    case DropoutType::bf16: return mask_rows<at::BFloat16>(x, y, plan);
  }
}

}  // namespace gd
