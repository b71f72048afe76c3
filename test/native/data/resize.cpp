#include "data/resize.h"

#include "data/augment.h"
#include "data/crop.h"
#include "data/shard_builder.h"
#include "test.h"

using namespace native_test;

namespace {

const Value& expected() {
  static const Value value = [] {
    const auto bytes = file_bytes("data-path/numbers.json");
    return Value::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }();
  return value;
}

double worst(const std::vector<float>& got, const Value& wanted) {
  double worst = got.size() == wanted.array().size() ? 0 : 1e9;
  for (size_t i = 0; i < got.size() && worst < 1e9; ++i) worst = std::max(worst, std::abs(got[i] - wanted.array()[i].number()));
  return worst;
}

std::vector<float> floats(const Stored& picture) { return {picture.data.begin(), picture.data.end()}; }

}  // namespace

TEST("resize: equals torch's antialiased bilinear in float, and Pillow's to the rounding between its passes") {
  for (const Value& one : expected().at("resize").array()) {
    const auto n = [&](const char* name, size_t i) { return one.at(name).array()[i].integer(); };
    const Stored source =
        grey(static_cast<int32_t>(n("source", 0)), static_cast<int32_t>(n("source", 1)), static_cast<uint32_t>(n("source", 2)));
    const int64_t height = n("to", 0), width = n("to", 1);
    const gd::ResizeAxis y{double(n("box", 0)), double(n("box", 2)), n("box", 0), n("box", 0) + n("box", 2), height, 0, height};
    const gd::ResizeAxis x{double(n("box", 1)), double(n("box", 3)), n("box", 1), n("box", 1) + n("box", 3), width, 0, width};
    std::vector<float> exact(static_cast<size_t>(height * width));
    gd::resize<uint8_t, float>(source.data.data(), source.width, 1, y, x, 1, exact.data());
    EXPECT_CLOSE(worst(exact, one.at("torch")), 0.0, 2e-3);
    std::vector<uint8_t> rounded(exact.size());
    gd::resize<uint8_t, uint8_t>(source.data.data(), source.width, 1, y, x, 1, rounded.data());
    EXPECT(worst({rounded.begin(), rounded.end()}, one.at("pillow")) <= 1);
    // A window is the same part of the same result; mirrored, it is written from its end.
    gd::ResizeAxis part_y = y, part_x = x;
    part_y.first = height / 3;
    part_y.count = height - height / 3;
    part_x.first = width / 4;
    part_x.count = width / 2;
    part_x.mirrored = true;
    std::vector<float> part(static_cast<size_t>(part_y.count * part_x.count));
    gd::resize<uint8_t, float>(source.data.data(), source.width, 1, part_y, part_x, 1, part.data());
    double difference = 0;
    for (int64_t i = 0; i < part_y.count; ++i)
      for (int64_t j = 0; j < part_x.count; ++j)
        difference =
            std::max<double>(difference, std::abs(part[static_cast<size_t>(i * part_x.count + part_x.count - 1 - j)] -
                                                  exact[static_cast<size_t>((i + part_y.first) * width + j + part_x.first)]));
    EXPECT_CLOSE(difference, 0.0, 1e-4);
  }
}

