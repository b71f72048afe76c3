// The input `image`: one stored image of a row → pixels of training size.
#include "data/augment.h"
#include "data/choose.h"
#include "data/crop.h"
#include "data/decode.h"
#include "data/flip.h"
#include "data/normalise.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gd {

namespace {

// Rec. 601, over the part [low, high) of both axes, into floats of the same layout: rounding comes once, at the end.
template <class Source>
void grey(const Source* rgb, int64_t width, const ResizeWeights& y, const ResizeWeights& x, std::vector<float>& out) {
  const int64_t wide = x.high - x.low;
  out.resize(static_cast<size_t>((y.high - y.low) * wide));
  for (int64_t row = y.low; row < y.high; ++row) {
    const Source* from = rgb + (row * width + x.low) * 3;
    float* to = &out[static_cast<size_t>((row - y.low) * wide)];
    for (int64_t i = 0; i < wide; ++i)
      to[i] = 0.299f * static_cast<float>(from[3 * i]) + 0.587f * static_cast<float>(from[3 * i + 1]) +
              0.114f * static_cast<float>(from[3 * i + 2]);
  }
}

ResizeAxis moved(ResizeAxis axis, int64_t by) {
  axis.from -= static_cast<double>(by);
  axis.low -= by;
  axis.high -= by;
  return axis;
}

// The axis in a picture that came out of the decoder smaller: `full` pixels became `have`.
ResizeAxis shrunk(ResizeAxis axis, int64_t full, int64_t have) {
  if (full == have) return axis;
  const double factor = static_cast<double>(have) / static_cast<double>(full);
  axis.low = std::clamp<int64_t>(static_cast<int64_t>(std::floor(static_cast<double>(axis.low) * factor)), 0, have - 1);
  axis.high = std::clamp<int64_t>(static_cast<int64_t>(std::ceil(static_cast<double>(axis.high) * factor)), axis.low + 1, have);
  axis.from *= factor;
  axis.size *= factor;
  return axis;
}

template <class Source, class Result>
void render(const Picture& picture, const Crop& crop, int64_t channels, Result* out) {
  const auto* pixels = static_cast<const Source*>(picture.pixels);
  const auto gain = static_cast<float>(255 / picture.white);
  if (picture.channels == 3 && channels == 1) {
    const ResizeWeights y(crop.y), x(crop.x);
    thread_local std::vector<float> luma;
    grey(pixels, picture.width, y, x, luma);
    ResizeAxis ay = moved(crop.y, y.low), ax = moved(crop.x, x.low);
    ay.low = std::max<int64_t>(ay.low, 0);
    ax.low = std::max<int64_t>(ax.low, 0);
    ay.high = std::min(ay.high, y.high - y.low);
    ax.high = std::min(ax.high, x.high - x.low);
    resize<float, Result>(luma.data(), x.high - x.low, 1, ay, ax, gain, out);
    return;
  }
  const int64_t stride = picture.width * picture.channels;
  resize<Source, Result>(pixels, stride, picture.channels, crop.y, crop.x, gain, out);
  if (picture.channels == 1 && channels == 3)  // from the end, so that it can be done in place
    for (int64_t i = crop.y.count * crop.x.count; i-- > 0;) out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = out[i];
}

template <class Result>
void render(const Picture& picture, const Crop& crop, int64_t channels, Result* out) {
  if (picture.bits == 8)
    render<uint8_t, Result>(picture, crop, channels, out);
  else
    render<uint16_t, Result>(picture, crop, channels, out);
}

}  // namespace

