// Changes of a cropped picture, each with a probability of its own: affine, equalise, brightness, contrast, blur, noise,
// cut-out, in this order. Levels are 0 to 255 in float and are rounded once, after the last.
#pragma once

#include "data/input.h"

namespace gd {

struct Levels {
  int64_t side = 0;      // height and width, pixels
  int64_t channels = 1;  // interleaved
  float* values = nullptr;
  int64_t size() const { return side * side * channels; }
};

// Moves the picture about its centre; what comes from outside is `fill`. Degrees, fractions of the side, factor.
struct Affine {
  double rotate = 0, shift_x = 0, shift_y = 0, zoom = 1, shear_x = 0, shear_y = 0;
};
void warp(const Levels& picture, const Affine& affine, float fill);
// Contrast-limited adaptive histogram equalisation (Zuiderveld 1994): `tiles`² tiles, each with its own map of the grey
// level, blended linearly between tile centres; a bin holds at most `limit` times the mean, the excess goes to all bins.
// Colour keeps its differences between the channels.
void equalise(const Levels& picture, int64_t tiles, double limit);
// Gaussian, cut at 3 sigma, edge pixels repeated.
void blur(const Levels& picture, double sigma);

class Augmentation {
 public:
  static void declare(OptionList& list);
  explicit Augmentation(const Options& options);
  // Whether any change is drawn for this view: pictures without one skip the float copy.
  bool changes(const SampleKey& key, int64_t view) const;
  void apply(const Levels& picture, const SampleKey& key, int64_t view) const;

 private:
  enum Change { affine, equalising, brightness, contrast, blurring, noise, cut_out, count };
  bool drawn(Change change, const SampleKey& key, int64_t view) const;
  double probability_[count];
  double rotate_, translate_, shear_, brightness_, contrast_, clip_, fill_;
  std::vector<double> zoom_, sigma_, noise_, area_;
  int64_t tiles_, holes_;
};

}  // namespace gd
