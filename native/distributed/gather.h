// The whole batch's features on every rank, with gradients.
#pragma once

#include "core/group.h"

#include <string>
#include <string_view>
#include <vector>

namespace gd {

// A batch's longest text differs from rank to rank; here every field becomes as long along dimension 1 as on the rank where it is
// longest. What is added is masked, and without it dropout on attention would draw for other places than in one process.
Features of_one_length(const Features& mine, Group& group);

// Which samples the loss contrasts, and what of its gradient a rank takes. `global` is the one that equals a single process; the
// others are what released code does, for reproductions.
enum class Negatives {
  global,                 // the whole batch, exact gradient
  local,                  // each rank's own share (MedCLIP, SAT, MGCA, SDA-CLIP, CheXzero)
  global_local_gradient,  // the whole batch, but a rank's rows take their gradient of its own loss alone: 1/ranks of the exact one
                          // for towers, all of it for the loss's own parameters (SurgVLP's family)
};
Negatives negatives_of(std::string_view name);  // throws Error("bad-option")

// Rows of all ranks, in their order: [b, …] → [size·b, …]; one shape on all ranks. Every rank must then compute the same loss of
// the whole batch. The gradient that a rank gets back is that of its own rows times the number of ranks, so that gradients
// *averaged* over ranks, as the reducer does, are those of one process with the whole batch: for towers, and for the loss's own
// parameters, which every rank differentiates whole.
Tensor gather_rows(const Tensor& mine, Group& group, Negatives negatives = Negatives::global);

// The features of the given names that are there, gathered (with Negatives::local there is nothing to gather: do not call); everything else as it is on this rank.
Features gather_features(const Features& mine, const std::vector<std::string>& names, Group& group, Negatives negatives);

}  // namespace gd
