// Which sample of one modality belongs with which of another, and how strongly.
//
// Kept as low-rank factors or as lists of pairs, never as an N×M matrix unless somebody asks: identity needs nothing, label rules
// need one vector a sample, lists grow with what belongs together. `row_targets` writes the matrix out for small batches and for
// references.
#pragma once

#include "core/features.h"

namespace gd {

// Pairs by rows: those from offsets[i] to offsets[i + 1] are of row i, columns ascending. Undefined: none.
struct PairList {
  Tensor offsets, columns;  // int64 [N + 1], int32 [pairs]
  Tensor rows() const;      // int64 [pairs]: of each pair
};

struct Relation {
  enum class Kind {
    identity,  // row i belongs with column i alone
    labels,    // similarity of label vectors: rows [N, K], columns [M, K]
    pairs,     // listed pairs belong together, equally; neutral ones neither belong together nor apart
  } kind = Kind::identity;
  // How a row of label similarities becomes a distribution.
  enum class Normalise {
    softmax,     // soft-max of s/temperature (MedCLIP, eq. 3)
    proportion,  // s / Σ s, rows without any positive fall back to nothing and are left out of the loss
  } normalise = Normalise::proportion;
  Tensor rows;     // [N, K] undefined for identity
  Tensor columns;  // [M, K]
  double temperature = 1;
  PairList positive, neutral;  // of pairs; no pair is in both

  // Targets of the row direction [N, M] and of the column direction [M, N]; each row sums to 1 (or 0 when it has no partner).
  Tensor row_targets(int64_t n, int64_t m, const Tensor& like) const;
  Tensor column_targets(int64_t n, int64_t m, const Tensor& like) const;
  Tensor neutrals(int64_t n, int64_t m, const Tensor& like) const;  // bool [N, M]
};

}  // namespace gd
