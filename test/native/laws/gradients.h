// Gradients of the graph against central differences in float64.
#pragma once

#include "test.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <functional>
#include <string>
#include <vector>

namespace gd {

// `loss` reads `leaves` (float64, requiring gradients). Checks at most `samples` entries of each leaf.
inline void check_gradients(const std::string& what, std::vector<at::Tensor> leaves, const std::function<at::Tensor()>& loss,
                            int64_t samples = 12) {
  for (auto& leaf : leaves) leaf.mutable_grad().reset();
  const at::Tensor value = loss();
  EXPECT(value.dim() == 0);
  value.backward();
  constexpr double step = 1e-6;
  for (size_t l = 0; l < leaves.size(); ++l) {
    // Leaves are dense but may be laid out channels-last: both are walked in the leaf's own memory order.
    const int64_t count = leaves[l].numel();
    at::Tensor gradient = at::zeros_like(leaves[l]);
    if (leaves[l].grad().defined()) gradient.copy_(leaves[l].grad());
    gradient = gradient.detach().as_strided({count}, {1});
    for (int64_t i = 0; i < count; i += std::max<int64_t>(1, count / samples)) {
      c10::NoGradGuard no_grad;
      at::Tensor flat = leaves[l].detach().as_strided({count}, {1});
      const double held = flat[i].item<double>();
      flat[i] = held + step;
      const double above = loss().item<double>();
      flat[i] = held - step;
      const double below = loss().item<double>();
      flat[i] = held;
      const double expected = (above - below) / (2 * step), got = gradient[i].item<double>();
      if (std::abs(expected - got) > 1e-5 * std::max({1.0, std::abs(expected), std::abs(got)}))
        native_test::fail(__FILE__, __LINE__,
                          what + ": leaf " + std::to_string(l) + " entry " + std::to_string(i) + ": differences give " +
                              std::to_string(expected) + ", the graph " + std::to_string(got));
    }
  }
}

}  // namespace gd
