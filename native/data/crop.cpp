#include "data/crop.h"

#include <algorithm>
#include <cmath>

namespace gd {

namespace {

Crop whole_window(int64_t top, int64_t left, int64_t height, int64_t width, int64_t size) {
  return {{static_cast<double>(top), static_cast<double>(height), top, top + height, size, 0, size},
          {static_cast<double>(left), static_cast<double>(width), left, left + width, size, 0, size}};
}

Crop random_resized(const CropOptions& options, int64_t height, int64_t width, const SampleKey& key, int64_t view) {
  Draw draw = key.draw("crop", static_cast<uint64_t>(view));
  const double area = static_cast<double>(height * width);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double target = area * draw.uniform(options.scale[0], options.scale[1]);
    const double ratio = std::exp(draw.uniform(std::log(options.ratio[0]), std::log(options.ratio[1])));
    const auto w = static_cast<int64_t>(std::lround(std::sqrt(target * ratio)));
    const auto h = static_cast<int64_t>(std::lround(std::sqrt(target / ratio)));
    if (w <= 0 || h <= 0 || w > width || h > height) continue;
    const auto top = static_cast<int64_t>(draw.below(static_cast<uint64_t>(height - h + 1)));
    const auto left = static_cast<int64_t>(draw.below(static_cast<uint64_t>(width - w + 1)));
    return whole_window(top, left, h, w, options.size);
  }
  // The picture is longer than every allowed shape: the largest allowed part in its middle.
  const double shape = static_cast<double>(width) / static_cast<double>(height);
  int64_t w = width, h = height;
  if (shape < options.ratio[0])
    h = std::clamp<int64_t>(std::lround(static_cast<double>(width) / options.ratio[0]), 1, height);
  else if (shape > options.ratio[1])
    w = std::clamp<int64_t>(std::lround(static_cast<double>(height) * options.ratio[1]), 1, width);
  return whole_window((height - h) / 2, (width - w) / 2, h, w, options.size);
}

}  // namespace

Crop crop(const CropOptions& options, int64_t height, int64_t width, const SampleKey& key, int64_t view) {
  if (key.training && options.kind == CropOptions::Kind::random_resized) return random_resized(options, height, width, key, view);
  const int64_t shorter = options.resize > 0 ? options.resize : options.size;
  int64_t tall = shorter, wide = shorter;
  if (!options.stretch && height < width) wide = std::max(shorter, shorter * width / height);
  if (!options.stretch && width < height) tall = std::max(shorter, shorter * height / width);
  Crop out{{0, static_cast<double>(height), 0, height, tall, 0, options.size},
           {0, static_cast<double>(width), 0, width, wide, 0, options.size}};
  if (key.training && options.kind == CropOptions::Kind::random) {
    Draw draw = key.draw("crop", static_cast<uint64_t>(view));
    out.y.first = static_cast<int64_t>(draw.below(static_cast<uint64_t>(tall - options.size + 1)));
    out.x.first = static_cast<int64_t>(draw.below(static_cast<uint64_t>(wide - options.size + 1)));
  } else {  // halves to even, as Python rounds
    out.y.first = std::lrint(static_cast<double>(tall - options.size) / 2);
    out.x.first = std::lrint(static_cast<double>(wide - options.size) / 2);
  }
  return out;
}

}  // namespace gd
