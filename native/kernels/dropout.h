// Dropout whose mask is a function of (seed, site, row of the global batch, element of the row): the same however the batch
// is cut into chunks or spread over ranks, and the same again when a block is recomputed. Nothing is kept for the backward
// but the key.
#pragma once

#include "core/features.h"
#include "core/pass.h"

namespace gd {

// Zeroes each element with probability p and scales the rest by 1/(1-p). x: any shape, dimension 0 is the sample.
// Takes one site of the pass. Returns x itself outside training or for p = 0. Throws Error("bad-dropout") unless 0 ≤ p < 1.
Tensor dropout(const Tensor& x, double p, Pass& pass);

// Stochastic depth (Huang et al. 2016): the same, but a sample's row lives or dies as a whole.
Tensor drop_path(const Tensor& x, double p, Pass& pass);

}  // namespace gd
