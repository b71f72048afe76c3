#include "data/flip.h"

#include "data/shard_builder.h"
#include "test.h"

using namespace native_test;

namespace {

constexpr int kLeft = 50, kRight = 60;

std::vector<gd::NamedInput> inputs(const char* rule) {
  Value image, text, data, section;
  image.set("size", 8);
  image.set("crop", "centre");
  image.set("stretch", true);
  image.set("flip", 0.5);
  image.set("flipText", rule);
  text.set("sidePairs", Value::Array{double(kLeft), double(kRight)});
  section.set("input", "image");
  section.set("options", image);
  data.set("image", section);
  section.set("input", "text");
  section.set("options", text);
  data.set("text", section);
  return gd::make_inputs(data);
}

bool is_mirrored(const gd::Features& image) {
  const auto* pixels = image.at("pixels").data_ptr<uint8_t>();
  return pixels[0] > pixels[7];
}

Study bright_right(std::vector<int32_t> words) {
  Study out;
  Stored picture;
  picture.height = picture.width = 8;
  for (int i = 0; i < 64; ++i) picture.data.push_back(static_cast<uint8_t>(10 + 20 * (i % 8)));
  out.images.push_back(picture);
  out.texts.push_back({"findings", {std::move(words)}});
  return out;
}

}  // namespace

TEST("flip: swap exchanges left and right in exactly the mirrored samples") {
  const auto data = dataset_of({bright_right({1, kLeft, 2, kRight}), bright_right({3})});
  const auto both = inputs("swap");
  int mirrored = 0;
  for (int64_t epoch = 0; epoch < 100; ++epoch) {
    const bool flip = is_mirrored(read_one(*data, both, 0, 0, epoch));
    const auto text = read_one(*data, both, 1, 0, epoch);
    const auto* ids = text.at("ids").data_ptr<int64_t>();
    EXPECT(ids[1] == (flip ? kRight : kLeft) && ids[3] == (flip ? kLeft : kRight) && ids[0] == 1);
    mirrored += flip;
  }
  EXPECT(mirrored > 30 && mirrored < 70);
  EXPECT(!is_mirrored(read_one(*data, both, 0, 0, 0, false)));
}

TEST("flip: refuse never mirrors a row that names a side, and mirrors others") {
  const auto data = dataset_of({bright_right({1, kLeft}), bright_right({1, 2})});
  const auto both = inputs("refuse");
  int named = 0, plain = 0;
  for (int64_t epoch = 0; epoch < 100; ++epoch) {
    named += is_mirrored(read_one(*data, both, 0, 0, epoch));
    plain += is_mirrored(read_one(*data, both, 0, 1, epoch));
    EXPECT(read_one(*data, both, 1, 0, epoch).at("ids").data_ptr<int64_t>()[1] == kLeft);
  }
  EXPECT(named == 0 && plain > 30 && plain < 70);
}

TEST("flip: inputs that cannot agree are refused") {
  Value image, data, section;
  image.set("flip", 0.5);
  image.set("flipText", "swap");
  section.set("input", "image");
  section.set("options", image);
  data.set("image", section);
  EXPECT_THROWS(gd::make_inputs(data), "expected a text input with sidePairs");
  Value words;
  words.set("input", "text");
  data.set("text", words);
  EXPECT_THROWS(gd::make_inputs(data), "sidePairs");
}
