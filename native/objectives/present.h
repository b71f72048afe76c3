// Which samples an objective may count: those that have every modality it reads.
#pragma once

#include "core/features.h"

namespace gd {

// `<modality>.present` of the feature's modality [B] bool, all true where the data path gives none.
Tensor present_of(const Features& features, std::string_view feature);

// Σ values·valid / max(Σ valid, 1): the mean over the samples that count.
Tensor mean_over(const Tensor& values, const Tensor& valid);

}  // namespace gd
