// What every optimiser does: one step over parameter groups, without asking the device for a number.
#pragma once

#include "core/group.h"
#include "core/registry.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gd {

// Parameters that share a learning rate and a decay.
struct ParameterGroup {
  std::string name;  // unique; shown in events
  std::string rule;  // the pattern that made it, or "base"
  double rate = 1;   // factor on the scheduled learning rate
  double decay = 0;  // weight decay
  std::vector<std::string> names;
  std::vector<Tensor> parameters;
};

struct StepScale {
  double lr = 0;
  // 0-d tensors on the parameters' device. Gradients are divided by `gradient` (loss scale over clipping coefficient); with
  // `bad` = 1 (a non-finite loss or norm) the step changes nothing, neither weights nor moments nor counts.
  Tensor gradient;  // may be undefined: nothing to divide
  Tensor bad;
  // Set where the parameters are this rank's pieces of them, [n] each and n = 0 where it has none: what is asked of a whole parameter
  // is then asked of all ranks.
  Group* group = nullptr;
  // The fused kernels take an absent optional, not an undefined tensor.
  std::optional<Tensor> divisor() const { return gradient.defined() ? std::optional(gradient) : std::nullopt; }
};

struct Optimiser {
  virtual ~Optimiser() = default;
  virtual void step(const std::vector<ParameterGroup>& groups, const StepScale& scale) = 0;
  // Makes the moments for these groups (zeros) and lists everything a checkpoint must hold, as `<parameter>.<moment>`: moments of
  // the parameter's own shape, and counts without dimensions, the same on all ranks.
  virtual void prepare(const std::vector<ParameterGroup>& groups) = 0;
  virtual std::vector<std::pair<std::string, Tensor>> state() const = 0;
};

}  // namespace gd
