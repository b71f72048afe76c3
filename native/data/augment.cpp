#include "data/augment.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace gd {

namespace {

constexpr const char* kNames[] = {"affine", "equalise", "brightness", "contrast", "blur", "noise", "cutOut"};

std::vector<double> range(const Options& options, const char* name, double least, double most) {
  const auto out = options.numbers(name);
  if (out.size() != 2 || out[0] > out[1] || out[0] < least || out[1] > most)
    fail("bad-option", "expected two ascending numbers from ", least, " to ", most, " for image.", name, " but got ",
         out.size() == 2 ? c10::str(out[0], ", ", out[1]) : c10::str(out.size(), " numbers"));
  return out;
}

// Quantiles of the normal distribution at 4096 places, by bisection of its integral: noise needs 50,000 draws a picture,
// and a table is twenty times faster than logarithm and cosine. The sum of two entries reaches 4.9 deviations.
const std::array<float, 4096>& normal_quantiles() {
  static const std::array<float, 4096> table = [] {
    std::array<float, 4096> out;
    for (size_t i = 0; i < out.size(); ++i) {
      const double p = (static_cast<double>(i) + 0.5) / static_cast<double>(out.size());
      double low = -6, high = 6;
      for (int step = 0; step < 60; ++step) {
        const double middle = (low + high) / 2;
        (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
      }
      out[i] = static_cast<float>((low + high) / 2);
    }
    return out;
  }();
  return table;
}

void add_noise(const Levels& picture, double deviation, Draw draw) {
  const auto& table = normal_quantiles();
  const auto scale = static_cast<float>(deviation / std::sqrt(2.0));
  const int64_t n = picture.size();
  for (int64_t i = 0; i < n; i += 2) {
    const uint64_t bits = draw.bits();
    picture.values[i] += scale * (table[bits & 4095] + table[bits >> 12 & 4095]);
    if (i + 1 < n) picture.values[i + 1] += scale * (table[bits >> 24 & 4095] + table[bits >> 36 & 4095]);
  }
}

void clamp(const Levels& picture) {
  for (int64_t i = 0; i < picture.size(); ++i) picture.values[i] = std::min(255.0f, std::max(0.0f, picture.values[i]));
}

// Factor on the distance from `about`.
void stretch(const Levels& picture, double factor, double about) {
  const auto f = static_cast<float>(factor), offset = static_cast<float>(about * (1 - factor));
  for (int64_t i = 0; i < picture.size(); ++i) picture.values[i] = picture.values[i] * f + offset;
  clamp(picture);
}

double mean_level(const Levels& picture) {
  double sum = 0;
  if (picture.channels == 1)
    for (int64_t i = 0; i < picture.size(); ++i) sum += picture.values[i];
  else
    for (int64_t i = 0; i < picture.size(); i += 3)
      sum += 0.299 * picture.values[i] + 0.587 * picture.values[i + 1] + 0.114 * picture.values[i + 2];
  return sum / static_cast<double>(picture.side * picture.side);
}

void cut(const Levels& picture, double area, float fill, Draw& draw) {
  const double side = static_cast<double>(picture.side);
  const double ratio = std::exp(draw.uniform(std::log(0.3), std::log(1 / 0.3)));
  const auto h = std::clamp<int64_t>(std::lround(side * std::sqrt(area * ratio)), 1, picture.side);
  const auto w = std::clamp<int64_t>(std::lround(side * std::sqrt(area / ratio)), 1, picture.side);
  const auto top = static_cast<int64_t>(draw.below(static_cast<uint64_t>(picture.side - h + 1)));
  const auto left = static_cast<int64_t>(draw.below(static_cast<uint64_t>(picture.side - w + 1)));
  for (int64_t y = top; y < top + h; ++y) {
    float* row = picture.values + (y * picture.side + left) * picture.channels;
    std::fill(row, row + w * picture.channels, fill);
  }
}

}  // namespace

void Augmentation::declare(OptionList& list) {
  list.push_back(number_option("affine", 0, "probability of an affine change: rotate, translate, zoom, shear together"));
  list.push_back(number_option("rotate", 10, "affine: greatest turn to either side, degrees"));
  list.push_back(number_option("translate", 0.05, "affine: greatest shift along each axis, fraction of the side"));
  list.push_back(numbers_option("zoom", {0.95, 1.05}, "affine: least and greatest enlargement, factor"));
  list.push_back(number_option("shear", 0, "affine: greatest shear along each axis, degrees"));
  list.push_back(number_option("fill", 0, "grey level (0 to 255) of what affine brings in from outside and of cut-out holes"));
  list.push_back(number_option("equalise", 0, "probability of contrast-limited adaptive histogram equalisation"));
  list.push_back(integer_option("equaliseTiles", 8, "equalise: tiles along each side"));
  list.push_back(number_option("equaliseLimit", 2, "equalise: most that a histogram bin may hold, times the mean bin"));
  list.push_back(number_option("brightness", 0, "probability of a change of brightness"));
  list.push_back(number_option("brightnessAmount", 0.2, "brightness: the factor is drawn from 1 ± this"));
  list.push_back(number_option("contrast", 0, "probability of a change of contrast"));
  list.push_back(
      number_option("contrastAmount", 0.2, "contrast: the factor on the distance from the mean level is drawn from 1 ± this"));
  list.push_back(number_option("blur", 0, "probability of a Gaussian blur"));
  list.push_back(numbers_option("blurSigma", {0.1, 2}, "blur: least and greatest standard deviation, pixels of the result"));
  list.push_back(number_option("noise", 0, "probability of Gaussian noise, drawn anew for each pixel and channel"));
  list.push_back(numbers_option("noiseDeviation", {1, 8}, "noise: least and greatest standard deviation, grey levels of 255"));
  list.push_back(number_option("cutOut", 0, "probability of cut-out holes (random erasing)"));
  list.push_back(integer_option("cutOutHoles", 1, "cut-out: number of holes"));
  list.push_back(
      numbers_option("cutOutArea", {0.02, 0.2}, "cut-out: least and greatest area of a hole, fraction of the picture"));
}

Augmentation::Augmentation(const Options& options) {
  for (int change = 0; change < count; ++change) {
    const double p = probability_[change] = options.number(kNames[change]);
    expect(p >= 0 && p <= 1, "bad-option", "expected a probability for image.", kNames[change], " but got ", p);
  }
  const auto number = [&](const char* name, double least, double most) {
    const double v = options.number(name);
    expect(v >= least && v <= most, "bad-option", "expected ", least, " to ", most, " for image.", name, " but got ", v);
    return v;
  };
  rotate_ = number("rotate", 0, 180);
  translate_ = number("translate", 0, 1);
  shear_ = number("shear", 0, 80);
  brightness_ = number("brightnessAmount", 0, 1);
  contrast_ = number("contrastAmount", 0, 1);
  clip_ = number("equaliseLimit", 1, 256);
  fill_ = number("fill", 0, 255);
  zoom_ = range(options, "zoom", 0.1, 10);
  sigma_ = range(options, "blurSigma", 0.01, 50);
  noise_ = range(options, "noiseDeviation", 0, 255);
  area_ = range(options, "cutOutArea", 0, 1);
  tiles_ = options.integer("equaliseTiles");
  holes_ = options.integer("cutOutHoles");
  expect(tiles_ >= 1 && tiles_ <= 64, "bad-option", "expected 1 to 64 for image.equaliseTiles but got ", tiles_);
  expect(holes_ >= 1 && holes_ <= 64, "bad-option", "expected 1 to 64 for image.cutOutHoles but got ", holes_);
}

bool Augmentation::drawn(Change change, const SampleKey& key, int64_t view) const {
  return key.training && probability_[change] > 0 &&
         key.draw(kNames[change], static_cast<uint64_t>(view)).chance(probability_[change]);
}

bool Augmentation::changes(const SampleKey& key, int64_t view) const {
  for (int change = 0; change < count; ++change)
    if (drawn(static_cast<Change>(change), key, view)) return true;
  return false;
}

void Augmentation::apply(const Levels& picture, const SampleKey& key, int64_t view) const {
  const auto draws = [&](Change change) {
    Draw draw = key.draw(kNames[change], static_cast<uint64_t>(view));
    draw.bits();  // the first one decided whether
    return draw;
  };
  if (drawn(affine, key, view)) {
    Draw draw = draws(affine);
    Affine to;
    to.rotate = draw.uniform(-rotate_, rotate_);
    to.shift_x = draw.uniform(-translate_, translate_);
    to.shift_y = draw.uniform(-translate_, translate_);
    to.zoom = draw.uniform(zoom_[0], zoom_[1]);
    to.shear_x = draw.uniform(-shear_, shear_);
    to.shear_y = draw.uniform(-shear_, shear_);
    warp(picture, to, static_cast<float>(fill_));
  }
  if (drawn(equalising, key, view)) equalise(picture, tiles_, clip_);
  if (drawn(brightness, key, view)) stretch(picture, draws(brightness).uniform(1 - brightness_, 1 + brightness_), 0);
  if (drawn(contrast, key, view)) stretch(picture, draws(contrast).uniform(1 - contrast_, 1 + contrast_), mean_level(picture));
  if (drawn(blurring, key, view)) blur(picture, draws(blurring).uniform(sigma_[0], sigma_[1]));
  if (drawn(noise, key, view)) {
    Draw draw = draws(noise);
    const double deviation = draw.uniform(noise_[0], noise_[1]);
    add_noise(picture, deviation, draw);
    clamp(picture);
  }
  if (drawn(cut_out, key, view)) {
    Draw draw = draws(cut_out);
    for (int64_t hole = 0; hole < holes_; ++hole) cut(picture, draw.uniform(area_[0], area_[1]), static_cast<float>(fill_), draw);
  }
}

}  // namespace gd
