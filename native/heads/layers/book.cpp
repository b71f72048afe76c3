#include "heads/layers/book.h"

#include "core/draw.h"
#include "core/error.h"

#include <ATen/ATen.h>

namespace gd {

Tensor book(const Scope& scope, int64_t rows, int64_t width) {
  expect(rows > 0 && width > 0, "bad-option", "expected positive numbers for the texts of ", scope.prefix(),
         " and their width but got ", rows, " and ", width);
  const Tensor drawn = at::empty({rows, width}, at::kFloat);
  Draw draw(key(scope.state().seed, key_of(scope.prefix())));
  float* values = drawn.mutable_data_ptr<float>();
  for (int64_t i = 0; i < drawn.numel(); ++i) values[i] = static_cast<float>(0.5 * draw.normal());
  return scope.buffer("vectors", drawn);
}

}  // namespace gd
