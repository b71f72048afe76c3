#include "data/augment.h"

#include <cmath>

namespace gd {

// Result pixel p shows the source at centre + M⁻¹ (p − centre − shift), M = turn · shear · zoom, bilinear.
void warp(const Levels& picture, const Affine& affine, float fill) {
  constexpr double degree = 3.14159265358979323846 / 180;
  const double cos = std::cos(affine.rotate * degree), sin = std::sin(affine.rotate * degree);
  const double tx = std::tan(affine.shear_x * degree), ty = std::tan(affine.shear_y * degree);
  // turn · [[1, tx], [ty, 1]] · zoom
  const double a = (cos - sin * ty) * affine.zoom, b = (cos * tx - sin) * affine.zoom;
  const double c = (sin + cos * ty) * affine.zoom, d = (sin * tx + cos) * affine.zoom;
  const double determinant = a * d - b * c;
  if (std::abs(determinant) < 1e-6) return;  // both shears at 45 degrees flatten the picture to a line
  const double ia = d / determinant, ib = -b / determinant, ic = -c / determinant, id = a / determinant;
  const int64_t n = picture.side, channels = picture.channels;
  const double centre = static_cast<double>(n - 1) / 2, side = static_cast<double>(n);
  thread_local std::vector<float> source;
  source.assign(picture.values, picture.values + picture.size());
  const auto level = [&](int64_t y, int64_t x, int64_t k) {
    return y < 0 || x < 0 || y >= n || x >= n ? fill : source[static_cast<size_t>((y * n + x) * channels + k)];
  };
  for (int64_t y = 0; y < n; ++y) {
    for (int64_t x = 0; x < n; ++x) {
      const double px = static_cast<double>(x) - centre - affine.shift_x * side;
      const double py = static_cast<double>(y) - centre - affine.shift_y * side;
      const double sx = centre + ia * px + ib * py, sy = centre + ic * px + id * py;
      float* out = picture.values + (y * n + x) * channels;
      if (!(sx > -1 && sy > -1 && sx < side && sy < side)) {
        for (int64_t k = 0; k < channels; ++k) out[k] = fill;
        continue;
      }
      const double fx = std::floor(sx), fy = std::floor(sy);
      const auto x0 = static_cast<int64_t>(fx), y0 = static_cast<int64_t>(fy);
      const auto wx = static_cast<float>(sx - fx), wy = static_cast<float>(sy - fy);
      for (int64_t k = 0; k < channels; ++k) {
        const float top = level(y0, x0, k) * (1 - wx) + level(y0, x0 + 1, k) * wx;
        const float bottom = level(y0 + 1, x0, k) * (1 - wx) + level(y0 + 1, x0 + 1, k) * wx;
        out[k] = top * (1 - wy) + bottom * wy;
      }
    }
  }
}

}  // namespace gd
