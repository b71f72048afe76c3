// Where learned tensors live. A part asks its Scope for parameters and buffers by the key names of the official
// implementation (torchvision, timm, open_clip, Hugging Face), so a checkpoint's keys are the file's keys.
#pragma once

#include "core/features.h"

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gd {

// How a parameter starts. Each is drawn from a generator seeded by (run seed, parameter name): adding a layer does not
// change the others.
struct Init {
  enum Kind { constant, normal, truncated_normal, uniform } kind = constant;
  double a = 0;  // constant: the value; normal kinds: the standard deviation (truncated at 2); uniform: the bound

  static Init zeros() { return {constant, 0}; }
  static Init ones() { return {constant, 1}; }
  static Init value(double v) { return {constant, v}; }
  static Init gaussian(double deviation) { return {normal, deviation}; }
  static Init truncated(double deviation) { return {truncated_normal, deviation}; }
  static Init within(double bound) { return {uniform, bound}; }
  // torch's default of Linear and Conv: uniform within 1/sqrt(fan_in), for weights and biases alike
  static Init fan_in(int64_t fan_in);
  // He et al. 2015, fan-out, ReLU: deviation sqrt(2/fan_out)
  static Init he_fan_out(int64_t fan_out);
  // Glorot and Bengio 2010: uniform within sqrt(6/(fan_in+fan_out))
  static Init xavier(int64_t fan_in, int64_t fan_out);
};

struct Slot {
  std::string name;       // full key, dots as in the official file, under the part's own prefix
  Tensor tensor;          // the very tensor that the part holds
  bool buffer = false;    // running statistics and the like: saved, never optimised
  bool trainable = true;  // false: frozen by the recipe
};

// All learned tensors of one model, in the order of creation.
class State {
 public:
  State(c10::Device device, c10::ScalarType dtype, uint64_t seed) : device(device), dtype(dtype), seed(seed) {}
  State(const State&) = delete;

  const c10::Device device;
  const c10::ScalarType dtype;  // float32 in training (master weights); float64 in the law tests
  const uint64_t seed;
  bool channels_last = true;  // 4-D weights are laid out for channels-last convolutions

  std::vector<Slot>& slots() { return slots_; }
  const std::vector<Slot>& slots() const { return slots_; }
  Slot* find(std::string_view name);
  Slot& add(Slot slot);  // throws Error("duplicate-parameter")

 private:
  std::vector<Slot> slots_;
};

class Scope {
 public:
  Scope(State& state, std::string prefix) : state_(&state), prefix_(std::move(prefix)) {}
  // A name below this one; both may hold dots: scope / "layer1.0" / "conv1"
  Scope operator/(std::string_view name) const;
  Tensor parameter(std::string_view name, at::IntArrayRef shape, Init init) const;
  Tensor buffer(std::string_view name, Tensor initial) const;  // moved to the state's device; floating ones to its dtype
  // All tensors so far below this scope, in order: what a recomputed block depends on.
  std::vector<Tensor> parameters() const;
  const std::string& prefix() const { return prefix_; }
  State& state() const { return *state_; }

 private:
  std::string name(std::string_view leaf) const;
  State* state_;
  std::string prefix_;
};

}  // namespace gd
