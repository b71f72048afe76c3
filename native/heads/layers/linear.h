// x Wᵀ + b. Weight [out, in], as torch stores it.
#pragma once

#include "core/scope.h"

#include <ATen/ops/linear.h>

#include <optional>

namespace gd {

struct Linear {
  Tensor weight, bias;

  // torch's default start
  Linear(const Scope& scope, int64_t in, int64_t out, bool with_bias = true)
      : Linear(scope, in, out, Init::fan_in(in), with_bias ? std::optional(Init::fan_in(in)) : std::nullopt) {}
  Linear(const Scope& scope, int64_t in, int64_t out, Init weight_init, std::optional<Init> bias_init)
      : weight(scope.parameter("weight", {out, in}, weight_init)) {
    if (bias_init) bias = scope.parameter("bias", {out}, *bias_init);
  }
  Tensor operator()(const Tensor& x) const { return at::linear(x, weight, bias); }
};

}  // namespace gd
