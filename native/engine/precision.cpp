#include "engine/precision.h"

#include "core/error.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

namespace gd {

Precision precision_from(const std::string& name, c10::Device device) {
  if (name == "fp32") return Precision::fp32;
  if (name == "bf16") return Precision::bf16;
  expect(name == "fp16", "bad-option", "expected fp32, bf16 or fp16 for train.precision but got '", name, "'");
  expect(!device.is_cpu(), "bad-option", "expected fp32 or bf16 for train.precision on the CPU but got fp16");
  return Precision::fp16;
}

const char* name_of(Precision precision) {
  static constexpr const char* names[] = {"fp32", "bf16", "fp16"};
  return names[static_cast<int>(precision)];
}

Autocast::Autocast(Precision precision, c10::Device device) : active_(precision != Precision::fp32), device_(device.type()) {
  if (!active_) return;
  was_enabled_ = at::autocast::is_autocast_enabled(device_);
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, precision == Precision::bf16 ? at::kBFloat16 : at::kHalf);
  at::autocast::increment_nesting();
}

Autocast::~Autocast() {
  if (!active_) return;
  // Weights cast in this scope are stale after the next step: the cache must not outlive it.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, was_enabled_);
}

LossScale::LossScale(Precision precision, c10::Device device) {
  if (precision != Precision::fp16) return;
  scale_ = at::full({}, 65536.0, at::TensorOptions().dtype(at::kFloat).device(device));
  growth_ = at::zeros({}, at::TensorOptions().dtype(at::kInt).device(device));
}

void LossScale::update(const Tensor& bad) {
  if (!scale_.defined()) return;
  NoGradGuard no_grad;
  at::_amp_update_scale_(scale_, growth_, bad, 2.0, 0.5, 2000);
}

std::vector<std::pair<std::string, Tensor>> LossScale::state() const {
  if (!scale_.defined()) return {};
  return {{"scale", scale_}, {"growth", growth_}};
}

}  // namespace gd
