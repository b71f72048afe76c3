// What the faces of the contrasts share: checks of their arguments, and tensors as the loops take them.
#pragma once

#include "core/error.h"
#include "core/features.h"
#include "kernels/element_type.h"

#include <ATen/ATen.h>

#include <string_view>

namespace gd {

// float64 stays, all else is computed in float32.
inline at::ScalarType real_type_of(const Tensor& x) { return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

inline ElementType element_type_of(const Tensor& x, std::string_view name) {
  switch (x.scalar_type()) {
    case at::kDouble: return ElementType::f64;
    case at::kFloat: return ElementType::f32;
    case at::kHalf: return ElementType::f16;
    case at::kBFloat16: return ElementType::bf16;
    default: fail("bad-type", "expected floating numbers for ", name, " but got ", x.scalar_type());
  }
}

// Features as the loops take them: numbers of a row side by side; on a card rows that begin at multiples of 16 bytes and have
// whole steps of 64 numbers, filled up with zeros, which change no product.
inline Tensor rows_for_loops(const Tensor& given) {
  const Tensor x = given.detach();
  if (!x.is_cuda()) return x.stride(1) == 1 || x.size(1) == 1 ? x : x.contiguous();
  expect(x.scalar_type() != at::kDouble, "no-kernel",
         "expected float32, float16 or bfloat16 on a card for the contrasts but got ", x.scalar_type());
  expect(x.size(1) <= 1024, "no-kernel", "expected features of at most 1024 numbers on a card for the contrasts but got ",
         x.size(1));
  const int64_t lacking = (64 - x.size(1) % 64) % 64;
  if (lacking > 0) return at::constant_pad_nd(x, {0, lacking});
  const bool aligned = reinterpret_cast<uintptr_t>(x.const_data_ptr()) % 16 == 0 && x.stride(0) * x.element_size() % 16 == 0;
  return x.stride(1) == 1 && aligned ? x : x.clone(at::MemoryFormat::Contiguous);
}

inline void check_features(const Tensor& a, const Tensor& b) {
  expect(a.dim() == 2 && a.size(0) > 0 && a.size(1) > 0, "bad-shape",
         "expected features [N, D] of at least one row for a but got ", a.sizes());
  expect(b.dim() == 2 && b.size(0) > 0 && b.size(1) == a.size(1), "bad-shape", "expected features [M, ", a.size(1),
         "] of at least one row for b but got ", b.sizes());
  element_type_of(a, "a");
  expect(a.scalar_type() == b.scalar_type(), "bad-type", "expected numbers of one type for a and b but got ", a.scalar_type(),
         " and ", b.scalar_type());
  expect(a.device() == b.device(), "bad-device", "expected a and b on one device but got ", a.device(), " and ", b.device());
}

// An argument of the given shape on the features' device, in the type that the loops read; undefined stays so.
inline Tensor side_argument(const Tensor& x, at::IntArrayRef shape, at::ScalarType type, const Tensor& like,
                            std::string_view name) {
  if (!x.defined()) return x;
  expect(x.sizes() == shape, "bad-shape", "expected shape ", shape, " for ", name, " but got ", x.sizes());
  expect(x.device() == like.device(), "bad-device", "expected ", name, " on ", like.device(), " but got it on ", x.device());
  expect(at::isFloatingType(type) == at::isFloatingType(x.scalar_type()), "bad-type", "expected numbers like ", type, " for ",
         name, " but got ", x.scalar_type());
  return x.detach().to(type).contiguous();
}

// One number, or one a row.
inline Tensor scale_argument(const Tensor& scale, const Tensor& a) {
  expect(scale.defined() && (scale.numel() == 1 || (scale.dim() == 1 && scale.size(0) == a.size(0))), "bad-shape",
         "expected one number or [", a.size(0), "] for scale but got ", scale.defined() ? scale.sizes() : at::IntArrayRef());
  return side_argument(scale, scale.sizes(), real_type_of(a), a, "scale");
}

// Lists of pairs by rows, columns ascending within a row. What they hold is looked at on the CPU alone: a card would have to wait.
inline void pairs_arguments(Tensor& offsets, Tensor& columns, const Tensor& a, const Tensor& b, std::string_view name) {
  expect(offsets.defined() == columns.defined(), "bad-shape", "expected both offsets and columns of ", name,
         " pairs, or neither");
  if (!offsets.defined()) return;
  offsets = side_argument(offsets, {a.size(0) + 1}, at::kLong, a, "offsets of pairs");
  columns = side_argument(columns, {columns.numel()}, at::kInt, a, "columns of pairs");
  if (!offsets.is_cpu()) return;
  const int64_t* from = offsets.const_data_ptr<int64_t>();
  const int32_t* column = columns.const_data_ptr<int32_t>();
  const int64_t rows = a.size(0), count = columns.numel();
  expect(from[0] >= 0, "bad-shape", "expected offsets from 0 to ", count, " for the ", name, " pairs but got ", from[0]);
  for (int64_t i = 0; i < rows; ++i) {
    expect(from[i] <= from[i + 1] && from[i + 1] <= count, "bad-shape", "expected ascending offsets for the ", name,
           " pairs but got ", from[i + 1], " after ", from[i], " in row ", i);
    for (int64_t k = from[i]; k < from[i + 1]; ++k)
      expect(column[k] >= 0 && column[k] < b.size(0) && (k == from[i] || column[k] > column[k - 1]), "bad-shape",
             "expected ascending columns below ", b.size(0), " for the ", name, " pairs but got ", column[k], " in row ", i);
  }
}

// Label vectors of both sides, or of neither.
inline void labels_arguments(Tensor& rows, Tensor& columns, const Tensor& a, const Tensor& b) {
  expect(rows.defined() == columns.defined(), "bad-shape", "expected labels of both rows and columns, or of neither");
  if (!rows.defined()) return;
  expect(rows.dim() == 2 && rows.size(1) > 0, "bad-shape", "expected labels [N, K] for row_labels but got ", rows.sizes());
  rows = side_argument(rows, {a.size(0), rows.size(1)}, real_type_of(a), a, "row_labels");
  columns = side_argument(columns, {b.size(0), rows.size(1)}, real_type_of(a), a, "column_labels");
}

// Memory of a tensor for reading, null for none.
template <class T = void>
const T* memory(const Tensor& x) {
  return x.defined() ? static_cast<const T*>(x.const_data_ptr()) : nullptr;
}
template <class T = void>
T* memory_to_write(Tensor& x) {
  return x.defined() ? static_cast<T*>(x.mutable_data_ptr()) : nullptr;
}

}  // namespace gd
