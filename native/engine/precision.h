// Autocast and loss scaling. Master weights are float32 always; low precision lives inside the towers.
#pragma once

#include "core/features.h"
#include "core/value.h"

#include <c10/core/Device.h>

namespace gd {

enum class Precision { fp32, bf16, fp16 };
Precision precision_from(const std::string& name, c10::Device device);  // throws for fp16 on the CPU
const char* name_of(Precision precision);

// Autocast of this thread while it lives; nothing for fp32.
class Autocast {
 public:
  Autocast(Precision precision, c10::Device device);
  ~Autocast();
  Autocast(const Autocast&) = delete;

 private:
  const bool active_;
  const c10::DeviceType device_;
  bool was_enabled_ = false;
};

// Dynamic loss scale for fp16 (Micikevicius et al. 2018): doubles after `growth` good steps, halves on a bad one; stays on
// the device. Undefined tensors when the precision needs none.
class LossScale {
 public:
  LossScale(Precision precision, c10::Device device);
  const Tensor& scale() const { return scale_; }
  void update(const Tensor& bad);
  std::vector<std::pair<std::string, Tensor>> state() const;

 private:
  Tensor scale_, growth_;
};

}  // namespace gd
