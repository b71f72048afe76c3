// Pairwise sigmoid contrast of the rows of two matrices (SigLIP; Zhai et al. 2023) without a matrix of their scores: the sum and
// its gradients come out of one pass, and nothing but the gradients is kept for the backward.
//
//   z_ij = scale_i · a_i·b_j + bias,  row_sum_i = Σ_j log(1 + exp(−y_ij z_ij)),  y = +1 for positive pairs, −1 for all others
#pragma once

#include "core/features.h"

namespace gd {

class Group;

// Which pairs there are and which of them are positive. Undefined tensors: none of that kind. Pairs in lists are by rows:
// those from offsets[i] to offsets[i + 1] are of row i, columns ascending.
struct SigmoidContrastPlan {
  Tensor row_there, column_there;             // bool [N], [M]: absent samples have no pairs
  Tensor excluded_offsets, excluded_columns;  // int64 [N + 1], int32 [pairs]: pairs that do not count, even when positive
  Tensor positive_offsets, positive_columns;  // int64 [N + 1], int32 [pairs]
  Tensor row_labels, column_labels;           // [N, K], [M, K]: positive where the product is above 0
  Tensor row_partner;                         // int64 [N] of columns, −1: none; positive, and ranked
  Tensor weight;                              // [N], of the rows in the total; undefined: 1
};

struct SigmoidContrastTotal {
  Tensor total;     // 0-d, differentiable in a, b, scale and bias: Σ_i weight_i row_sum_i
  Tensor row_sum;   // [N], not differentiable
  Tensor row_rank;  // int32 [N]: 1 + how many pairs of the row score higher than the partner; 0: no partner
};

// a: [N, D], b: [M, D], both float64, float32, float16 or bfloat16; scale: one number or [N]; bias: one number. float32 comes
// out, or float64 when the features are. `group`: ranks that all call with the same arguments share the rows, 6·N·M·D/ranks FLOP,
// and all have the same result, gradients too. Throws Error("bad-shape") and Error("bad-type") naming the argument.
SigmoidContrastTotal sigmoid_contrast(const Tensor& a, const Tensor& b, const Tensor& scale, const Tensor& bias,
                                      const SigmoidContrastPlan& plan, Group* group = nullptr);

// The same where each rank has rows and columns of its own, as many as every other, and nobody ever holds more than two ranks'
// columns (contrast_in_ring in contrast.h says how). `total` and the gradients of scale and bias are this rank's part of sums over
// ranks. Partners are of the same rank; lists of pairs are refused; there are no ranks of scores.
SigmoidContrastTotal sigmoid_contrast_in_ring(const Tensor& a, const Tensor& b, const Tensor& scale, const Tensor& bias,
                                              const SigmoidContrastPlan& plan, Group& group);

}  // namespace gd
