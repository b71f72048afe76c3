#include "data/augment.h"

#include <algorithm>
#include <cmath>

namespace gd {

void blur(const Levels& picture, double sigma) {
  const int64_t n = picture.side, channels = picture.channels, row = n * channels;
  const int64_t radius = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(3 * sigma)));
  std::vector<float> weight(static_cast<size_t>(2 * radius + 1));
  double sum = 0;
  for (int64_t k = -radius; k <= radius; ++k) sum += std::exp(-0.5 * static_cast<double>(k * k) / (sigma * sigma));
  for (int64_t k = -radius; k <= radius; ++k)
    weight[static_cast<size_t>(k + radius)] =
        static_cast<float>(std::exp(-0.5 * static_cast<double>(k * k) / (sigma * sigma)) / sum);
  thread_local std::vector<float> down, wide;
  down.assign(static_cast<size_t>(n * row), 0.0f);
  for (int64_t y = 0; y < n; ++y) {
    float* __restrict__ out = &down[static_cast<size_t>(y * row)];
    for (int64_t k = -radius; k <= radius; ++k) {
      const float w = weight[static_cast<size_t>(k + radius)];
      const float* from = picture.values + std::clamp<int64_t>(y + k, 0, n - 1) * row;
      for (int64_t i = 0; i < row; ++i) out[i] += w * from[i];
    }
  }
  // Rows are widened by their edge pixels, so that the inner loop runs over one stretch of memory.
  wide.resize(static_cast<size_t>((n + 2 * radius) * channels));
  for (int64_t y = 0; y < n; ++y) {
    const float* from = &down[static_cast<size_t>(y * row)];
    for (int64_t x = -radius; x < n + radius; ++x)
      for (int64_t c = 0; c < channels; ++c)
        wide[static_cast<size_t>((x + radius) * channels + c)] = from[std::clamp<int64_t>(x, 0, n - 1) * channels + c];
    float* __restrict__ out = picture.values + y * row;
    std::fill(out, out + row, 0.0f);
    for (int64_t k = 0; k <= 2 * radius; ++k) {
      const float w = weight[static_cast<size_t>(k)];
      const float* source = &wide[static_cast<size_t>(k * channels)];
      for (int64_t i = 0; i < row; ++i) out[i] += w * source[i];
    }
  }
}

}  // namespace gd
