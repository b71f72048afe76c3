// What the contrasts of two modalities share: reading the two features, and the soft-max over rows and columns of their scores.
#pragma once

#include "core/relation.h"

namespace gd {

struct Pair {
  Tensor rows, columns;  // [N, D], [M, D]
};

// Reads [B, D] features of one width in the given type; with `normalise` each row has unit length. Throws Error("bad-shape").
Pair read_pair(const Features& features, const std::string& rows, const std::string& columns, at::ScalarType type,
               bool normalise);

// The identity relation pairs row i with column i: throws Error("bad-relation") when there are not as many of both.
void expect_pairs(const Relation& relation, const Pair& pair);

// Both soft-max directions of scores Z [N, M] and their cross-entropies against the relation's targets, sample by sample. Samples
// that are not there take no part as candidates; whoever averages leaves them out (mean_over with the masks given back).
struct SymmetricSoftmax {
  Tensor row_loss, column_loss;    // [N], [M]
  Tensor row_there, column_there;  // bool [N], [M]: whose loss counts; under identity both partners must be there
};
SymmetricSoftmax symmetric_softmax(const Tensor& scores, const Relation& relation, Tensor row_there, Tensor column_there);

}  // namespace gd
