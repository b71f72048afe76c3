// What a trainer holds, for checkpoints and for other ranks: weights, buffers, moments, averages, loss scale.
#include "engine/trainer.h"

#include <ATen/ATen.h>

namespace gd {

void Trainer::share() {
  NoGradGuard no_grad;
  for (const auto& [name, tensor] : tensors()) {
    // Travels in its plain layout: two ranks' strides need not agree.
    const Tensor plain = tensor.detach().contiguous();
    group_->broadcast(plain);
    if (group_->rank() > 0) tensor.detach().copy_(plain);
  }
  if (sharded_.empty()) return;
  const Tensor resumed = at::scalar_tensor(static_cast<int64_t>(restored_.size()), at::TensorOptions(at::kLong).device(device_));
  group_->broadcast(resumed);
  if (resumed.item<int64_t>() == 0) return;  // all begin with zeros
  for (const auto& moment : sharded_) {
    Tensor whole;
    if (group_->rank() == 0) whole = laid_out(moment.parameter).copy_(restored_.at(moment.name));
    reducer_->shards()->hand_out(moment.parameter, whole, moment.piece);
  }
  restored_.clear();
}

Tensor Trainer::laid_out(size_t parameter) const {
  const Tensor& p = parameters_[parameter];
  return at::empty_strided(p.sizes(), p.strides(), p.options().requires_grad(false));
}

std::vector<std::pair<std::string, Tensor>> Trainer::tensors() const { return listed({}); }

std::vector<std::pair<std::string, Tensor>> Trainer::gathered() {
  NoGradGuard no_grad;
  std::map<std::string, Tensor> wholes;
  for (const auto& moment : sharded_) {
    Tensor whole;
    if (group_->rank() == 0) whole = laid_out(moment.parameter);
    reducer_->shards()->collect(moment.parameter, moment.piece, whole);
    if (group_->rank() == 0) wholes[moment.name] = whole.to(at::kCPU).contiguous();  // the device holds one at a time
  }
  return listed(wholes);
}

int64_t Trainer::optimiser_bytes() const {
  int64_t out = 0;
  if (optimiser_)
    for (const auto& [name, tensor] : optimiser().state()) out += static_cast<int64_t>(tensor.nbytes());
  return out;
}

std::vector<std::pair<std::string, Tensor>> Trainer::listed(const std::map<std::string, Tensor>& wholes) const {
  std::vector<std::pair<std::string, Tensor>> out;
  for (const auto& slot : const_cast<Model&>(model_).state().slots()) out.emplace_back(slot.name, slot.tensor);
  if (optimiser_)
    for (const auto& [name, tensor] : optimiser().state()) {
      const std::string key = "optimiser/" + name;
      const auto whole = wholes.find(key);
      if (whole != wholes.end()) {
        out.emplace_back(key, whole->second);
      } else if (pieces_.empty() || tensor.dim() == 0) {
        out.emplace_back(key, tensor);
      }
    }
  if (ema_)
    for (const auto& [name, tensor] : ema_->state()) out.emplace_back("average/" + name, tensor);
  for (const auto& [name, tensor] : loss_scale_.state()) out.emplace_back("loss-scale/" + name, tensor);
  return out;
}

}  // namespace gd