class ImageInput : public Input {
 public:
  static constexpr const char* help =
      "One stored image of a row, cropped, resized (triangle filter with antialias), augmented and normalised.";
  static std::vector<std::string> gives() { return {"pixels", "present"}; }  // and, with `prior`: prior, priorPresent
  static OptionList options() {
    OptionList list = {
        text_option("column", "images", "column of stored images"),
        text_option(
            "prior", "",
            "column of images of the study before, prior_images; they take the same crop and the same changes as the image. "
            "Empty: not read"),
        number_option("priorDrop", 0, "probability that an earlier image is left away in training"),
        integer_option("view", 0, "number of this view: other views of a sample draw another image and other augmentations"),
        choice_option("choose", {"random", "position"}, choose_help),
        texts_option("projections", {}, "only images whose `view` is one of these, e.g. PA and AP; empty: any"),
        integer_option("size", 224, "side of the result, pixels"),
        integer_option("resize", 0, "shorter side before a random or centre crop, pixels; 0: the same as size"),
        flag_option("stretch", false, "resize both sides to `resize` whatever the picture's shape, instead of the shorter one"),
        flag_option("colour", false, "keep colour; otherwise pictures become grey by Rec. 601"),
        integer_option("channels", 3, "channels that the encoder gets: 1, or 3 (grey is repeated on the device)"),
        numbers_option("mean", {0.5}, "subtracted, per channel or one for all, where full white is 1"),
        numbers_option("deviation", {0.5}, "divided by, per channel or one for all, where full white is 1"),
        choice_option("crop", {"random-resized", "random", "centre"}, "crop in training; evaluation takes the centre"),
        numbers_option("cropScale", {0.9, 1}, "random-resized: least and greatest area, fraction of the picture"),
        numbers_option("cropRatio", {0.75, 4. / 3}, "random-resized: least and greatest width over height"),
        number_option("flip", 0, "probability of a left-right mirror"),
        choice_option("flipText", {"ignore", "refuse", "swap"},
                      "what a mirror means for words like left and right (the text input's sidePairs): ignore them; refuse to "
                      "mirror rows whose texts hold one; swap them in the texts of mirrored rows"),
    };
    Augmentation::declare(list);
    return input_options(std::move(list));
  }

  ImageInput(Scope, const Options& options)
      : column_(options.text("column")),
        prior_(options.text("prior")),
        prior_drop_(options.number("priorDrop")),
        view_(options.integer("view")),
        random_(options.text("choose") == "random"),
        projections_(options.texts("projections")),
        stored_channels_(options.flag("colour") ? 3 : 1),
        channels_(options.integer("channels")),
        normalise_(channels_, options.numbers("mean"), options.numbers("deviation"), "image"),
        augmentation_(options) {
    crop_.size = options.integer("size");
    crop_.resize = options.integer("resize");
    crop_.stretch = options.flag("stretch");
    const std::string& kind = options.text("crop");
    crop_.kind = kind == "random"   ? CropOptions::Kind::random
                 : kind == "centre" ? CropOptions::Kind::centre
                                    : CropOptions::Kind::random_resized;
    const auto scale = options.numbers("cropScale"), ratio = options.numbers("cropRatio");
    expect(scale.size() == 2 && scale[0] > 0 && scale[0] <= scale[1] && scale[1] <= 1, "bad-option",
           "expected two ascending numbers above 0 and up to 1 for image.cropScale");
    expect(ratio.size() == 2 && ratio[0] > 0 && ratio[0] <= ratio[1], "bad-option",
           "expected two ascending numbers above 0 for image.cropRatio");
    std::copy(scale.begin(), scale.end(), crop_.scale);
    std::copy(ratio.begin(), ratio.end(), crop_.ratio);
    expect(crop_.size >= 1 && crop_.size <= 4096, "bad-option", "expected 1 to 4096 for image.size but got ", crop_.size);
    expect(crop_.resize == 0 || (crop_.resize >= crop_.size && crop_.resize <= 8192), "bad-option",
           "expected 0 or at least the size ", crop_.size, " for image.resize but got ", crop_.resize);
    expect(view_ >= 0, "bad-option", "expected at least 0 for image.view but got ", view_);
    expect(prior_drop_ >= 0 && prior_drop_ <= 1, "bad-option", "expected a probability for image.priorDrop but got ",
           prior_drop_);
    expect(channels_ == 3 || (channels_ == 1 && stored_channels_ == 1), "bad-option",
           "expected 1 or 3 for image.channels (3 with colour) but got ", channels_);
    flip_.probability = options.number("flip");
    expect(flip_.probability >= 0 && flip_.probability <= 1, "bad-option", "expected a probability for image.flip but got ",
           flip_.probability);
    const std::string& text = options.text("flipText");
    flip_.text = text == "refuse" ? Flip::Text::refuse : text == "swap" ? Flip::Text::swap : Flip::Text::ignore;
  }

  const Flip* flip() const override { return &flip_; }

  void meet(const std::vector<NamedInput>& all) override {
    if (flip_.probability == 0 || flip_.text == Flip::Text::ignore) return;
    for (const auto& other : all)
      if (const Sides* sides = other.input->sides()) sides_.push_back(*sides);
    expect(!sides_.empty(), "bad-option",
           "expected a text input with sidePairs for image.flipText 'refuse' or 'swap' but there is none");
  }

