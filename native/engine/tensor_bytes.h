// Between the bytes that cross the boundary and numbers.
#pragma once

#include "core/features.h"
#include "core/value.h"

#include <cstring>
#include <memory>
#include <vector>

namespace gd {

// The elements in order, as they lie in memory; waits for a card.
Value::Bytes bytes_of(const Tensor& tensor);

// Bytes of a typed array as its numbers.
template <class T>
std::vector<T> numbers_of(const Value& value) {
  const auto& bytes = *value.bytes();
  std::vector<T> out(bytes.size() / sizeof(T));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(T));
  return out;
}

}  // namespace gd
