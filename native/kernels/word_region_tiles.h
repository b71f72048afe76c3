// One tile of the word–region contrast: one image against the words of a few whole texts. The matrix products between the
// steps are the library's (word_region.cpp); the steps here are what no library has. No libtorch here, so that .cu files may
// include it.
#pragma once

#include <cstdint>

namespace gd {

// How the words' cosines r_k of a pair become its score.
enum class WordAggregate {
  log_sum_exp,   // log Σ_k exp(wordScale · r_k)
  log_mean_exp,  // the same − log of the number of words
  mean,          // wordScale · mean_k r_k
};

struct WordRegionOptions {
  double region_scale = 4;  // factor before the soft-max over regions
  double word_scale = 5;    // factor on the cosines
  bool share_words = true;  // each region first shares itself among a text's words: the soft-max over words
  WordAggregate aggregate = WordAggregate::log_sum_exp;
};

// Below this a length counts as this, and the cosine is no longer scale-free: what eager PyTorch's cosine_similarity does.
constexpr double word_region_least_length = 1e-8;

// Row k of a matrix is word `first_word + k` of all words. Matrices are contiguous [words, regions].
template <typename Real>
struct WordRegionTile {
  int64_t words = 0, regions = 0, texts = 0;
  const int64_t* starts = nullptr;  // [texts + 1], first word of each text among all words
  int64_t first_word = 0;           // = starts[0]
  WordRegionOptions options;

  Real* scores = nullptr;     // s_kn = E_k · V_n; after `gradient` dL/ds
  Real* shares = nullptr;     // soft-max over a text's words; may be `attention` where no gradient follows
  Real* attention = nullptr;  // a_kn − even
  Real even = 0;              // 1/N or 0
  // c_k · V_n for c_k = Σ_n a_kn V_n, made by the caller before `gradient`. With `along`, what `score` takes and completes is
  // Σ_m (a_km − 1/N) U_m·U_n, where U_n = V_n − μ and μ is the mean region.
  Real* products = nullptr;
  const Real* along = nullptr;    // [regions + 1] μ·U_n, last |μ|²; null: lengths come from `context`
  const Real* context = nullptr;  // c_k [words, width]
  int64_t width = 0;
  const Real* word_length = nullptr;  // [words] max(|E_k|, least)

  Real* agreement = nullptr;  // [words] E_k · c_k
  Real* squared = nullptr;    // [words] |c_k|²
  Real* cosine = nullptr;     // [words] r_k
  Real* by_region = nullptr;  // [2, regions] the running maximum and sum of the soft-max over words

  Real* word_shrink = nullptr;  // [words] dL/dE_k holds this much · E_k beside dL/ds · V; added to
};

// The three steps. Texts without words score 0 and have no gradient.
//   attend    scores → shares, attention, agreement
//   score     attention, and products with along or context → squared, cosine, and `pairs` [texts]; without `pairs` the gradient
//             follows, and products are completed
//   gradient  `pairs` [texts] dL/dZ → scores becomes dL/ds; shares becomes 2 dL/d|c_k|² · a_kn; word_shrink grows
#define GD_WORD_REGION_STEPS(Real, floor, last)                                       \
  void word_region_attend_##floor(const WordRegionTile<Real>& tile last);             \
  void word_region_score_##floor(const WordRegionTile<Real>& tile, Real* pairs last); \
  void word_region_gradient_##floor(const WordRegionTile<Real>& tile, const Real* pairs last);
#define GD_COMMA_STREAM , void* stream
GD_WORD_REGION_STEPS(float, cpu, )
GD_WORD_REGION_STEPS(double, cpu, )
GD_WORD_REGION_STEPS(float, cuda, GD_COMMA_STREAM)  // a cudaStream_t; all pointers are the card's
GD_WORD_REGION_STEPS(double, cuda, GD_COMMA_STREAM)
#undef GD_COMMA_STREAM
#undef GD_WORD_REGION_STEPS

}  // namespace gd
