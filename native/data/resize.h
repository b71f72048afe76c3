// Separable resizing with the triangle filter, widened when the picture shrinks: what Pillow calls BILINEAR and torchvision
// bilinear with antialias=True. Only the asked-for window of the result is computed, only the source pixels that it needs
// are read, and the result is rounded once (both named ones round between the two passes, hence up to 1 level apart).
#pragma once

#include <cstdint>
#include <vector>

namespace gd {

// One axis: the part [from, from + size) of the source is mapped to `out` pixels, of which [first, first + count) are
// computed. Lengths are in pixels of the source or of the result.
struct ResizeAxis {
  double from = 0;
  double size = 0;
  int64_t low = 0;  // source pixels [low, high) may be read: a crop sees nothing outside itself
  int64_t high = 0;
  int64_t out = 0;
  int64_t first = 0;
  int64_t count = 0;
  bool mirrored = false;  // the window is written from its end
};

// Weights of one axis: result i reads `taps` source pixels from start[i] on; unused taps weigh 0.
struct ResizeWeights {
  ResizeWeights(const ResizeAxis& axis);
  int64_t taps = 0;
  std::vector<int64_t> start;
  std::vector<float> weight;  // [count, taps]
  int64_t low = 0;            // source pixels that are read: [low, high)
  int64_t high = 0;
};

// source: rows of `stride` elements, `channels` interleaved. out: [y.count, x.count, channels]. Every value is multiplied by
// `gain` (255/65535 brings 16 bits to 8). Source: uint8_t, uint16_t or float; Result: uint8_t (rounded, clamped) or float.
template <class Source, class Result>
void resize(const Source* source, int64_t stride, int64_t channels, const ResizeAxis& y, const ResizeAxis& x, float gain,
            Result* out);

}  // namespace gd
