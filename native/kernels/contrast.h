// Soft-max contrast of the rows of two matrices without a matrix of their scores: memory grows with N + M, time with N·M·D.
//
//   z_ij = scale_i · a_i·b_j
//   row_lse_i = log Σ_j exp z_ij,  column_lse_j = log Σ_i exp z_ij        over the candidates
//
// That is all that needs N×M work; losses are made of these vectors by libtorch operators (objectives/global_contrast.cpp):
// cross-entropy against the partner is (row_lse − row_own) + row_lse_rest; against soft targets row_lse − row_target, and against
// sparse ones sums over the listed pairs; weights of samples and directions are factors; z-loss is the mean of lse²; running
// denominators are factors exp(lse − u); negatives weighted by hardness are row_lse of scores (1 + β)·z less row_hard_lse of β·z.
#pragma once

#include "core/features.h"

namespace gd {

class Group;

// What takes part. Undefined tensors: no such restriction.
struct ContrastPlan {
  Tensor row_there, column_there;  // bool [N], [M]: absent samples are no candidates, and their outputs are 0
  // Pairs that are no candidates, by rows: pairs excluded_offsets[i] … excluded_offsets[i + 1] are of row i, columns ascending.
  Tensor excluded_offsets, excluded_columns;  // int64 [N + 1], int32 [pairs]
  // Pairs whose scores are wanted one by one, by rows in the same way, whether or not they are candidates
  Tensor pair_offsets, pair_columns;  // int64 [N + 1], int32 [pairs]
  // Soft targets T_ij = softmax_j(p_i·q_j / label_temperature) over the candidates of row i, and likewise over rows for columns
  Tensor row_labels, column_labels;  // [N, K], [M, K]
  double label_temperature = 1;
  // Above 0: log-sum-exps of hardness · z beside those of z. Not together with labels.
  double hardness = 0;
  // Whose score and rank are wanted; −1: none
  Tensor row_partner, column_partner;  // int64 [N] of columns, [M] of rows
};

// float32, or float64 when the features are. Samples without candidates have 0 everywhere.
struct Contrast {
  Tensor row_lse, column_lse;            // [N], [M], differentiable
  Tensor row_lse_rest, column_lse_rest;  // [N], [M]: what rounding took from them; add it after subtracting scores
  Tensor row_own, column_own;            // [N], [M], differentiable: the partner's score; undefined without partners
  Tensor row_target, column_target;      // [N], [M], differentiable: Σ_j T_ij z_ij; undefined without labels
  Tensor row_hard_lse, column_hard_lse;  // [N], [M], differentiable: log Σ_j exp(hardness · z_ij); undefined without hardness
  Tensor pair_score;                     // [pairs], differentiable, 0 where one of the two is absent; undefined without a list
  Tensor row_rank, column_rank;          // int32 [N], [M]: 1 + how many candidates score higher than the partner; 0: no partner
};

// a: [N, D], b: [M, D], both float64, float32, float16 or bfloat16; scale: one number or [N]. Differentiable once, in a, b and
// scale. Throws Error("bad-shape") and Error("bad-type") naming the argument. Numbers are not looked at: NaN comes out as NaN.
//
// `group`: ranks that all call with the same arguments share the work and all have the same result, gradients too. Each takes
// N/ranks rows against all columns, once for both directions: 8·N·M·D/ranks FLOP. Columns' sums are joined from all ranks; the gradient of a is gathered, that of b summed.
Contrast contrast(const Tensor& a, const Tensor& b, const Tensor& scale, const ContrastPlan& plan = {}, Group* group = nullptr);

// The same where each rank has rows and columns of its own, as many as every other, and nobody ever holds more than two ranks'
// columns: they pass from rank to rank. Everything given and returned is of this rank's samples, and so are the gradients, exact
// as of the whole: of a loss that is the sum of what the ranks make of their own outputs. That of one scale is this rank's part of
// a sum over ranks. Partners are of the same rank; lists of pairs are refused. 8·N·M·D/ranks FLOP, and each rank sends
// M·D numbers forward and 2·M·D backward.
Contrast contrast_in_ring(const Tensor& a, const Tensor& b, const Tensor& scale, const ContrastPlan& plan, Group& group);

// The two halves, for whoever puts blocks of rows together: column_lse of the whole is the log-sum-exp over the blocks. Here a
// sample without candidates has the log-sum-exp −inf.
struct ContrastSums : Contrast {
  Tensor row_label_lse, column_label_lse;  // [N], [M]: of the label scores, or of hardness · z; undefined without either
};
// Scores above which candidates are counted; NaN: none are. Those of the partners where nothing else is said.
struct ContrastThresholds {
  Tensor row, column;  // [N], [M]; undefined: no ranks
};
ContrastThresholds contrast_partner_scores(const Tensor& a, const Tensor& b, const Tensor& scale, const ContrastPlan& plan);
ContrastSums contrast_sums(const Tensor& a, const Tensor& b, const Tensor& scale, const ContrastPlan& plan = {},
                           const ContrastThresholds* thresholds = nullptr);

// Gradients of a loss that depends on the differentiable outputs in `sums` through gradients of the same names in `pull`
// (undefined: 0). `sums` may be those of a larger whole.
struct ContrastPull {
  Tensor row_lse, column_lse, row_own, column_own, row_target, column_target, row_hard_lse, column_hard_lse, pair_score;
};
struct ContrastGradient {
  Tensor a, b;   // [N, D], [M, D], float32 or float64
  Tensor scale;  // [N], by row
};
ContrastGradient contrast_gradient(const Tensor& a, const Tensor& b, const Tensor& scale, const ContrastPlan& plan,
                                   const ContrastSums& sums, const ContrastPull& pull);

}  // namespace gd
