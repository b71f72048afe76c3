#pragma once

#include "core/features.h"

#include <string_view>

namespace gd {

enum class Activation {
  relu,
  gelu,        // x Φ(x), exact (erf)
  quick_gelu,  // x σ(1.702 x), of OpenAI's CLIP
  tanh,
};

// "relu", "gelu", "quick-gelu", "tanh"
Activation activation_of(std::string_view name);
Tensor activate(Activation activation, const Tensor& x);

}  // namespace gd