TEST("resize: colour is three grey pictures, 16 bits are 8 bits of more levels") {
  const Stored a = grey(37, 29, 1), b = grey(37, 29, 2), c = grey(37, 29, 3);
  std::vector<uint8_t> rgb;
  std::vector<uint16_t> deep;
  for (size_t i = 0; i < a.data.size(); ++i) {
    rgb.insert(rgb.end(), {a.data[i], b.data[i], c.data[i]});
    deep.push_back(static_cast<uint16_t>(a.data[i] * 257));
  }
  const gd::ResizeAxis y{0, 37, 0, 37, 19, 0, 19}, x{0, 29, 0, 29, 23, 0, 23, true};
  std::vector<float> all(19 * 23 * 3), one(19 * 23);
  gd::resize<uint8_t, float>(rgb.data(), 29 * 3, 3, y, x, 1, all.data());
  for (size_t channel = 0; channel < 3; ++channel) {
    const Stored& source = channel == 0 ? a : channel == 1 ? b : c;
    gd::resize<uint8_t, float>(source.data.data(), 29, 1, y, x, 1, one.data());
    for (size_t i = 0; i < one.size(); ++i) EXPECT_CLOSE(one[i], all[3 * i + channel], 1e-4);
  }
  std::vector<float> scaled(19 * 23);
  gd::resize<uint16_t, float>(deep.data(), 29, 1, y, x, 255.0f / 65535, scaled.data());
  gd::resize<uint8_t, float>(a.data.data(), 29, 1, y, x, 1, one.data());
  for (size_t i = 0; i < one.size(); ++i) EXPECT_CLOSE(one[i], scaled[i], 1e-4);
}

TEST("resize: pictures of one pixel, one row and one column") {
  for (const auto& [h, w] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {1, 300}, {300, 1}, {2, 3}}) {
    const std::vector<uint8_t> source(static_cast<size_t>(h * w), 77);
    std::vector<uint8_t> out(17 * 13);
    gd::resize<uint8_t, uint8_t>(source.data(), w, 1, {0, double(h), 0, h, 17, 0, 17}, {0, double(w), 0, w, 13, 0, 13}, 1,
                                 out.data());
    for (const uint8_t level : out) EXPECT(level == 77);
  }
}

TEST("image: evaluation is torchvision's resize of the shorter side and centre crop") {
  const auto data = dataset_of({{.images = {grey(60, 83, 3)}}, {.images = {grey(83, 60, 5)}}});
  for (const auto& [row, size, name] :
       std::vector<std::tuple<int64_t, int64_t, const char*>>{{0, 28, "evaluate"}, {1, 29, "evaluate_tall"}}) {
    Value options;
    options.set("size", size);
    options.set("resize", 40);
    const auto out = read_one(*data, {input_of("image", options)}, 0, row, 0, false);
    const auto* pixels = out.at("pixels").data_ptr<uint8_t>();
    EXPECT(worst({pixels, pixels + size * size}, expected().at(name)) <= 1);
  }
}

TEST("augment: affine and blur equal torchvision's") {
  std::vector<float> picture = floats(grey(33, 33, 9));
  gd::warp({33, 1, picture.data()}, {.rotate = 17, .shift_x = 3.0 / 33, .shift_y = -2.0 / 33, .zoom = 1.2}, 0);
  EXPECT_CLOSE(worst(picture, expected().at("affine")), 0.0, 0.05);
  picture = floats(grey(33, 33, 9));
  gd::blur({33, 1, picture.data()}, 2);
  std::vector<float> middle;
  for (size_t y = 8; y < 25; ++y) middle.insert(middle.end(), &picture[y * 33 + 8], &picture[y * 33 + 25]);
  EXPECT_CLOSE(worst(middle, expected().at("blur")), 0.0, 1e-3);
}

TEST("augment: equalising spreads a narrow range and keeps the order of levels with one tile") {
  std::vector<float> picture(64 * 64);
  for (size_t i = 0; i < picture.size(); ++i) picture[i] = 100 + static_cast<float>(i % 64) / 4;
  const auto before = picture;
  gd::equalise({64, 1, picture.data()}, 1, 256);
  EXPECT(*std::max_element(picture.begin(), picture.end()) > 250);
  EXPECT(*std::min_element(picture.begin(), picture.end()) < 20);
  for (size_t i = 0; i + 1 < 64; ++i) EXPECT(picture[i] <= picture[i + 1]);
  // A limit of 1 leaves every bin at the mean: nothing changes but the rounding of bins.
  auto limited = before;
  gd::equalise({64, 1, limited.data()}, 4, 1);
  for (size_t i = 0; i < limited.size(); ++i) EXPECT(std::abs(limited[i] - before[i]) < 12);
}
