#include "optim/ema.h"

#include <ATen/ATen.h>

namespace gd {

Ema::Ema(const State& state, double decay) : decay_(decay) {
  NoGradGuard no_grad;
  for (const auto& slot : state.slots()) {
    if (!slot.tensor.is_floating_point()) continue;
    names_.push_back(slot.name);
    live_.push_back(slot.tensor);
    average_.push_back(slot.tensor.detach().clone());
  }
}

void Ema::follow(const Tensor& bad) {
  NoGradGuard no_grad;
  auto change = at::_foreach_sub(live_, average_);
  at::_foreach_mul_(change, at::rsub(bad, 1) * (1 - decay_));
  at::_foreach_add_(average_, change);
}

void Ema::exchange() {
  NoGradGuard no_grad;
  for (size_t i = 0; i < live_.size(); ++i) {
    const Tensor held = live_[i].detach().clone();
    live_[i].detach().copy_(average_[i]);
    average_[i].copy_(held);
  }
}

std::vector<std::pair<std::string, Tensor>> Ema::state() const {
  std::vector<std::pair<std::string, Tensor>> out;
  for (size_t i = 0; i < names_.size(); ++i) out.emplace_back(names_[i], average_[i]);
  return out;
}

}  // namespace gd
