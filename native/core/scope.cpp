#include "core/scope.h"

#include "core/draw.h"
#include "core/error.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

namespace gd {

Init Init::fan_in(int64_t fan_in) { return within(1.0 / std::sqrt(static_cast<double>(std::max<int64_t>(fan_in, 1)))); }
Init Init::he_fan_out(int64_t fan_out) { return gaussian(std::sqrt(2.0 / static_cast<double>(fan_out))); }
Init Init::xavier(int64_t fan_in, int64_t fan_out) { return within(std::sqrt(6.0 / static_cast<double>(fan_in + fan_out))); }

Slot* State::find(std::string_view name) {
  for (auto& slot : slots_)
    if (slot.name == name) return &slot;
  return nullptr;
}

Slot& State::add(Slot slot) {
  expect(find(slot.name) == nullptr, "duplicate-parameter", "expected a new name but '", slot.name, "' exists already");
  slots_.push_back(std::move(slot));
  return slots_.back();
}

std::string Scope::name(std::string_view leaf) const {
  if (prefix_.empty()) return std::string(leaf);
  return prefix_ + "." + std::string(leaf);
}

Scope Scope::operator/(std::string_view child) const { return Scope(*state_, name(child)); }

Tensor Scope::parameter(std::string_view leaf, at::IntArrayRef shape, Init init) const {
  NoGradGuard no_grad;
  const std::string full = name(leaf);
  // Drawn in float32 on the CPU whatever the device and type, so that a model starts alike everywhere.
  Tensor drawn = at::empty(shape, at::TensorOptions().dtype(at::kFloat));
  auto generator = at::detail::createCPUGenerator(key(state_->seed, key_of(full)));
  switch (init.kind) {
    case Init::constant: drawn.fill_(init.a); break;
    case Init::normal: drawn.normal_(0, init.a, generator); break;
    case Init::uniform: drawn.uniform_(-init.a, init.a, generator); break;
    case Init::truncated_normal: {
      // Inverse of the normal distribution on the uniform between its values at -2 and +2.
      const double low = std::erf(-std::sqrt(2.0)), high = std::erf(std::sqrt(2.0));
      drawn.uniform_(low, high, generator).erfinv_().mul_(init.a * std::sqrt(2.0)).clamp_(-2 * init.a, 2 * init.a);
      break;
    }
  }
  Tensor made = drawn.to(state_->device, state_->dtype);
  if (made.dim() == 4 && state_->channels_last) made = made.contiguous(at::MemoryFormat::ChannelsLast);
  made.set_requires_grad(true);
  return state_->add({full, made}).tensor;
}

Tensor Scope::buffer(std::string_view leaf, Tensor initial) const {
  Tensor made = initial.is_floating_point() ? initial.to(state_->device, state_->dtype) : initial.to(state_->device);
  return state_->add({name(leaf), made, /*buffer=*/true, /*trainable=*/false}).tensor;
}

std::vector<Tensor> Scope::parameters() const {
  std::vector<Tensor> out;
  const std::string below = prefix_.empty() ? "" : prefix_ + ".";
  for (const auto& slot : state_->slots())
    if (!slot.buffer && slot.name.compare(0, below.size(), below) == 0) out.push_back(slot.tensor);
  return out;
}

}  // namespace gd
