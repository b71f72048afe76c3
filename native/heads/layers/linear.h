// x Wᵀ + b. Weight [out, in], as torch stores it.
#pragma once

#include "core/scope.h"

#include <optional>

namespace gd {

// at::linear by the fastest library of the processor at hand. x: [..., in], weight: [out, in], bias: [out] or undefined.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

struct Linear {
  Tensor weight, bias;

  // torch's default start
  Linear(const Scope& scope, int64_t in, int64_t out, bool with_bias = true)
      : Linear(scope, in, out, Init::fan_in(in), with_bias ? std::optional(Init::fan_in(in)) : std::nullopt) {}
  Linear(const Scope& scope, int64_t in, int64_t out, Init weight_init, std::optional<Init> bias_init)
      : weight(scope.parameter("weight", {out, in}, weight_init)) {
    if (bias_init) bias = scope.parameter("bias", {out}, *bias_init);
  }
  Tensor operator()(const Tensor& x) const { return linear(x, weight, bias); }
};

}  // namespace gd
