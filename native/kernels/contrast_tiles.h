// The soft-max contrast as raw memory: what the loops of the CPU and of the card take. No libtorch and no CUDA header here, so
// that .cu files may include it.
//
//   z_ij = scale_i · a_i·b_j              a: rows [N, D], b: columns [M, D]
//   row_lse_i    = log Σ_j exp z_ij       over the candidates of row i: columns that are there and not excluded for it
//   column_lse_j = log Σ_i exp z_ij       over the candidates of column j, likewise
//
// Backward, with g, h the gradients of the two outputs (and g', h' of the soft targets' sums below):
//   dz_ij = g_i exp(z_ij − row_lse_i) + h_j exp(z_ij − column_lse_j)  [+ g'_i T_ij + h'_j T'_ij]  [+ what partners' scores give],
//   and 0 where j is no candidate of i
//   dA_i = scale_i Σ_j dz_ij b_j      dB_j = Σ_i dz_ij scale_i a_i      dscale_i = Σ_j dz_ij a_i·b_j = a_i · Σ_j dz_ij b_j
//
// No buffer of N×M: memory is O(N + M) and a workspace of a size that does not grow with N·M.
#pragma once

#include "kernels/element_type.h"

#include <cstdint>

namespace gd {

// Inputs. Pointers are to memory of the device that runs; null where the comment says so.
// "real": float, and double when `type` is f64 (never half types).
struct ContrastProblem {
  ElementType type = ElementType::f32;       // of a and b
  int64_t rows = 0, columns = 0, width = 0;  // N ≥ 1, M ≥ 1, D ≥ 1
  const void* a = nullptr;                   // [N, D], elements of a row contiguous
  const void* b = nullptr;                   // [M, D]
  int64_t a_stride = 0, b_stride = 0;        // elements from one row to the next

  const void* scale = nullptr;  // real: [N], or one for all rows
  bool scale_by_row = false;    // whether `scale` has N entries

  // Which samples take part; null: all. An absent one is no candidate, and its own outputs are those of an empty sum.
  const uint8_t* row_there = nullptr;     // [N]
  const uint8_t* column_there = nullptr;  // [M]

  // Pairs that are no candidates (neutral: neither positive nor negative) by rows; null: none. Columns of a row ascend.
  const int64_t* excluded_offsets = nullptr;  // [N + 1]
  const int32_t* excluded_columns = nullptr;  // [excluded_offsets[N]]

  // Pairs whose scores are asked for one by one (sparse positives), by rows like those; null: none. They may be excluded.
  const int64_t* pair_offsets = nullptr;  // [N + 1]
  const int32_t* pair_columns = nullptr;  // [pairs]
  int64_t pair_count = 0;                 // pairs

  // Soft targets by label vectors; null: none. With s_ij = label_scale · p_i·q_j over the same candidates:
  //   T_ij = exp(s_ij − row_label_lse_i) (a distribution over j),  T'_ij = exp(s_ij − column_label_lse_j) (over i)
  const void* row_labels = nullptr;     // real [N, K], contiguous
  const void* column_labels = nullptr;  // real [M, K], contiguous
  int64_t label_width = 0;              // K
  double label_scale = 1;               // 1/temperature of the targets' soft-max
  // Above 0: s_ij = hardness · z_ij in the place of label scores, which then must be null.
  double hardness = 0;