  Features allocate(int64_t batch) const override {
    Features out;
    out.set("pixels", at::empty({batch, crop_.size, crop_.size, stored_channels_}, at::kByte));
    out.set("present", at::zeros({batch}, at::kBool));
    if (prior_.empty()) return out;
    out.set("prior", at::empty({batch, crop_.size, crop_.size, stored_channels_}, at::kByte));
    out.set("priorPresent", at::zeros({batch}, at::kBool));
    return out;
  }

  void read(const Dataset& data, const SampleKey& key, int64_t slot, Features& out) const override {
    clear(slot, out);
    if (!picture(data, column_, key, slot_of<uint8_t>(out, "pixels", slot))) return;
    *slot_of<bool>(out, "present", slot) = true;
    // A data set without the column has no earlier images, and pictures given at hand have none.
    if (prior_.empty() || !data.has(key.row, prior_)) return;
    if (key.training && key.draw("prior", static_cast<uint64_t>(view_)).chance(prior_drop_)) return;
    *slot_of<bool>(out, "priorPresent", slot) = picture(data, prior_, key, slot_of<uint8_t>(out, "prior", slot));
  }

  void on_device(Features& fields) const override {
    fields.set("pixels", normalise_(fields.at("pixels")));
    if (!prior_.empty()) fields.set("prior", normalise_(fields.at("prior")));
  }

 private:
  // Writes one image of a column; false where the row has none.
  bool picture(const Dataset& data, const std::string& column, const SampleKey& key, uint8_t* pixels) const {
    const Cell images = data.cell(key.row, column);
    const int64_t which = chosen(images, key);
    if (which < 0) return false;
    const StoredImage image(images.item(which));
    Crop part = crop(crop_, image.height(), image.width(), key, view_);
    part.x.mirrored = mirrored(data, key);
    // At twice the size asked for, or more, the decoder's own shrinking costs no detail.
    const double spare = std::min(part.y.size / static_cast<double>(part.y.out), part.x.size / static_cast<double>(part.x.out));
    const Picture picture = image.decode(spare >= 16 ? 8 : spare >= 8 ? 4 : spare >= 4 ? 2 : 1);
    part.y = shrunk(part.y, image.height(), picture.height);
    part.x = shrunk(part.x, image.width(), picture.width);
    if (augmentation_.changes(key, view_)) {
      const Levels levels{crop_.size, stored_channels_, nullptr};
      thread_local std::vector<float> values;
      values.resize(static_cast<size_t>(levels.size()));
      render(picture, part, stored_channels_, values.data());
      augmentation_.apply({levels.side, levels.channels, values.data()}, key, view_);
      for (int64_t i = 0; i < levels.size(); ++i)
        pixels[i] =
            static_cast<uint8_t>(static_cast<int32_t>(std::min(255.0f, std::max(0.0f, values[static_cast<size_t>(i)])) + 0.5f));
    } else {
      render(picture, part, stored_channels_, pixels);
    }
    return true;
  }

  int64_t chosen(const Cell& images, const SampleKey& key) const {
    std::vector<int64_t> candidates;
    for (int64_t i = 0; i < images.size(); ++i) {
      if (!projections_.empty()) {
        const auto projection = images.item(i).text("view");
        if (std::find(projections_.begin(), projections_.end(), projection) == projections_.end()) continue;
      }
      candidates.push_back(i);
    }
    const int64_t which = choose(static_cast<int64_t>(candidates.size()), random_, key, "image", view_);
    return which < 0 ? -1 : candidates[static_cast<size_t>(which)];
  }

  bool mirrored(const Dataset& data, const SampleKey& key) const {
    if (!flipped(flip_, key, view_, false)) return false;
    if (flip_.text != Flip::Text::refuse) return true;
    for (const Sides& sides : sides_)
      if (names_side(data, key.row, sides)) return false;
    return true;
  }

  std::string column_, prior_;
  double prior_drop_;
  int64_t view_;
  bool random_;
  std::vector<std::string> projections_;
  int64_t stored_channels_;  // of `pixels`: 1 grey, 3 colour
  int64_t channels_;         // of the normalised result
  CropOptions crop_;
  Flip flip_;
  std::vector<Sides> sides_;
  Normalise normalise_;
  Augmentation augmentation_;
};

GD_REGISTER(Input, "image", ImageInput)

}  // namespace gd
