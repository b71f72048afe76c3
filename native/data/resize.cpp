#include "data/resize.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gd {

ResizeWeights::ResizeWeights(const ResizeAxis& axis) {
  expect(axis.size > 0 && axis.out > 0 && axis.high > axis.low, "bad-resize",
         "expected a part and a result of at least one pixel but got ", axis.size, " and ", axis.out);
  const double scale = axis.size / static_cast<double>(axis.out);
  const double support = std::max(scale, 1.0);
  taps = static_cast<int64_t>(std::ceil(support)) * 2 + 1;
  taps = std::min(taps, axis.high - axis.low);
  start.resize(static_cast<size_t>(axis.count));
  weight.assign(static_cast<size_t>(axis.count * taps), 0.0f);
  low = axis.high;
  high = axis.low;
  int64_t used = 1;
  std::vector<double> row(static_cast<size_t>(taps));
  for (int64_t i = 0; i < axis.count; ++i) {
    const double centre = axis.from + (static_cast<double>(axis.first + i) + 0.5) * scale;
    int64_t begin = std::clamp(static_cast<int64_t>(std::floor(centre - support + 0.5)), axis.low, axis.high - 1);
    const int64_t end = std::clamp(static_cast<int64_t>(std::floor(centre + support + 0.5)), begin + 1, axis.high);
    const int64_t n = std::min(end - begin, taps);
    double sum = 0;
    for (int64_t k = 0; k < n; ++k) {
      const double distance = std::abs((static_cast<double>(begin + k) + 0.5 - centre) / support);
      sum += row[static_cast<size_t>(k)] = std::max(0.0, 1.0 - distance);
    }
    if (sum <= 0) {  // a window beside the source: its nearest pixel
      row[0] = sum = 1;
      for (int64_t k = 1; k < n; ++k) row[static_cast<size_t>(k)] = 0;
    }
    int64_t last = 0;
    for (int64_t k = 0; k < n; ++k)
      if (row[static_cast<size_t>(k)] > 0) last = k;
    used = std::max(used, last + 1);
    const int64_t at = axis.mirrored ? axis.count - 1 - i : i;
    start[static_cast<size_t>(at)] = begin;
    for (int64_t k = 0; k < n; ++k)
      weight[static_cast<size_t>(at * taps + k)] = static_cast<float>(row[static_cast<size_t>(k)] / sum);
    low = std::min(low, begin);
    high = std::max(high, begin + last + 1);
  }
  // Fewer taps are enough when the outermost ones weigh 0 everywhere; and no window may reach past what is read.
  if (used < taps) {
    for (int64_t i = 0; i < axis.count; ++i)
      for (int64_t k = 0; k < used; ++k) weight[static_cast<size_t>(i * used + k)] = weight[static_cast<size_t>(i * taps + k)];
    taps = used;
    weight.resize(static_cast<size_t>(axis.count * taps));
  }
  for (int64_t i = 0; i < axis.count; ++i) {
    const int64_t over = start[static_cast<size_t>(i)] + taps - high;
    if (over <= 0) continue;
    float* w = &weight[static_cast<size_t>(i * taps)];
    const int64_t shift = std::min(over, start[static_cast<size_t>(i)] - low);
    std::move_backward(w, w + taps - shift, w + taps);
    std::fill(w, w + shift, 0.0f);
    start[static_cast<size_t>(i)] -= shift;
  }
}

namespace {

constexpr int kRows = 8;  // result rows made together: one vector holds the same column of all of them
typedef float Eight __attribute__((vector_size(32), aligned(32)));
typedef int32_t Order __attribute__((vector_size(32)));

// Transposes 8 vectors of 8 in three rounds of shuffles.
inline void transpose(Eight (&v)[8]) {
  constexpr Order low = {0, 8, 1, 9, 4, 12, 5, 13}, high = {2, 10, 3, 11, 6, 14, 7, 15};
  constexpr Order even = {0, 1, 8, 9, 4, 5, 12, 13}, odd = {2, 3, 10, 11, 6, 7, 14, 15};
  constexpr Order left = {0, 1, 2, 3, 8, 9, 10, 11}, right = {4, 5, 6, 7, 12, 13, 14, 15};
  Eight a[8], b[8];
  for (size_t i = 0; i < 4; ++i) {
    a[2 * i] = __builtin_shuffle(v[2 * i], v[2 * i + 1], low);
    a[2 * i + 1] = __builtin_shuffle(v[2 * i], v[2 * i + 1], high);
  }
  for (size_t i = 0; i < 2; ++i) {
    b[4 * i] = __builtin_shuffle(a[4 * i], a[4 * i + 2], even);
    b[4 * i + 1] = __builtin_shuffle(a[4 * i], a[4 * i + 2], odd);
    b[4 * i + 2] = __builtin_shuffle(a[4 * i + 1], a[4 * i + 3], even);
    b[4 * i + 3] = __builtin_shuffle(a[4 * i + 1], a[4 * i + 3], odd);
  }
  for (size_t i = 0; i < 4; ++i) {
    v[i] = __builtin_shuffle(b[i], b[i + 4], left);
    v[i + 4] = __builtin_shuffle(b[i], b[i + 4], right);
  }
}

// One row of the vertical pass: out[i] = Σ_k weight[k] · source[k · stride + i].
template <int Taps, class Source>
void blend(const Source* source, int64_t stride, const float* weight, int64_t count, float* __restrict__ out, bool add) {
  for (int64_t i = 0; i < count; ++i) {
    float sum = add ? out[i] : 0.0f;
    for (int k = 0; k < Taps; ++k) sum += weight[k] * static_cast<float>(source[k * stride + i]);
    out[i] = sum;
  }
}

template <class Source>
void blend_rows(const Source* source, int64_t stride, const float* weight, int64_t taps, int64_t count, float* out) {
  bool add = false;
  while (taps > 0) {
    switch (std::min<int64_t>(taps, 4)) {
      case 1: blend<1>(source, stride, weight, count, out, add); break;
      case 2: blend<2>(source, stride, weight, count, out, add); break;
      case 3: blend<3>(source, stride, weight, count, out, add); break;
      default: blend<4>(source, stride, weight, count, out, add); break;
    }
    add = true;
    source += 4 * stride;
    weight += 4;
    taps -= 4;
  }
}

// Rounds half up within the range of the result; a plain loop that the compiler packs 32 at a time.
void store(const float* from, int64_t count, uint8_t* __restrict__ out) {
  for (int64_t i = 0; i < count; ++i) {
    float up = from[i] + 0.5f;
    up = up < 0.0f ? 0.0f : up;
    up = up > 255.0f ? 255.0f : up;
    out[i] = static_cast<uint8_t>(static_cast<int32_t>(up));
  }
}
void store(const float* from, int64_t count, float* __restrict__ out) { std::copy(from, from + count, out); }

}  // namespace

