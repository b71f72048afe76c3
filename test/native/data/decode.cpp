#include "data/decode.h"

#include "data/shard_builder.h"
#include "test.h"

using namespace native_test;

namespace {

Stored stored_file(const std::string& name, const std::string& codec) {
  Stored out;
  out.data = file_bytes("data-path/" + name);
  out.codec = codec;
  return out;
}

gd::Picture decoded(const Stored& image, int64_t shrink = 1) {
  const auto data = dataset_of({{.images = {image}}});
  gd::Picture picture = gd::StoredImage(data->cell(0, "images").item(0)).decode(shrink);
  if (!picture.owned) {  // the data set goes: keep the pixels
    const auto* bytes = static_cast<const uint8_t*>(picture.pixels);
    auto copy = std::make_shared<std::vector<uint8_t>>(
        bytes, bytes + picture.height * picture.width * picture.channels * picture.bits / 8);
    picture.pixels = copy->data();
    picture.owned = copy;
  }
  return picture;
}

double level(const gd::Picture& picture, size_t i) {
  return picture.bits == 8 ? static_cast<const uint8_t*>(picture.pixels)[i] : static_cast<const uint16_t*>(picture.pixels)[i];
}

}  // namespace

TEST("decode: every kind of picture gives Pillow's pixels") {
  const auto bytes = file_bytes("data-path/numbers.json");
  const Value numbers = Value::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  for (const auto& [name, wanted] : numbers.at("pictures").object()) {
    const gd::Picture picture = decoded(stored_file(name, name.find("jpg") != std::string::npos ? "jpeg" : "png"));
    const auto& shape = wanted.at("shape").array();
    const int64_t channels = shape.size() == 3 ? shape[2].integer() : 1;
    EXPECT(picture.height == shape[0].integer() && picture.width == shape[1].integer());
    EXPECT(picture.channels == channels);
    // Two decoders' inverse transforms may differ by a level or two; colours of CMYK depend on the profile, and it is enough
    // that they are not the negative ones.
    const double tolerance = name == "cmyk.jpg" ? 255 : name.find("jpg") != std::string::npos ? 3 : 0;
    double worst = 0, mean = 0;
    const auto& values = wanted.at("values").array();
    for (size_t i = 0; i < values.size(); ++i) {
      const double difference = std::abs(level(picture, i) - values[i].number());
      worst = std::max(worst, difference);
      mean += difference / static_cast<double>(values.size());
    }
    if (worst > tolerance) std::printf("  %s: worst %g, mean %g\n", name.c_str(), worst, mean);
    EXPECT(worst <= tolerance && mean <= 30);
  }
}

TEST("decode: 16 bits keep their range") {
  const gd::Picture deep = decoded(stored_file("grey16.png", "png"));
  EXPECT(deep.bits == 16 && deep.white == 65535);
  Stored twelve = stored_file("grey16.png", "png");
  twelve.bits_stored = 12;
  EXPECT(decoded(twelve).white == 4095);
  // Through the input: the darkest stays dark, the brightest (65,493 of 65,535) becomes white, nothing is cut.
  const auto data = dataset_of({{.images = {stored_file("grey16.png", "png")}}});
  Value options;
  options.set("size", 16);
  options.set("stretch", true);
  const auto out = read_one(*data, {input_of("image", options)}, 0, 0, 0, false);
  const auto* pixels = out.at("pixels").data_ptr<uint8_t>();
  EXPECT(pixels[0] < 4 && pixels[255] > 250 && pixels[128] > 120 && pixels[128] < 136);
}

TEST("decode: raw pixels lie where the shard has them; wrong sizes are named") {
  Stored image = grey(5, 6);
  const auto data = dataset_of({{.images = {image}}});
  const gd::Cell cell = data->cell(0, "images").item(0);
  EXPECT(gd::StoredImage(cell).decode().pixels == cell.field("data").bytes().data());
  image.height = 7;
  EXPECT_THROWS(decoded(image), "expected 42 bytes for 7×6×1 8-bit pixels at memory.arrow row 0");
  image.height = 0;
  EXPECT_THROWS(decoded(image), "pixels");
  image = grey(5, 6);
  image.dtype = "float32";
  EXPECT_THROWS(decoded(image), "expected uint8 or uint16 pixels");
}

TEST("decode: no bytes, other bytes and cut files are refused with a sentence") {
  Stored image;
  image.codec = "png";
  EXPECT_THROWS(decoded(image), "got 0 bytes");
  image.codec = "none";
  EXPECT_THROWS(decoded(image), "but got none");
  image.codec = "jpeg";
  image.data = {'h', 'e', 'l', 'l', 'o'};
  EXPECT_THROWS(decoded(image), "expected a JPEG, PNG or WebP");
  for (const char* name : {"colour.jpg", "progressive.jpg", "palette.png", "grey16.png", "picture.webp"}) {
    const Stored whole = stored_file(name, "jpeg");
    int refused = 0;
    for (size_t part = 1; part < 50; ++part) {
      Stored cut = whole;
      cut.data.resize(whole.data.size() * part / 50);
      try {
        decoded(cut);
      } catch (const gd::Error& error) {
        EXPECT(error.code == "bad-image");
        ++refused;
      }
    }
    // A file that lacks only its closing marks may still be whole in its pixels.
    if (refused < 45) std::printf("  %s: %d of 49 refused\n", name, refused);
    EXPECT(refused >= 45);
    // Flipped bytes: anything but a crash.
    for (size_t i = 0; i < whole.data.size(); i += 3) {
      Stored flipped = whole;
      flipped.data[i] ^= 0xA5;
      try {
        decoded(flipped);
      } catch (const gd::Error& error) {
        EXPECT(error.code == "bad-image");
      }
    }
  }
}