  // Partners, whose scores come ahead (contrast_partner_scores); null: none. −1: this one has no partner.
  const int64_t* row_partner = nullptr;     // [N], a column
  const int64_t* column_partner = nullptr;  // [M], a row
  // Scores above which candidates are counted; null: none. NaN: none are, and the rank is 0.
  const void* row_threshold = nullptr;     // real [N]
  const void* column_threshold = nullptr;  // real [M]
};

// What the forward writes, each element of each array that is not null. An empty sum has the log −inf, so that the statistics
// of blocks of rows can be put together: column_lse = log Σ_blocks exp(column_lse of the block).
struct ContrastStatistics {
  void* row_lse = nullptr;     // real [N]
  void* column_lse = nullptr;  // real [M]
  // What rounding took from the log-sum-exps: lse + rest is the sum in twice the digits, so that exp((z − lse) − rest) is right
  // to the last digit of a float also for scores of 100. May be null, and 0 where a device does without.
  void* row_lse_rest = nullptr;     // real [N]
  void* column_lse_rest = nullptr;  // real [M]
  // 1 + the number of candidates above the threshold. Not null exactly when that threshold is given.
  int32_t* row_rank = nullptr;     // [N]
  int32_t* column_rank = nullptr;  // [M]
  // z of the listed pairs, 0 where one of the two is absent. Not null exactly when there is a list.
  void* pair_score = nullptr;  // real [pairs]
  // Not null exactly when labels are given.
  void* row_target = nullptr;     // real [N]: Σ_j T_ij z_ij, 0 for an empty sum
  void* column_target = nullptr;  // real [M]: Σ_i T'_ij z_ij
  // Not null exactly when labels or a hardness are given.
  void* row_label_lse = nullptr;     // real [N]: log Σ_j exp s_ij
  void* column_label_lse = nullptr;  // real [M]
};

// What the backward reads beside the problem. Log-sum-exps are finite: whoever calls puts 0 in the place of −inf (no candidate
// reads it) — and in a distributed run the column's are those of all ranks.
struct ContrastCotangents {
  const void* row_lse = nullptr;          // real [N]
  const void* column_lse = nullptr;       // real [M]
  const void* row_lse_rest = nullptr;     // real [N]; null: 0
  const void* column_lse_rest = nullptr;  // real [M]; null: 0
  const void* row_gradient = nullptr;     // real [N]: g
  const void* column_gradient = nullptr;  // real [M]: h
  // Gradients of the partners' scores: dz_i,row_partner(i) += the one, dz_column_partner(j),j += the other, where both are there,
  // candidates or not. Not null exactly when the partner is given.
  const void* row_own_gradient = nullptr;     // real [N]
  const void* column_own_gradient = nullptr;  // real [M]
  const void* pair_gradient = nullptr;        // real [pairs]: likewise for the list
  // Not null exactly when labels or a hardness are given.
  const void* row_label_lse = nullptr;           // real [N]
  const void* column_label_lse = nullptr;        // real [M]
  const void* row_target_gradient = nullptr;     // real [N]: g'
  const void* column_target_gradient = nullptr;  // real [M]: h'
};

// What the backward writes: every element, 0 for absent samples. Contiguous.
struct ContrastGradients {
  void* a = nullptr;      // real [N, D]
  void* b = nullptr;      // real [M, D]
  void* scale = nullptr;  // real [N], by row also where one scale serves all: the caller sums
};

// Bytes of workspace that either direction needs, aligned to 64 bytes (to 256 on a card).
int64_t contrast_workspace_cpu(const ContrastProblem& problem);
// The partners' scores, bit for bit the tiles' z of those pairs; NaN where there is no partner or one of the two is absent. Written
// for each side whose partners are given; N and M of the outputs are the problem's.
void contrast_partner_scores_cpu(const ContrastProblem& problem, void* row_own, void* column_own);
void contrast_statistics_cpu(const ContrastProblem& problem, const ContrastStatistics& out, void* workspace);
void contrast_gradient_cpu(const ContrastProblem& problem, const ContrastCotangents& in, const ContrastGradients& out,
                           void* workspace);

// The same on a card; `stream` is a cudaStream_t. No host synchronisation. Widths are 64 to 1024 in steps of 64, rows aligned to
// 16 bytes, no f64. `deterministic`: the same bits in every run, for one more product of N·M·D.
int64_t contrast_workspace_cuda(const ContrastProblem& problem);
void contrast_partner_scores_cuda(const ContrastProblem& problem, void* row_own, void* column_own, void* stream);
void contrast_statistics_cuda(const ContrastProblem& problem, const ContrastStatistics& out, void* workspace, void* stream);
void contrast_gradient_cuda(const ContrastProblem& problem, const ContrastCotangents& in, const ContrastGradients& out,
                            void* workspace, void* stream, bool deterministic = false);

}  // namespace gd
