// Losses of a soft-max contrast whose positives are listed pairs, from what the kernel gives of them.
#pragma once

#include "core/relation.h"
#include "kernels/contrast.h"

namespace gd {

// How several positives of one sample count. With z the score of one, N the negatives of its row (all but positives and neutrals):
enum class Positives {
  mean,   // mean over them of log Σ_j exp z_j − z, the sum over all candidates but neutrals: cross-entropy with equal targets
  apart,  // mean over them of log(exp z + Σ_N exp z_j) − z: none stands in the other's way (SAT)
  any,    // log Σ_j exp z_j − log Σ_positives exp z: the best of them is enough (MIL-NCE)
};

// What a contrast must be asked for so that the losses can be made of it.
struct ListedPositives {
  PairList positive, neutral;
  Positives form = Positives::mean;
  double hardness = 0;  // β: with apart, negatives weighted by exp(βz), their mean weight kept at 1 (Robinson et al. 2021, eq. 4;
      // in both directions Radenovic et al. 2023, eq. 2); the sum over N becomes |N| Σ exp((1+β)z) / Σ exp(βz)

  // Scores are asked for at (1 + hardness) times the scale.
  void ask(ContrastPlan& plan) const;
  double scale_factor() const { return 1 + hardness; }
};

// Sample by sample; whose loss counts: those with a positive that is there.
struct ListedLosses {
  Tensor row_loss, column_loss;
  Tensor row_counts, column_counts;  // bool [N], [M]
};
ListedLosses listed_losses(const ListedPositives& what, const Contrast& found, const Tensor& row_there,
                           const Tensor& column_there);

}  // namespace gd
