#include "data/augment.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace gd {

namespace {

using Map = std::array<float, 257>;  // grey level → grey level; one more entry, so that level + 1 is always there

float luma(const float* p, int64_t channels) { return channels == 1 ? p[0] : 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2]; }

Map map_of(const std::array<int64_t, 256>& histogram, int64_t pixels, double limit) {
  const double most = std::max(1.0, limit * static_cast<double>(pixels) / 256);
  double excess = 0;
  for (const int64_t held : histogram) excess += std::max(0.0, static_cast<double>(held) - most);
  Map map;
  double sum = 0;
  for (size_t i = 0; i < 256; ++i) {
    sum += std::min(static_cast<double>(histogram[i]), most) + excess / 256;
    map[i] = static_cast<float>(255 * sum / static_cast<double>(pixels));
  }
  map[256] = map[255];
  return map;
}

}  // namespace

void equalise(const Levels& picture, int64_t tiles, double limit) {
  const int64_t n = picture.side, channels = picture.channels;
  tiles = std::clamp<int64_t>(tiles, 1, n);
  std::vector<Map> maps(static_cast<size_t>(tiles * tiles));
  const auto edge = [&](int64_t tile) { return tile * n / tiles; };
  for (int64_t ty = 0; ty < tiles; ++ty) {
    for (int64_t tx = 0; tx < tiles; ++tx) {
      std::array<int64_t, 256> histogram{};
      for (int64_t y = edge(ty); y < edge(ty + 1); ++y)
        for (int64_t x = edge(tx); x < edge(tx + 1); ++x) {
          const float level = luma(picture.values + (y * n + x) * channels, channels);
          ++histogram[static_cast<size_t>(std::clamp(static_cast<int>(level + 0.5f), 0, 255))];
        }
      const int64_t pixels = (edge(ty + 1) - edge(ty)) * (edge(tx + 1) - edge(tx));
      maps[static_cast<size_t>(ty * tiles + tx)] = map_of(histogram, pixels, limit);
    }
  }
  // Between the centres of two tiles their maps are blended; beyond the outermost centres the outermost map holds.
  const double tile = static_cast<double>(n) / static_cast<double>(tiles);
  const auto place = [&](int64_t i, int64_t& first, int64_t& second) {
    const double at = (static_cast<double>(i) + 0.5) / tile - 0.5;
    const double below = std::floor(at);
    first = std::clamp<int64_t>(static_cast<int64_t>(below), 0, tiles - 1);
    second = std::clamp<int64_t>(static_cast<int64_t>(below) + 1, 0, tiles - 1);
    return static_cast<float>(at - below);
  };
  for (int64_t y = 0; y < n; ++y) {
    int64_t above, below;
    const float wy = place(y, above, below);
    for (int64_t x = 0; x < n; ++x) {
      int64_t left, right;
      const float wx = place(x, left, right);
      float* p = picture.values + (y * n + x) * channels;
      const float level = std::clamp(luma(p, channels), 0.0f, 255.0f);
      const auto bin = static_cast<size_t>(level);
      const float part = level - static_cast<float>(bin);
      const auto mapped = [&](int64_t ty, int64_t tx) {
        const Map& map = maps[static_cast<size_t>(ty * tiles + tx)];
        return map[bin] * (1 - part) + map[bin + 1] * part;
      };
      const float up = mapped(above, left) * (1 - wx) + mapped(above, right) * wx;
      const float down = mapped(below, left) * (1 - wx) + mapped(below, right) * wx;
      const float change = up * (1 - wy) + down * wy - level;
      for (int64_t k = 0; k < channels; ++k) p[k] = std::clamp(p[k] + change, 0.0f, 255.0f);
    }
  }
}

}  // namespace gd
