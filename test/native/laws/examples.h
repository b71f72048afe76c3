// Features of a part's own example, in float64, from keyed draws: the same on every run.
#pragma once

#include "core/draw.h"
#include "core/registry.h"

#include <ATen/ATen.h>

namespace gd {

inline Tensor example_tensor(const ExampleFeature& feature, int64_t batch, uint64_t seed) {
  std::vector<int64_t> shape{batch};
  shape.insert(shape.end(), feature.shape.begin(), feature.shape.end());
  Tensor out = at::empty(shape, at::kDouble);
  double* values = out.data_ptr<double>();
  Draw draw(key(seed, key_of(feature.name)));
  for (int64_t i = 0; i < out.numel(); ++i) {
    switch (feature.kind) {
      case ExampleFeature::real: values[i] = draw.normal(); break;
      case ExampleFeature::ids: values[i] = static_cast<double>(draw.below(static_cast<uint64_t>(feature.below))); break;
      case ExampleFeature::labels: values[i] = draw.chance(0.15) ? -1 : draw.chance(0.5) ? 1 : 0; break;
      case ExampleFeature::targets:
        values[i] = draw.chance(0.5) ? -100 : static_cast<double>(draw.below(static_cast<uint64_t>(feature.below)));
        break;
      case ExampleFeature::mask: values[i] = 0; break;
    }
  }
  switch (feature.kind) {
    case ExampleFeature::real: return out;
    case ExampleFeature::labels: return out;
    case ExampleFeature::ids:
    case ExampleFeature::targets: return out.to(at::kLong);
    case ExampleFeature::mask: {
      // A run of true from the left, of a length of at least one.
      const int64_t length = shape.back();
      for (int64_t row = 0; row < out.numel() / length; ++row) {
        const int64_t real = 1 + static_cast<int64_t>(draw.below(static_cast<uint64_t>(length)));
        for (int64_t i = 0; i < real; ++i) values[row * length + i] = 1;
      }
      return out.to(at::kBool);
    }
  }
  return out;
}

inline Features example_features(const Example& example, int64_t batch, uint64_t seed = 1) {
  Features out;
  for (const auto& feature : example.features) out.set(feature.name, example_tensor(feature, batch, seed));
  return out;
}

inline bool excepted(const Example& example, const std::string& law) {
  for (const auto& [name, reason] : example.exceptions)
    if (name == law) return true;
  return false;
}

// The differentiable leaves among features: real ones.
inline std::vector<Tensor> make_leaves(Features& features, const Example& example) {
  std::vector<Tensor> out;
  for (const auto& feature : example.features) {
    if (feature.kind != ExampleFeature::real) continue;
    Tensor leaf = features.at(feature.name).detach().clone().set_requires_grad(true);
    features.set(feature.name, leaf);
    out.push_back(leaf);
  }
  return out;
}

}  // namespace gd
