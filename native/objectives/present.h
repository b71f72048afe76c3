// Which samples an objective may count: those that have every modality it reads.
#pragma once

#include "core/features.h"

namespace gd {

class Group;

// `<modality>.present` of the feature's modality [B] bool, all true where the data path gives none.
Tensor present_of(const Features& features, std::string_view feature);

// The sum over all ranks of what each gives; itself without other ranks. The gradient that a rank gets back is its own times the
// number of ranks, because gradients are averaged over ranks after.
Tensor sum_over_ranks(const Tensor& mine, Group* group);

// Σ values·valid / max(Σ valid, 1): the mean over the samples that count; with weights (at least 0) in the place of ones in both
// sums, where not all of them are 0. `group`: over the samples of all ranks, each of which gives its own.
Tensor mean_over(const Tensor& values, const Tensor& valid, const Tensor& weights = {}, Group* group = nullptr);

}  // namespace gd
