#include "optim/clip.h"

#include <ATen/ATen.h>

#include <map>

namespace gd {

GradientNorms gradient_norms(const std::vector<ParameterGroup>& groups, const Tensor& loss_scale,
                             const std::function<std::string(const std::string&)>& tower_of, Group* group) {
  NoGradGuard no_grad;
  std::vector<Tensor> gradients;
  std::vector<std::string> towers;
  for (const auto& group : groups) {
    for (size_t i = 0; i < group.parameters.size(); ++i) {
      if (!group.parameters[i].grad().defined()) continue;
      gradients.push_back(group.parameters[i].grad());
      towers.push_back(tower_of(group.names[i]));
    }
  }
  expect(!gradients.empty(), "no-gradient", "expected a gradient for at least one parameter but the losses reach none");
  const auto norms = at::_foreach_norm(gradients, 2);
  std::map<std::string, std::vector<Tensor>> sorted;
  for (size_t i = 0; i < norms.size(); ++i) sorted[towers[i]].push_back(norms[i]);
  GradientNorms out;
  std::vector<Tensor> totals;
  for (auto& [tower, parts] : sorted) totals.push_back(at::stack(parts).norm());
  if (group) {
    const Tensor squares = at::stack(totals).to(at::kDouble).square();
    group->sum(squares);
    totals = squares.sqrt().to(totals[0].scalar_type()).unbind();
  }
  size_t at = 0;
  for (const auto& [tower, parts] : sorted) {
    Tensor& norm = totals[at++];
    if (loss_scale.defined()) norm = norm / loss_scale;
    out.by_tower.emplace_back(tower, norm);
  }
  out.total = at::stack(totals).norm();
  return out;
}

Tensor clip_divisor(const Tensor& norm, double bound, const Tensor& loss_scale) {
  if (bound <= 0) return loss_scale;
  const Tensor divisor = ((norm + 1e-6) / bound).clamp_min(1).to(at::kFloat);
  return loss_scale.defined() ? divisor * loss_scale : divisor;
}

}  // namespace gd
