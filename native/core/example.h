// A small instance of a part: options and the features it reads, for the law tests that run over every registry.
#pragma once

#include "core/value.h"

#include <cstdint>
#include <string>
#include <vector>

namespace gd {

struct ExampleFeature {
  std::string name;            // full name for objectives, heads, relations; the field's name for encoders
  std::vector<int64_t> shape;  // without B
  enum Kind {
    real,     // normally distributed, differentiable
    ids,      // integers in [0, below)
    labels,   // 1, 0 and now and then -1 (unknown)
    mask,     // bool [T]: a run of true, at least one
    targets,  // ids, -100 in about half the places
  } kind = real;
  int64_t below = 2;
};

struct Example {
  Value options;  // null: no example
  std::vector<ExampleFeature> features;
  // Laws that do not hold for this part, each with the reason: "permutation", "chunks", "gradient", "extremes".
  std::vector<std::pair<std::string, std::string>> exceptions = {};
};

// options: {{"width", 4}, …}
inline Example example(Value::Object options, std::vector<ExampleFeature> features) {
  return {Value(std::move(options)), std::move(features)};
}

}  // namespace gd
