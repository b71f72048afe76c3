// What an objective gives back: scalar losses by name, and measures (accuracy, logit scale) that are only reported.
#pragma once

#include "core/features.h"

namespace gd {

struct Losses {
  std::vector<std::pair<std::string, Tensor>> terms;     // 0-d, differentiable, already weighted within the objective
  std::vector<std::pair<std::string, Tensor>> measures;  // 0-d, detached

  void add(std::string name, Tensor loss) { terms.emplace_back(std::move(name), std::move(loss)); }
  void measure(std::string name, const Tensor& value) { measures.emplace_back(std::move(name), value.detach()); }
};

}  // namespace gd
