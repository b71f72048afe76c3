#include "heads/layers/activation.h"

#include "core/error.h"

#include <ATen/ATen.h>

namespace gd {

Activation activation_of(std::string_view name) {
  if (name == "relu") return Activation::relu;
  if (name == "gelu") return Activation::gelu;
  if (name == "quick-gelu") return Activation::quick_gelu;
  if (name == "tanh") return Activation::tanh;
  fail("bad-option", "expected relu, gelu, quick-gelu or tanh for an activation but got '", name, "'");
}

Tensor activate(Activation activation, const Tensor& x) {
  switch (activation) {
    case Activation::relu: return at::relu(x);
    case Activation::gelu: return at::gelu(x);
    case Activation::quick_gelu: return x * at::sigmoid(x * 1.702);
    case Activation::tanh: return at::tanh(x);
  }
  return x;
}

}  // namespace gd
