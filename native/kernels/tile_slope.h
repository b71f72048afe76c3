// What a gradient is made of beside its products: the samples' numbers, the parameters of a pass, and the Rules: the slope
// of a loss by a score.
#pragma once

#include "kernels/tile_scores.h"

namespace gd::tile {

// What a Rule knows of a sample; its meaning is the Rule's.
struct alignas(16) Sample {
  float scale, lse, lse_rest, gradient, label_lse, target_gradient;
  float partner_gradient;  // of the score with its partner
  int32_t partner;         // of the other side; −1: none
};

// One side's arrays of Sample; null: 0, and 1 for scale and gradient.
struct SampleArrays {
  const float *scale = nullptr, *lse = nullptr, *lse_rest = nullptr, *gradient = nullptr;
  const float *label_lse = nullptr, *target_gradient = nullptr, *partner_gradient = nullptr;
  const int64_t* partner = nullptr;
  bool one_scale = false;  // scale[0] serves all
};

GD_TILE Sample sample_of(const SampleArrays& from, int64_t i) {
  const auto or_zero = [&](const float* array) { return array ? array[i] : 0.0f; };
  return {from.scale ? from.scale[from.one_scale ? 0 : i] : 1.0f,
          or_zero(from.lse),
          or_zero(from.lse_rest),
          from.gradient ? from.gradient[i] : 1.0f,
          or_zero(from.label_lse),
          or_zero(from.target_gradient),
          or_zero(from.partner_gradient),
          from.partner_gradient ? static_cast<int32_t>(from.partner[i]) : -1};
}

// Sums along the rows of the own side, each [count]; null: not wanted.
struct RowOutputs {
  float* scale = nullptr;   // Σ slope · a·b
  float* slope = nullptr;   // Σ slope
  float* value = nullptr;   // Σ of the Rule's value
  int32_t* rank = nullptr;  // 1 + the number of candidates above the partner's score
  GD_BOTH_SIDES bool any() const { return scale || slope || value || rank; }
};

struct GradientParameters {
  Side own, other;
  SampleArrays own_samples, other_samples;
  bool own_is_rows = true;  // in the lists of pairs
  int width = 0;            // D, a multiple of 64
  float bias = 0;           // used where `bias_at` is null
  const float* bias_at = nullptr;
  int label_width = 0;
  float label_scale = 1;
  float hardness = 0;  // above 0, without labels: of the scores that stand in their place
  PairList excluded, positive;
  const float* pair_gradient = nullptr;   // of the scores of the pairs in the list `positive`
  bool positive_labels = false;           // pairs with a label product above 0 are positive
  const int64_t* rank_partner = nullptr;  // of each own sample
  float* own_gradient = nullptr;          // [own.count, D]
  float* other_gradient = nullptr;        // [other.count, D], zero before; used when both sides are made
  RowOutputs sums;
  int strips = 1;       // blocks that share an own tile; above 1 all outputs are added to (zero before)
  int other_tiles = 0;  // of a strip
};

template <typename Type>
inline constexpr bool has_small_range = false;
template <>
inline constexpr bool has_small_range<Fp16> = true;

// The same problem seen from the other side, for the second pass of the form without atomics. What is summed along rows
// came from the first pass.
GD_BOTH_SIDES GradientParameters turned(const GradientParameters& p, int own_tiles) {
  GradientParameters q = p;
  q.own = p.other;
  q.other = p.own;
  q.own_samples = p.other_samples;
  q.other_samples = p.own_samples;
  q.own_is_rows = !p.own_is_rows;
  q.own_gradient = p.other_gradient;
  q.other_gradient = p.own_gradient;
  q.sums = {};
  q.rank_partner = nullptr;
  q.other_tiles = own_tiles;
  return q;
}

// The soft-max contrast; own and other alike: gradient = g or h, lse the sample's own log-sum-exp.
struct SoftmaxRule {
  static constexpr bool lists = false;
  GD_TILE static float slope(const Sample& own, const Sample& other, float z, float label, bool, float&) {
    float slope =
        own.gradient * exponential(z - own.lse - own.lse_rest) + other.gradient * exponential(z - other.lse - other.lse_rest);
    if (own.target_gradient != 0 || other.target_gradient != 0)
      slope +=
          own.target_gradient * exponential(label - own.label_lse) + other.target_gradient * exponential(label - other.label_lse);
    return slope;
  }
};

// The same with gradients of listed pairs, partners who are no candidates, and a hardness: a rule of its own, because these take
// registers that the plain one has not.
struct ListedSoftmaxRule : SoftmaxRule {
  static constexpr bool lists = true;
};

// The pairwise sigmoid contrast; gradient = the row's weight, and 1 for a column.
struct SigmoidRule {
  static constexpr bool lists = false;
  GD_TILE static float slope(const Sample& own, const Sample& other, float z, float, bool positive, float& value) {
    const float wrong = positive ? -z : z;
    value = log1p_exponential(wrong);
    const float slope = own.gradient * other.gradient / (1 + exponential(-wrong));
    return positive ? -slope : slope;
  }
};

}  // namespace gd::tile
