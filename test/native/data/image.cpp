#include "data/shard_builder.h"
#include "test.h"

#include <cstring>
#include <set>

using namespace native_test;

namespace {

std::vector<uint8_t> pixels(const gd::Features& fields) {
  const auto* from = fields.at("pixels").data_ptr<uint8_t>();
  return {from, from + fields.at("pixels").numel()};
}

Value small(Value options = {}) {
  options.set("size", 16);
  return options;
}

}  // namespace

TEST("image: each change alters the picture, repeats under the same key, and is off in evaluation") {
  const auto data = dataset_of({{.images = {grey(40, 40)}}});
  Value plain = small();
  plain.set("crop", "centre");
  const auto untouched = pixels(read_one(*data, {input_of("image", plain)}, 0, 0));
  for (const char* name : {"affine", "equalise", "brightness", "contrast", "blur", "noise", "cutOut", "flip"}) {
    Value options = plain;
    options.set(name, 1);
    const auto changed = pixels(read_one(*data, {input_of("image", options)}, 0, 0));
    EXPECT(changed != untouched);
    EXPECT(changed == pixels(read_one(*data, {input_of("image", options)}, 0, 0)));
    EXPECT(untouched == pixels(read_one(*data, {input_of("image", options)}, 0, 0, 0, false)));
    if (std::string(name) != "flip" && std::string(name) != "equalise")
      EXPECT(changed != pixels(read_one(*data, {input_of("image", options)}, 0, 0, 1)));
    // Every size and colour, also the smallest.
    for (const int64_t size : {1, 2, 3, 17}) {
      options.set("size", size);
      for (const bool colour : {false, true}) {
        options.set("colour", colour);
        EXPECT(read_one(*data, {input_of("image", options)}, 0, 0).at("pixels").numel() == size * size * (colour ? 3 : 1));
      }
    }
  }
}

TEST("image: probabilities are met") {
  const auto data = dataset_of({{.images = {grey(40, 40)}}});
  Value options = small(), plain = small();
  plain.set("crop", "centre");
  options.set("crop", "centre");
  options.set("cutOut", 0.3);
  const auto untouched = pixels(read_one(*data, {input_of("image", plain)}, 0, 0));
  const auto input = input_of("image", options);
  int changed = 0;
  for (int64_t epoch = 0; epoch < 1000; ++epoch) changed += pixels(read_one(*data, {input}, 0, 0, epoch)) != untouched;
  EXPECT(changed > 240 && changed < 360);
}

TEST("image: views take different images, then differ by augmentation; position and projections choose") {
  const auto flat = [](uint8_t level, const char* view) {
    Stored out = grey(20, 20);
    std::fill(out.data.begin(), out.data.end(), level);
    out.view = view;
    return out;
  };
  const auto data = dataset_of({{.images = {flat(10, "PA"), flat(20, "LATERAL"), flat(30, "AP")}}, {.images = {grey(40, 40)}}});
  const auto view = [&](int64_t number, const char* choose, Value::Array projections = {}) {
    Value options = small();
    options.set("view", number);
    options.set("choose", choose);
    options.set("projections", std::move(projections));
    return input_of("image", options);
  };
  std::set<uint8_t> first;
  for (int64_t epoch = 0; epoch < 30; ++epoch) {
    std::set<uint8_t> seen;
    for (int64_t number = 0; number < 3; ++number) seen.insert(pixels(read_one(*data, {view(number, "random")}, 0, 0, epoch))[0]);
    EXPECT(seen == std::set<uint8_t>({10, 20, 30}));
    first.insert(pixels(read_one(*data, {view(0, "random")}, 0, 0, epoch))[0]);
  }
  EXPECT(first.size() == 3);
  EXPECT(pixels(read_one(*data, {view(0, "random")}, 0, 1)) != pixels(read_one(*data, {view(1, "random")}, 0, 1)));
  EXPECT(pixels(read_one(*data, {view(2, "position")}, 0, 0))[0] == 30);
  EXPECT(!read_one(*data, {view(3, "position")}, 0, 0).at("present").item<bool>());
  EXPECT(pixels(read_one(*data, {view(0, "random", {"LATERAL"})}, 0, 0))[0] == 20);
  EXPECT(!read_one(*data, {view(0, "random", {"OBLIQUE"})}, 0, 0).at("present").item<bool>());
}

TEST("image: colour becomes grey by Rec. 601 and grey becomes three channels") {
  Stored rgb = grey(20, 60);
  rgb.width = 20;
  rgb.channels = 3;
  const auto data = dataset_of({{.images = {rgb}}, {.images = {grey(20, 20)}}});
  Value options = small(), colour = small();
  options.set("size", 20);
  colour.set("size", 20);
  colour.set("colour", true);
  const auto luma = pixels(read_one(*data, {input_of("image", options)}, 0, 0, 0, false));
  for (size_t i = 0; i < luma.size(); ++i)
    EXPECT(std::abs(0.299 * rgb.data[3 * i] + 0.587 * rgb.data[3 * i + 1] + 0.114 * rgb.data[3 * i + 2] - luma[i]) <= 0.51);
  EXPECT(pixels(read_one(*data, {input_of("image", colour)}, 0, 0, 0, false)) == rgb.data);
  const auto grown = pixels(read_one(*data, {input_of("image", colour)}, 0, 1, 0, false));
  const auto plain = grey(20, 20).data;
  for (size_t i = 0; i < plain.size(); ++i)
    EXPECT(grown[3 * i] == plain[i] && grown[3 * i + 1] == plain[i] && grown[3 * i + 2] == plain[i]);
}

