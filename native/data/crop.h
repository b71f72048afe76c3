// Which part of a picture a sample sees, and at what size.
#pragma once

#include "data/input.h"
#include "data/resize.h"

namespace gd {

struct CropOptions {
  int64_t size = 224;    // side of the result, pixels
  int64_t resize = 0;    // shorter side before a `random` or `centre` crop, pixels; 0: the same as `size`
  bool stretch = false;  // both sides become `resize`, whatever the picture's shape
  enum class Kind { random_resized, random, centre } kind = Kind::random_resized;
  double scale[2] = {0.9, 1.0};      // random_resized: part of the area
  double ratio[2] = {0.75, 4. / 3};  // random_resized: width over height
};

struct Crop {
  ResizeAxis y, x;
};

// Random resized crop: Szegedy et al. 2015, with torchvision's ten tries and its fall-back to a centre crop. Evaluation is
// always the centre crop.
Crop crop(const CropOptions& options, int64_t height, int64_t width, const SampleKey& key, int64_t view);

}  // namespace gd
