// What the proofs of the tile kernels share, on a CPU (contrast_tile_test.cpp) and on a card (test/gpu): random problems
// with every option, a double-precision reference by whole matrices, and the comparison. N rows, M columns, D width.
#pragma once

#include "kernels/contrast_tiles.h"
#include "kernels/sigmoid_contrast_tiles.h"
#include "test.h"

#include <ATen/ATen.h>

#include <functional>
#include <string>

namespace gd::tile_case {

using at::Tensor;

struct Shape {
  int64_t rows, columns, width;
  at::ScalarType type = at::kBFloat16;
};

// One problem of either contrast; undefined tensors are options not used.
struct Case {
  std::string name;
  Tensor a, b, scale, bias, weight;
  Tensor row_there, column_there;
  Tensor excluded_offsets, excluded_columns, positive_offsets, positive_columns;
  Tensor listed_offsets, listed_columns;
  Tensor row_labels, column_labels;
  double label_scale = 1, hardness = 0;
  Tensor row_partner, column_partner;
  // Gradients of the outputs: row and column log-sum-exp, target sums (with a hardness times it: those of the hard
  // log-sum-exps), partners' and listed scores.
  Tensor g, h, g_target, h_target, g_own, h_own, g_listed;

  Case on(at::Device device) const;
  ContrastProblem contrast() const;
  SigmoidContrastProblem sigmoid() const;
};

// Unit rows, scale 20, every cotangent random of size 1/N.
Case plain(const Shape& shape, uint64_t seed = 1);
void add_masks(Case& c);      // a tenth of the samples absent
void add_excluded(Case& c);   // about one pair in seven
void add_positives(Case& c);  // about one pair in twenty
void add_listed(Case& c);     // about one pair in twenty and all of one row, some of them excluded or partners
void add_hardness(Case& c);   // in the place of labels
void add_labels(Case& c, int64_t width, bool multi_hot = false);
void add_partners(Case& c);  // most samples have one; some columns are duplicates of others

struct Outcome {
  Tensor row_lse, column_lse, row_lse_rest, column_lse_rest, row_own, column_own, row_rank, column_rank, row_target,
      column_target, row_label_lse, column_label_lse, pair_score;
  Tensor row_sum, slope;  // of the sigmoid contrast
  Tensor a_gradient, b_gradient, scale_gradient;
};
Outcome contrast_reference(const Case& c);
Outcome sigmoid_reference(const Case& c);

// The eager composition in the inputs' own precision: what the largest errors are measured by.
Outcome contrast_eager(const Case& c);

// A floor under test: statistics and gradients on memory of `device`.
struct Floor {
  at::Device device;
  std::function<int64_t(const ContrastProblem&)> workspace;
  std::function<void(const ContrastProblem&, void* row_own, void* column_own)> partner_scores;
  std::function<void(const ContrastProblem&, const ContrastStatistics&, void*)> statistics;
  std::function<void(const ContrastProblem&, const ContrastCotangents&, const ContrastGradients&, bool deterministic)> gradient;
  std::function<void(const SigmoidContrastProblem&, const SigmoidContrastResult&, bool deterministic)> sigmoid;
};

// Outputs start as NaN (ranks as −7), so that an element that is not written is seen.
Outcome run_statistics(const Floor& floor, const Case& c);
Outcome run_contrast(const Floor& floor, const Case& c, bool deterministic);
Outcome run_sigmoid(const Floor& floor, const Case& c, bool deterministic);

// EXPECTs: log-sum-exps within 2e-5 of their size, ranks equal, gradients within the rounding of the slopes to the type.
void compare(const Case& c, const Outcome& got, const Outcome& expected);

// All proofs of one floor; `large` adds sizes that only a card can do in a test's time.
void prove_contrast(const Floor& floor, bool large);
void prove_sigmoid(const Floor& floor, bool large);

}  // namespace gd::tile_case