TEST("image: on the device pixels become normalised floats in channels-last memory") {
  const auto data = dataset_of({{.images = {grey(16, 16)}}});
  Value options = small();
  options.set("mean", Value::Array{0.5, 0.4, 0.3});
  options.set("deviation", Value::Array{0.2, 0.3, 0.4});
  const auto input = input_of("image", options);
  gd::Features fields = read_one(*data, {input}, 0, 0, 0, false);
  const auto raw = pixels(fields);
  input.input->on_device(fields);
  const at::Tensor& made = fields.at("pixels");
  EXPECT(made.sizes() == at::IntArrayRef({1, 3, 16, 16}) && made.is_contiguous(at::MemoryFormat::ChannelsLast));
  const double mean[] = {0.5, 0.4, 0.3}, deviation[] = {0.2, 0.3, 0.4};
  for (int64_t c = 0; c < 3; ++c)
    for (int64_t i = 0; i < 256; ++i)
      EXPECT_CLOSE(made.index({0, c, i / 16, i % 16}).item<double>(),
                   (raw[static_cast<size_t>(i)] / 255.0 - mean[c]) / deviation[c], 1e-5);
}

TEST("image: large JPEGs decode smaller and look the same") {
  // The same picture as raw pixels and through the decoder's own shrinking, brought to 3 pixels: 16 over 3 is above 4.
  Stored jpeg;
  jpeg.data = file_bytes("data-path/grey.jpg");
  jpeg.codec = "jpeg";
  Stored raw;
  raw.height = 16;
  raw.width = 24;
  for (int y = 0; y < 16; ++y)
    for (int x = 0; x < 24; ++x) raw.data.push_back(static_cast<uint8_t>(y * 120 / 15 + x * 130 / 23));
  const auto data = dataset_of({{.images = {jpeg}}, {.images = {raw}}});
  Value options = small();
  options.set("size", 3);
  const auto a = pixels(read_one(*data, {input_of("image", options)}, 0, 0, 0, false));
  const auto b = pixels(read_one(*data, {input_of("image", options)}, 0, 1, 0, false));
  for (size_t i = 0; i < 9; ++i) EXPECT(std::abs(a[i] - b[i]) <= 4);
}

TEST("image: options that make no sense are named") {
  const auto with = [](const char* name, Value value) {
    Value options;
    options.set(name, std::move(value));
    return options;
  };
  EXPECT_THROWS(input_of("image", with("flip", 1.5)), "expected a probability for image.flip but got 1.5");
  EXPECT_THROWS(input_of("image", with("noise", -1)), "expected a probability for image.noise");
  EXPECT_THROWS(input_of("image", with("resize", 100)), "expected 0 or at least the size 224 for image.resize but got 100");
  EXPECT_THROWS(input_of("image", with("mean", Value::Array{1.0, 2.0})), "expected 1 or 3 numbers for image.mean but got 2");
  EXPECT_THROWS(input_of("image", with("cropScale", Value::Array{0.9, 0.1})), "image.cropScale");
  EXPECT_THROWS(input_of("image", with("sice", 3)), "expected an option of image but got 'sice'");
}

TEST("image: an earlier image takes the same crop and changes, may be dropped in training, and may not be there") {
  const auto data = dataset_of({{.images = {grey(40, 52)}}});
  Value options = small();
  options.set("cropScale", Value::Array{0.3, 0.9});
  options.set("flip", 0.5);
  options.set("affine", 1);
  options.set("noise", 1);
  const auto prior = [](const gd::Features& fields) {
    const auto* from = fields.at("prior").data_ptr<uint8_t>();
    return std::vector<uint8_t>(from, from + fields.at("prior").numel());
  };
  options.set("prior", "images");  // the same column: so both must come out alike
  const auto both = read_one(*data, {input_of("image", options)}, 0, 0);
  EXPECT(both.at("priorPresent").item<bool>() && prior(both) == pixels(both));
  options.set("priorDrop", 1);
  const auto dropped = read_one(*data, {input_of("image", options)}, 0, 0);
  EXPECT(!dropped.at("priorPresent").item<bool>() && dropped.at("present").item<bool>() && prior(dropped) != pixels(dropped));
  EXPECT(read_one(*data, {input_of("image", options)}, 0, 0, 0, false).at("priorPresent").item<bool>());
  options.set("prior", "prior_images");
  const auto without = read_one(*data, {input_of("image", options)}, 0, 0, 0, false);
  EXPECT(!without.at("priorPresent").item<bool>() && without.at("present").item<bool>());
}
