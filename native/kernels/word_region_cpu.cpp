#include "kernels/word_region_tiles.h"

#include <bit>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <utility>

// One copy of each step for AVX2 and one for AVX-512, chosen when the program starts. Not under sanitizers, whose runtime is
// not there yet when the loader chooses.
#if defined(__x86_64__) && defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define GD_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define GD_CLONES
#endif
#define GD_INLINE __attribute__((always_inline)) inline

namespace gd {
namespace {

// exp for arguments of at most 0, in operations that the compiler turns into vector code; NaN stays NaN. x = n log 2 + r: the
// Taylor series of exp(r) for |r| ≤ log(2)/2 ends below half a unit in the last place, 2^n is put together from bits. Adding
// 1.5 · 2^(mantissa bits) rounds to a whole number and leaves it in the lowest bits. What would be no normal number becomes 0 by a mask: a choice would turn into a jump.
GD_INLINE float exp_of(float x) {
  constexpr float round = 12582912.0f;
  const float shifted = x * 1.44269504f + round;
  const float n = shifted - round;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float sum = 1.0f / 5040;
  sum = sum * r + 1.0f / 720;
  sum = sum * r + 1.0f / 120;
  sum = sum * r + 1.0f / 24;
  sum = sum * r + 1.0f / 6;
  sum = sum * r + 0.5f;
  sum = sum * r + 1.0f;
  sum = sum * r + 1.0f;
  const float power = std::bit_cast<float>((std::bit_cast<uint32_t>(shifted) << 23) + (127u << 23));
  return std::bit_cast<float>(std::bit_cast<uint32_t>(sum * power) & (static_cast<uint32_t>(x < -87.0f) - 1));
}
GD_INLINE double exp_of(double x) {
  constexpr double round = 6755399441055744.0;
  const double shifted = x * 1.4426950408889634 + round;
  const double n = shifted - round;
  const double r = (x - n * 6.93145751953125e-1) - n * 1.42860682030941723212e-6;
  double sum = 1.0 / 6227020800.0;
  for (const double factorial :
       {479001600.0, 39916800.0, 3628800.0, 362880.0, 40320.0, 5040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0})
    sum = sum * r + 1.0 / factorial;
  const double power = std::bit_cast<double>((std::bit_cast<uint64_t>(shifted) << 52) + (uint64_t{1023} << 52));
  return std::bit_cast<double>(std::bit_cast<uint64_t>(sum * power) & (static_cast<uint64_t>(x < -708.0) - 1));
}

template <typename Real>
GD_INLINE Real dot(const Real* a, const Real* b, int64_t n) {
  Real sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// Soft-max over the words [first, last) of each region: column by column of the tile, so a loop over rows with a vector of
// running values.
template <typename Real>
GD_INLINE void share(const WordRegionTile<Real>& tile, int64_t first, int64_t last) {
  const int64_t n = tile.regions;
  Real* __restrict__ top = tile.by_region;
  Real* __restrict__ sum = tile.by_region + n;
  for (int64_t i = 0; i < n; ++i) top[i] = -std::numeric_limits<Real>::infinity(), sum[i] = 0;
  for (int64_t k = first; k < last; ++k) {
    const Real* __restrict__ s = tile.scores + k * n;
    for (int64_t i = 0; i < n; ++i) top[i] = s[i] > top[i] ? s[i] : top[i];
  }
  for (int64_t k = first; k < last; ++k) {
    const Real* __restrict__ s = tile.scores + k * n;
    Real* __restrict__ p = tile.shares + k * n;
    for (int64_t i = 0; i < n; ++i) {
      p[i] = exp_of(s[i] - top[i]);
      sum[i] += p[i];
    }
  }
  for (int64_t i = 0; i < n; ++i) sum[i] = 1 / sum[i];
  for (int64_t k = first; k < last; ++k) {
    Real* __restrict__ p = tile.shares + k * n;
    for (int64_t i = 0; i < n; ++i) p[i] *= sum[i];
  }
}

template <typename Real>
GD_INLINE void attend(const WordRegionTile<Real>& tile) {
  const int64_t n = tile.regions;
  if (tile.options.share_words)
    for (int64_t j = 0; j < tile.texts; ++j) share(tile, tile.starts[j] - tile.first_word, tile.starts[j + 1] - tile.first_word);
  const Real scale = static_cast<Real>(tile.options.region_scale);
  for (int64_t k = 0; k < tile.words; ++k) {
    const Real* s = tile.scores + k * n;
    const Real* x = tile.options.share_words ? tile.shares + k * n : s;
    Real* a = tile.attention + k * n;  // may be x
    Real top = -std::numeric_limits<Real>::infinity();
#pragma omp simd reduction(max : top)
    for (int64_t i = 0; i < n; ++i) top = scale * x[i] > top ? scale * x[i] : top;
    Real sum = 0, agreement = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; ++i) {
      a[i] = exp_of(scale * x[i] - top);
      sum += a[i];
    }
    sum = 1 / sum;
#pragma omp simd reduction(+ : agreement)
    for (int64_t i = 0; i < n; ++i) {
      a[i] *= sum;
      agreement += a[i] * s[i];
      a[i] -= tile.even;
    }
    tile.agreement[k] = agreement;
  }
}

// The text's soft-max of wordScale · cosine: its largest cosine, and the sum of exponentials relative to that one.
template <typename Real>
GD_INLINE std::pair<Real, double> word_softmax(double scale, const Real* cosine, int64_t count) {
  Real top = cosine[0];
  double sum = 0;
  for (int64_t k = 1; k < count; ++k) top = scale * cosine[k] > scale * top ? cosine[k] : top;
  for (int64_t k = 0; k < count; ++k) sum += std::exp(scale * (cosine[k] - top));
  return {top, sum};
}

template <typename Real>
GD_INLINE double aggregate(const WordRegionOptions& options, const Real* cosine, int64_t count) {
  const double scale = options.word_scale;
  if (options.aggregate == WordAggregate::mean) {
    double sum = 0;
    for (int64_t k = 0; k < count; ++k) sum += cosine[k];
    return scale * sum / static_cast<double>(count);
  }
  const auto [top, sum] = word_softmax(scale, cosine, count);
  return scale * top + std::log(options.aggregate == WordAggregate::log_sum_exp ? sum : sum / static_cast<double>(count));
}

// |c|² of word k.
template <typename Real>
GD_INLINE Real squared_length(const WordRegionTile<Real>& tile, int64_t k, bool complete) {
  if (!tile.along) return dot(tile.context + k * tile.width, tile.context + k * tile.width, tile.width);
  const int64_t n = tile.regions;
  const Real* __restrict__ a = tile.attention + k * n;
  const Real* __restrict__ along = tile.along;
  Real* __restrict__ products = tile.products + k * n;
  const Real slant = dot(a, along, n), inside = dot(a, products, n);
  const Real common = along[n] + slant;  // c · μ
  if (complete)
    for (int64_t i = 0; i < n; ++i) products[i] += along[i] + common;
  return common + slant + inside;
}

template <typename Real>
GD_INLINE void score(const WordRegionTile<Real>& tile, Real* pairs) {
  const Real least = static_cast<Real>(word_region_least_length);
  for (int64_t k = 0; k < tile.words; ++k) {
    const Real squared = squared_length(tile, k, !pairs);
    const Real length = !(squared <= least * least) ? std::sqrt(squared) : least;  // NaN stays
    tile.squared[k] = squared;
    tile.cosine[k] = tile.agreement[k] / (tile.word_length[k] * length);
  }
  if (!pairs) return;
  for (int64_t j = 0; j < tile.texts; ++j) {
    const int64_t first = tile.starts[j] - tile.first_word, count = tile.starts[j + 1] - tile.starts[j];
    pairs[j] = count == 0 ? Real(0) : static_cast<Real>(aggregate(tile.options, tile.cosine + first, count));
  }
}

// With x = regionScale · (shares or scores), a = softmax(x), p = E·c = Σ a s, q = |c|², r = p / (|E| √q):
//   dp = dr / (|E| √q),  dq = −½ dr r / q,  da = dp s + 2 dq (c·V),  Σ a da = dp p + 2 dq q,  dx = a (da − Σ a da)
//   ds = dp a + (regionScale dx through the soft-max over words, or as it is)
template <typename Real>
GD_INLINE void gradient_of_text(const WordRegionTile<Real>& tile, int64_t first, int64_t last, Real dz) {
  const int64_t n = tile.regions, count = last - first;
  const Real scale = static_cast<Real>(tile.options.region_scale), even = tile.even;
  const double word_scale = tile.options.word_scale;
  const Real least = static_cast<Real>(word_region_least_length);
  const bool mean = tile.options.aggregate == WordAggregate::mean, shared = tile.options.share_words;
  const auto [top, total] = word_softmax(word_scale, tile.cosine + first, count);
  Real* __restrict__ sum = tile.by_region;
  for (int64_t i = 0; i < n; ++i) sum[i] = 0;
  for (int64_t k = first; k < last; ++k) {
    const double weight = mean ? 1 / static_cast<double>(count) : std::exp(word_scale * (tile.cosine[k] - top)) / total;
    const Real dr = static_cast<Real>(dz * word_scale * weight), r = tile.cosine[k], q = tile.squared[k],
               word = tile.word_length[k];
    const bool long_enough = !(q <= least * least);
    const Real dp = dr / (word * (long_enough ? std::sqrt(q) : least));
    const Real twice_dq = long_enough ? -dr * r / q : Real(0);
    if (!(word <= least)) tile.word_shrink[k] -= dr * r / (word * word);
    const Real middle = dp * tile.agreement[k] + twice_dq * q;
    Real* __restrict__ s = tile.scores + k * n;
    Real* __restrict__ p = tile.shares + k * n;
    const Real* __restrict__ a = tile.attention + k * n;
    const Real* __restrict__ c = tile.products + k * n;
    if (shared) {
      // dL/dp · p, and the plain path of s; what is common to a region's words is taken off below.
      for (int64_t i = 0; i < n; ++i) {
        const Real part = a[i] + even;
        const Real dx = scale * part * (dp * s[i] + twice_dq * c[i] - middle) * p[i];
        sum[i] += dx;
        s[i] = dx + dp * part;
      }
    } else {
      for (int64_t i = 0; i < n; ++i) {
        const Real part = a[i] + even;
        s[i] = scale * part * (dp * s[i] + twice_dq * c[i] - middle) + dp * part;
      }
    }
    tile.agreement[k] = twice_dq;
  }
  for (int64_t k = first; k < last; ++k) {
    const Real twice_dq = tile.agreement[k];
    Real* __restrict__ s = tile.scores + k * n;
    Real* __restrict__ p = tile.shares + k * n;
    const Real* __restrict__ a = tile.attention + k * n;
    if (shared)
      for (int64_t i = 0; i < n; ++i) s[i] -= p[i] * sum[i];
    for (int64_t i = 0; i < n; ++i) p[i] = twice_dq * (a[i] + even);
  }
}

template <typename Real>
GD_INLINE void gradient(const WordRegionTile<Real>& tile, const Real* pairs) {
  for (int64_t j = 0; j < tile.texts; ++j) {
    const int64_t first = tile.starts[j] - tile.first_word, last = tile.starts[j + 1] - tile.first_word;
    if (first < last) gradient_of_text(tile, first, last, pairs[j]);
  }
}

GD_CLONES void attend_float(const WordRegionTile<float>& tile) { attend(tile); }
GD_CLONES void attend_double(const WordRegionTile<double>& tile) { attend(tile); }
GD_CLONES void score_float(const WordRegionTile<float>& tile, float* pairs) { score(tile, pairs); }
GD_CLONES void score_double(const WordRegionTile<double>& tile, double* pairs) { score(tile, pairs); }
GD_CLONES void gradient_float(const WordRegionTile<float>& tile, const float* pairs) { gradient(tile, pairs); }
GD_CLONES void gradient_double(const WordRegionTile<double>& tile, const double* pairs) { gradient(tile, pairs); }

}  // namespace

void word_region_attend_cpu(const WordRegionTile<float>& tile) { attend_float(tile); }
void word_region_attend_cpu(const WordRegionTile<double>& tile) { attend_double(tile); }
void word_region_score_cpu(const WordRegionTile<float>& tile, float* pairs) { score_float(tile, pairs); }
void word_region_score_cpu(const WordRegionTile<double>& tile, double* pairs) { score_double(tile, pairs); }
void word_region_gradient_cpu(const WordRegionTile<float>& tile, const float* pairs) { gradient_float(tile, pairs); }
void word_region_gradient_cpu(const WordRegionTile<double>& tile, const double* pairs) { gradient_double(tile, pairs); }

}  // namespace gd
