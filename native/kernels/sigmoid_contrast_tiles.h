// The pairwise sigmoid contrast as raw memory: what the loops of the CPU and of the card take. No libtorch and no CUDA header
// here, so that .cu files may include it.
//
//   z_ij = scale_i · a_i·b_j + bias       a: rows [N, D], b: columns [M, D]
//   y_ij = +1 for a positive pair, −1 else
//   row_sum_i = Σ_j log(1 + exp(−y_ij z_ij))     over pairs whose row and column are there and that are not excluded
//   L = Σ_i weight_i row_sum_i                   what the gradients are of: one pass makes sums and gradients, nothing is kept
//   dz_ij = −weight_i y_ij / (1 + exp(y_ij z_ij))
//   dA_i = scale_i Σ_j dz_ij b_j    dB_j = Σ_i dz_ij scale_i a_i    dscale_i = a_i · Σ_j dz_ij b_j    dbias_i = Σ_j dz_ij
#pragma once

#include "kernels/element_type.h"

#include <cstdint>

namespace gd {

// Inputs. "real": float, and double when `type` is f64 (never half types).
struct SigmoidContrastProblem {
  ElementType type = ElementType::f32;       // of a and b
  int64_t rows = 0, columns = 0, width = 0;  // N ≥ 1, M ≥ 1, D ≥ 1
  const void* a = nullptr;                   // [N, D], elements of a row contiguous
  const void* b = nullptr;                   // [M, D]
  int64_t a_stride = 0, b_stride = 0;        // elements from one row to the next

  const void* scale = nullptr;   // real: [N], or one for all rows
  bool scale_by_row = false;     // whether `scale` has N entries
  const void* bias = nullptr;    // real: one
  const void* weight = nullptr;  // real [N]

  // Which samples take part; null: all.
  const uint8_t* row_there = nullptr;     // [N]
  const uint8_t* column_there = nullptr;  // [M]

  // Pairs by rows, columns ascending within a row; null: none. A pair in both lists is excluded.
  const int64_t* positive_offsets = nullptr;  // [N + 1]
  const int32_t* positive_columns = nullptr;
  const int64_t* excluded_offsets = nullptr;  // [N + 1]
  const int32_t* excluded_columns = nullptr;

  // Pairs whose label vectors have a product above 0 are positives too; null: no labels.
  const void* row_labels = nullptr;     // real [N, K], contiguous
  const void* column_labels = nullptr;  // real [M, K], contiguous
  int64_t label_width = 0;              // K

  // The partner: a positive, and the one whose rank is asked for; null: neither. −1: this row has none.
  const int64_t* row_partner = nullptr;  // [N], a column
};

// Every element is written, 0 for absent samples. Contiguous. `a`, `b`, `scale` and `bias` may be null together: sums alone.
struct SigmoidContrastResult {
  void* row_sum = nullptr;      // real [N]
  int32_t* row_rank = nullptr;  // [N], as ContrastStatistics::row_rank; not null exactly when row_partner is given
  void* a = nullptr;            // real [N, D]
  void* b = nullptr;            // real [M, D]
  void* scale = nullptr;        // real [N]: the caller sums where one scale serves all
  void* bias = nullptr;         // real [N]: the caller sums
};

// Bytes of workspace, aligned to 64 bytes (to 256 on a card).
int64_t sigmoid_contrast_workspace_cpu(const SigmoidContrastProblem& problem);
void sigmoid_contrast_cpu(const SigmoidContrastProblem& problem, const SigmoidContrastResult& out, void* workspace);

// The same on a card; `stream` is a cudaStream_t. No host synchronisation. Widths are 64 to 1024 in steps of 64, rows aligned to
// 16 bytes, no f64. `deterministic`: the same bits in every run, for one more product of N·M·D.
int64_t sigmoid_contrast_workspace_cuda(const SigmoidContrastProblem& problem);
void sigmoid_contrast_cuda(const SigmoidContrastProblem& problem, const SigmoidContrastResult& out, void* workspace, void* stream,
                           bool deterministic = false);

}  // namespace gd