template <class Source, class Result>
void resize(const Source* source, int64_t stride, int64_t channels, const ResizeAxis& y, const ResizeAxis& x, float gain,
            Result* out) {
  const ResizeWeights rows(y), columns(x);
  std::vector<float> row_weight = rows.weight;
  for (float& w : row_weight) w *= gain;
  const float* const column_weight = columns.weight.data();
  const int64_t* const column_start = columns.start.data();
  const int64_t first = columns.low * channels, wide = (columns.high - columns.low) * channels;
  const int64_t padded = (wide + 7) / 8 * 8, length = x.count * channels, padded_length = (length + 7) / 8 * 8;
  // [8, padded]: eight rows after the vertical pass; the same, transposed; [8, padded_length]: the rows of the result.
  // The slack keeps vectors aligned.
  thread_local std::vector<float> scratch;
  scratch.assign(static_cast<size_t>(2 * kRows * padded + kRows * padded_length + 8), 0.0f);
  float* const blended = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(scratch.data()) + 31) & ~uintptr_t{31});
  Eight* const turned = reinterpret_cast<Eight*>(blended + kRows * padded);
  float* const made = blended + 2 * kRows * padded;
  for (int64_t block = 0; block < y.count; block += kRows) {
    const int64_t here = std::min<int64_t>(kRows, y.count - block);
    for (int64_t r = 0; r < here; ++r) {
      const auto i = static_cast<size_t>(block + r);
      blend_rows(source + rows.start[i] * stride + first, stride, &row_weight[i * static_cast<size_t>(rows.taps)], rows.taps,
                 wide, blended + r * padded);
    }
    for (int64_t i = 0; i < padded; i += 8) {
      Eight v[8];
      for (int64_t r = 0; r < kRows; ++r) v[r] = *reinterpret_cast<const Eight*>(blended + r * padded + i);
      transpose(v);
      for (int64_t r = 0; r < kRows; ++r) turned[i + r] = v[r];
    }
    // The horizontal pass, all eight rows at once: element e = column · channels + channel of the result.
    int64_t column = 0, channel = 0;
    for (int64_t e = 0; e < length; e += 8) {
      const int64_t count = std::min<int64_t>(8, length - e);
      Eight v[8] = {};
      for (int64_t j = 0; j < count; ++j) {
        const float* w = column_weight + column * columns.taps;
        const Eight* from = turned + (column_start[column] - columns.low) * channels + channel;
        Eight sum = w[0] * from[0];
        for (int64_t k = 1; k < columns.taps; ++k) sum += w[k] * from[k * channels];
        v[j] = sum;
        if (++channel == channels) {
          channel = 0;
          ++column;
        }
      }
      transpose(v);
      for (int64_t r = 0; r < kRows; ++r) *reinterpret_cast<Eight*>(made + r * padded_length + e) = v[r];
    }
    for (int64_t r = 0; r < here; ++r) store(made + r * padded_length, length, out + (block + r) * length);
  }
}

template void resize(const uint8_t*, int64_t, int64_t, const ResizeAxis&, const ResizeAxis&, float, uint8_t*);
template void resize(const uint8_t*, int64_t, int64_t, const ResizeAxis&, const ResizeAxis&, float, float*);
template void resize(const uint16_t*, int64_t, int64_t, const ResizeAxis&, const ResizeAxis&, float, uint8_t*);
template void resize(const uint16_t*, int64_t, int64_t, const ResizeAxis&, const ResizeAxis&, float, float*);
template void resize(const float*, int64_t, int64_t, const ResizeAxis&, const ResizeAxis&, float, uint8_t*);
template void resize(const float*, int64_t, int64_t, const ResizeAxis&, const ResizeAxis&, float, float*);

}  // namespace gd
