#include "kernels/word_region_tiles.h"

#include <cuda_runtime.h>

// Two shapes of work: a warp takes a word's row, where the sums run over regions; a thread takes a text's column, where they run
// over words, and neighbouring threads read neighbouring regions. Sums are in one order always: no atomics.
namespace gd {
namespace {

constexpr int warp = 32, warps = 4, columns = 128;
constexpr int64_t most_blocks = 65535;  // the loops stride over what is more

template <typename Real>
__device__ inline Real warp_sum(Real x) {
  for (int step = warp / 2; step > 0; step /= 2) x += __shfl_xor_sync(0xFFFFFFFFu, x, step);
  return x;
}
template <typename Real>
__device__ inline Real warp_max(Real x) {
  for (int step = warp / 2; step > 0; step /= 2) {
    const Real other = __shfl_xor_sync(0xFFFFFFFFu, x, step);
    x = other > x ? other : x;
  }
  return x;
}
__device__ inline float exp_of(float x) { return expf(x); }
__device__ inline double exp_of(double x) { return exp(x); }
template <typename Real>
__device__ inline Real lowest() {
  return -static_cast<Real>(INFINITY);
}

template <typename Real>
struct Words {  // of a text, as rows of the tile
  __device__ Words(const WordRegionTile<Real>& tile, int64_t text)
      : first(tile.starts[text] - tile.first_word), last(tile.starts[text + 1] - tile.first_word) {}
  int64_t first, last;
};

template <typename Real>
__global__ void share_columns(WordRegionTile<Real> tile) {
  const int64_t n = tile.regions, i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (i >= n) return;
  for (int64_t text = blockIdx.y; text < tile.texts; text += gridDim.y) {
    const Words<Real> words(tile, text);
    Real top = lowest<Real>(), sum = 0;
    for (int64_t k = words.first; k < words.last; ++k) top = tile.scores[k * n + i] > top ? tile.scores[k * n + i] : top;
    for (int64_t k = words.first; k < words.last; ++k) sum += exp_of(tile.scores[k * n + i] - top);
    const Real factor = 1 / sum;
    for (int64_t k = words.first; k < words.last; ++k) tile.shares[k * n + i] = exp_of(tile.scores[k * n + i] - top) * factor;
  }
}

template <typename Real>
__global__ void attend_rows(WordRegionTile<Real> tile) {
  const int64_t n = tile.regions;
  const Real scale = static_cast<Real>(tile.options.region_scale);
  for (int64_t k = blockIdx.x * static_cast<int64_t>(warps) + threadIdx.y; k < tile.words;
       k += gridDim.x * static_cast<int64_t>(warps)) {
    const Real* s = tile.scores + k * n;
    const Real* x = tile.options.share_words ? tile.shares + k * n : s;
    Real* a = tile.attention + k * n;  // may be x: each element is read and written by one thread
    Real top = lowest<Real>(), sum = 0, agreement = 0;
    for (int64_t i = threadIdx.x; i < n; i += warp) top = scale * x[i] > top ? scale * x[i] : top;
    top = warp_max(top);
    for (int64_t i = threadIdx.x; i < n; i += warp) {
      const Real part = exp_of(scale * x[i] - top);
      a[i] = part;
      sum += part;
    }
    const Real factor = 1 / warp_sum(sum);
    for (int64_t i = threadIdx.x; i < n; i += warp) {
      const Real part = a[i] * factor;
      agreement += part * s[i];
      a[i] = part - tile.even;
    }
    agreement = warp_sum(agreement);
    if (threadIdx.x == 0) tile.agreement[k] = agreement;
  }
}

template <typename Real>
__global__ void score_rows(WordRegionTile<Real> tile, bool complete) {
  const int64_t n = tile.regions;
  const Real least = static_cast<Real>(word_region_least_length);
  for (int64_t k = blockIdx.x * static_cast<int64_t>(warps) + threadIdx.y; k < tile.words;
       k += gridDim.x * static_cast<int64_t>(warps)) {
    Real squared = 0;
    if (tile.along) {
      const Real* a = tile.attention + k * n;
      Real* products = tile.products + k * n;
      Real slant = 0, inside = 0;
      for (int64_t i = threadIdx.x; i < n; i += warp) {
        slant += a[i] * tile.along[i];
        inside += a[i] * products[i];
      }
      slant = warp_sum(slant);
      const Real common = tile.along[n] + slant;  // c · μ
      squared = common + slant + warp_sum(inside);
      if (complete)
        for (int64_t i = threadIdx.x; i < n; i += warp) products[i] += tile.along[i] + common;
    } else {
      const Real* c = tile.context + k * tile.width;
      for (int64_t d = threadIdx.x; d < tile.width; d += warp) squared += c[d] * c[d];
      squared = warp_sum(squared);
    }
    if (threadIdx.x != 0) continue;
    const Real length = !(squared <= least * least) ? sqrt(squared) : least;  // NaN stays
    tile.squared[k] = squared;
    tile.cosine[k] = tile.agreement[k] / (tile.word_length[k] * length);
  }
}

// The text's largest cosine by the sign of the scale, and the sum of exponentials relative to it; one warp.
template <typename Real>
__device__ void word_softmax(const WordRegionTile<Real>& tile, const Words<Real>& words, Real& top, Real& sum) {
  const Real scale = static_cast<Real>(tile.options.word_scale);
  Real highest = lowest<Real>();
  for (int64_t k = words.first + threadIdx.x; k < words.last; k += warp)
    highest = scale * tile.cosine[k] > highest ? scale * tile.cosine[k] : highest;
  top = warp_max(highest);
  sum = 0;
  for (int64_t k = words.first + threadIdx.x; k < words.last; k += warp) sum += exp_of(scale * tile.cosine[k] - top);
  sum = warp_sum(sum);
}

template <typename Real>
__global__ void score_pairs(WordRegionTile<Real> tile, Real* pairs) {
  for (int64_t text = blockIdx.x; text < tile.texts; text += gridDim.x) {
    const Words<Real> words(tile, text);
    const Real count = static_cast<Real>(words.last - words.first);
    Real z = 0;
    if (words.first == words.last) {
    } else if (tile.options.aggregate == WordAggregate::mean) {
      for (int64_t k = words.first + threadIdx.x; k < words.last; k += warp) z += tile.cosine[k];
      z = static_cast<Real>(tile.options.word_scale) * warp_sum(z) / count;
    } else {
      Real top, sum;
      word_softmax(tile, words, top, sum);
      z = top + log(tile.options.aggregate == WordAggregate::log_sum_exp ? sum : sum / count);
    }
    if (threadIdx.x == 0) pairs[text] = z;
  }
}

// By word: cosine becomes dp, squared 2 dq, agreement Σ a da (the formulas are in word_region_cpu.cpp).
template <typename Real>
__global__ void gradient_words(WordRegionTile<Real> tile, const Real* pairs) {
  const Real least = static_cast<Real>(word_region_least_length), scale = static_cast<Real>(tile.options.word_scale);
  for (int64_t text = blockIdx.x; text < tile.texts; text += gridDim.x) {
    const Words<Real> words(tile, text);
    if (words.first == words.last) continue;
    const bool mean = tile.options.aggregate == WordAggregate::mean;
    Real top, sum;
    word_softmax(tile, words, top, sum);
    __syncwarp();
    for (int64_t k = words.first + threadIdx.x; k < words.last; k += warp) {
      const Real r = tile.cosine[k], q = tile.squared[k], word = tile.word_length[k];
      const Real weight = mean ? 1 / static_cast<Real>(words.last - words.first) : exp_of(scale * r - top) / sum;
      const Real dr = pairs[text] * scale * weight;
      const bool long_enough = !(q <= least * least);
      const Real dp = dr / (word * (long_enough ? sqrt(q) : least));
      const Real twice_dq = long_enough ? -dr * r / q : Real(0);
      if (!(word <= least)) tile.word_shrink[k] -= dr * r / (word * word);
      tile.cosine[k] = dp;
      tile.squared[k] = twice_dq;
      tile.agreement[k] = dp * tile.agreement[k] + twice_dq * q;
    }
  }
}

template <typename Real>
__global__ void gradient_columns(WordRegionTile<Real> tile) {
  const int64_t n = tile.regions, i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (i >= n) return;
  const Real scale = static_cast<Real>(tile.options.region_scale);
  const bool shared = tile.options.share_words;
  for (int64_t text = blockIdx.y; text < tile.texts; text += gridDim.y) {
    const Words<Real> words(tile, text);
    Real sum = 0;
    for (int64_t k = words.first; k < words.last; ++k) {
      const int64_t at = k * n + i;
      const Real part = tile.attention[at] + tile.even, dp = tile.cosine[k];
      Real dx = scale * part * (dp * tile.scores[at] + tile.squared[k] * tile.products[at] - tile.agreement[k]);
      if (shared) dx *= tile.shares[at];
      sum += dx;
      tile.scores[at] = dx + dp * part;
    }
    for (int64_t k = words.first; k < words.last; ++k) {
      const int64_t at = k * n + i;
      if (shared) tile.scores[at] -= tile.shares[at] * sum;
      tile.shares[at] = tile.squared[k] * (tile.attention[at] + tile.even);
    }
  }
}

unsigned blocks_of(int64_t items) { return static_cast<unsigned>(items < 1 ? 1 : items < most_blocks ? items : most_blocks); }

template <typename Real>
dim3 column_grid(const WordRegionTile<Real>& tile) {
  return dim3(static_cast<unsigned>((tile.regions + columns - 1) / columns), blocks_of(tile.texts));
}

template <typename Real>
unsigned row_grid(const WordRegionTile<Real>& tile) {
  return blocks_of((tile.words + warps - 1) / warps);
}

const dim3 row_block(warp, warps);

template <typename Real>
void attend(const WordRegionTile<Real>& tile, cudaStream_t on) {
  if (tile.options.share_words) share_columns<<<column_grid(tile), columns, 0, on>>>(tile);
  attend_rows<<<row_grid(tile), row_block, 0, on>>>(tile);
}

template <typename Real>
void score(const WordRegionTile<Real>& tile, Real* pairs, cudaStream_t on) {
  score_rows<<<row_grid(tile), row_block, 0, on>>>(tile, pairs == nullptr);
  if (pairs) score_pairs<<<blocks_of(tile.texts), warp, 0, on>>>(tile, pairs);
}

template <typename Real>
void gradient(const WordRegionTile<Real>& tile, const Real* pairs, cudaStream_t on) {
  gradient_words<<<blocks_of(tile.texts), warp, 0, on>>>(tile, pairs);
  gradient_columns<<<column_grid(tile), columns, 0, on>>>(tile);
}

}  // namespace

#define GD_STEPS(Real)                                                                                \
  void word_region_attend_cuda(const WordRegionTile<Real>& tile, void* stream) {                      \
    attend(tile, static_cast<cudaStream_t>(stream));                                                  \
  }                                                                                                   \
  void word_region_score_cuda(const WordRegionTile<Real>& tile, Real* pairs, void* stream) {          \
    score(tile, pairs, static_cast<cudaStream_t>(stream));                                            \
  }                                                                                                   \
  void word_region_gradient_cuda(const WordRegionTile<Real>& tile, const Real* pairs, void* stream) { \
    gradient(tile, pairs, static_cast<cudaStream_t>(stream));                                         \
  }
GD_STEPS(float)
GD_STEPS(double)
#undef GD_STEPS

}  // namespace gd
