// The order in which the contrast's forms give their outputs to autograd, and get the gradients of the differentiable ones back.
#pragma once

#include "kernels/contrast.h"

#include <vector>

namespace gd {

// Puts the next entries under the names of the differentiable outputs that `plan` asks for. Named: Contrast or ContrastPull.
template <typename Named>
void take_differentiable(Named& out, const ContrastPlan& plan, const std::vector<Tensor>& list, size_t& next) {
  out.row_lse = list[next++];
  out.column_lse = list[next++];
  if (plan.row_partner.defined()) out.row_own = list[next++];
  if (plan.column_partner.defined()) out.column_own = list[next++];
  if (plan.row_labels.defined()) {
    out.row_target = list[next++];
    out.column_target = list[next++];
  }
  if (plan.hardness > 0) {
    out.row_hard_lse = list[next++];
    out.column_hard_lse = list[next++];
  }
  if (plan.pair_offsets.defined()) out.pair_score = list[next++];
}

inline ContrastPull contrast_pull(const std::vector<Tensor>& gradients, const ContrastPlan& plan) {
  size_t next = 0;
  ContrastPull out;
  take_differentiable(out, plan, gradients, next);
  return out;
}

inline Contrast contrast_outputs(const std::vector<Tensor>& found, const ContrastPlan& plan) {
  size_t next = 0;
  Contrast out;
  take_differentiable(out, plan, found, next);
  out.row_lse_rest = found[next++];
  out.column_lse_rest = found[next++];
  if (plan.row_partner.defined()) out.row_rank = found[next++];
  if (plan.column_partner.defined()) out.column_rank = found[next++];
  return out;
}

}  // namespace gd
