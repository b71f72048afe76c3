// Comparison with numbers that the official implementations gave (test/parity): the same deterministic weights and inputs,
// then outputs, key lists and gradient norms.
#pragma once

#include "core/parts.h"
#include "core/registry.h"

#include <string>

namespace gd::parity {

// The cases of test/fixtures/parity/<name>.json, found from the test program's own place upwards.
Value cases(const std::string& name);

// The rule by which test/parity/oracle.py makes numbers: 2u-1 under the seed of a name, row-major, rounded to float32.
Tensor signed_numbers(const std::string& name, at::IntArrayRef shape);
// The same in float64, not rounded.
Tensor signed_uniform(const std::string& name, at::IntArrayRef shape);
// The pixels of a fixture [B, C, H, W].
Tensor pixels(const Value& shape);
// Fills every floating tensor by its name.
void fill(State& state);

// Outputs against `made.outputs`: values and norm relative to the largest value.
void expect_outputs(const Features& outputs, const Value& made, double tolerance);
// Runs the backward of the fixture's loss over its outputs, compares each parameter's gradient norm, relative to that norm
// or to a hundredth of the largest (a bias of keys has no gradient but rounding).
void expect_gradients(const Features& outputs, State& state, const Value& made, double tolerance);
// Names and shapes, in any order.
void expect_keys(const State& state, const Value& made);

struct Precision {
  at::ScalarType type;
  double output, gradient;
};
// As the fixtures were made: what is left is rounding, so a wrong formula cannot hide.
constexpr Precision float64{at::kDouble, 1e-9, 1e-8};
constexpr Precision float32{at::kFloat, 1e-5, 1e-4};
// A rectifier or a maximum that falls the other way because of rounding changes its gradient by a step, so that deep
// networks with many of them do not reach the closeness of their outputs.
constexpr Precision float32_with_kinks{at::kFloat, 1e-5, 2e-3};

// The whole comparison of one encoder case, in evaluation or as the fixture says.
void compare_encoder(const std::string& encoder, const Value& made, Precision precision, Pass pass = {});

}  // namespace gd::parity
