#include "data/decode.h"

#include "core/error.h"
#include "data/mapped_file.h"

#include <vips/vips.h>

#include <algorithm>
#include <cstring>

namespace gd {

namespace {

constexpr int64_t kMostPixels = int64_t{1} << 28;  // a hostile header must not ask for all memory

// Decoding runs in the loader's threads, one picture a thread: libvips' own threads and its cache of operations only cost.
void start_vips() {
  static const bool started = [] {
    const bool ok = vips_init("gadolinium") == 0;
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    // Warnings about odd metadata of single files would flood standard error; what cannot be decoded is an exception.
    g_log_set_handler(
        "VIPS", G_LOG_LEVEL_WARNING, [](const char*, GLogLevelFlags, const char*, void*) {}, nullptr);
    return ok;
  }();
  expect(started, "no-decoder", "expected libvips to start but got: ", vips_error_buffer());
}

struct Unref {
  void operator()(VipsImage* image) const { g_object_unref(image); }
};
using Image = std::unique_ptr<VipsImage, Unref>;

[[noreturn]] void refuse(const Cell& cell) {
  char* copy = vips_error_buffer_copy();
  std::string reason(copy);
  g_free(copy);
  reason = reason.substr(0, reason.find('\n'));
  fail("bad-image", "expected a whole JPEG, PNG or WebP at ", cell.where(), " but got: ", reason.empty() ? "nothing" : reason);
}

Image load(const Cell& cell, std::span<const uint8_t> bytes, bool jpeg, int64_t shrink, VipsAccess access) {
  VipsImage* image = nullptr;
  void* data = const_cast<uint8_t*>(bytes.data());
  const uint8_t* magic = bytes.data();
  int failed = 0;
  if (jpeg)
    failed = vips_jpegload_buffer(data, bytes.size(), &image, "access", access, "shrink", static_cast<int>(shrink), "fail_on",
                                  VIPS_FAIL_ON_TRUNCATED, nullptr);
  else if (magic[0] == 0x89)
    failed = vips_pngload_buffer(data, bytes.size(), &image, "access", access, "fail_on", VIPS_FAIL_ON_TRUNCATED, nullptr);
  else
    failed = vips_webpload_buffer(data, bytes.size(), &image, "access", access, "fail_on", VIPS_FAIL_ON_TRUNCATED, nullptr);
  if (failed) refuse(cell);
  return Image(image);
}

// Replaces `image` by the result of a libvips operation.
template <class Operation>
void apply(const Cell& cell, Image& image, Operation operation) {
  VipsImage* out = nullptr;
  if (operation(image.get(), &out)) refuse(cell);
  image.reset(out);
}

struct UnrefRegion {
  void operator()(VipsRegion* region) const { g_object_unref(region); }
};

// All pixels, in C order, computed by this thread in strips from the top: libvips' own writer would start a worker thread for
// every picture.
std::shared_ptr<const void> pixels_of(const Cell& cell, VipsImage* image) {
  const int height = vips_image_get_height(image), width = vips_image_get_width(image);
  const size_t line = VIPS_IMAGE_SIZEOF_LINE(image);
  const std::unique_ptr<VipsRegion, UnrefRegion> region(vips_region_new(image));
  std::shared_ptr<uint8_t[]> out(new uint8_t[line * static_cast<size_t>(height)]);
  constexpr int strip = 64;
  for (int top = 0; top < height; top += strip) {
    const VipsRect part = {0, top, width, std::min(strip, height - top)};
    if (vips_region_prepare(region.get(), &part)) refuse(cell);
    for (int y = top; y < top + part.height; ++y)
      std::memcpy(out.get() + static_cast<size_t>(y) * line, VIPS_REGION_ADDR(region.get(), 0, y), line);
  }
  return {out, out.get()};
}

bool is_format(std::span<const uint8_t> bytes, size_t at, std::string_view magic) {
  return bytes.size() >= at + magic.size() && std::memcmp(bytes.data() + at, magic.data(), magic.size()) == 0;
}

}  // namespace

StoredImage::StoredImage(const Cell& image) : image_(image) {
  if (image.is_null() || !image.has("data") || image.field("data").is_null()) {
    const auto uri = image.is_null() ? std::string_view() : image.text("uri");
    fail("bad-image", "expected image bytes at ", image.where(), " but got none", uri.empty() ? "" : " (only the uri '", uri,
         uri.empty() ? "" : "'; prepare the data set with the images inside)");
  }
  const Cell data = image.field("data");
  bytes_ = data.bytes();
  expect(!bytes_.empty(), "bad-image", "expected image bytes at ", data.where(), " but got 0 bytes");
  will_need(bytes_);
  if (image.text("codec") == "raw") {
    raw_ = true;
    height_ = static_cast<int64_t>(image.number("height", 0));
    width_ = static_cast<int64_t>(image.number("width", 0));
  } else {
    jpeg_ = is_format(bytes_, 0, "\xFF\xD8");
    const bool known = jpeg_ || is_format(bytes_, 0, "\x89PNG") || (is_format(bytes_, 0, "RIFF") && is_format(bytes_, 8, "WEBP"));
    expect(known, "bad-image", "expected a JPEG, PNG or WebP at ", data.where(), " but got ", bytes_.size(),
           " bytes that begin otherwise (codec '", image.text("codec"), "')");
    start_vips();
    const Image header = load(data, bytes_, jpeg_, 1, VIPS_ACCESS_SEQUENTIAL);
    height_ = vips_image_get_height(header.get());
    width_ = vips_image_get_width(header.get());
    if (vips_image_get_orientation_swap(header.get())) std::swap(height_, width_);
  }
  expect(height_ > 0 && width_ > 0 && height_ <= kMostPixels && width_ <= kMostPixels / height_, "bad-image", "expected 1 to ",
         kMostPixels, " pixels at ", image.where(), " but got ", height_, "×", width_);
}

StoredImage::~StoredImage() = default;

Picture StoredImage::raw() const {
  Picture out;
  out.height = height_;
  out.width = width_;
  out.channels = static_cast<int64_t>(image_.number("channels", 1));
  expect(out.channels == 1 || out.channels == 3, "bad-image", "expected 1 or 3 channels at ", image_.where(), " but got ",
         out.channels);
  const auto dtype = image_.text("dtype");
  expect(dtype.empty() || dtype == "uint8" || dtype == "uint16", "bad-image", "expected uint8 or uint16 pixels at ",
         image_.where(), " but got '", dtype, "'; prepare the data set with a window");
  out.bits = dtype == "uint16" ? 16 : 8;
  const int64_t needed = out.height * out.width * out.channels * out.bits / 8;
  expect(static_cast<int64_t>(bytes_.size()) == needed, "bad-image", "expected ", needed, " bytes for ", out.height, "×",
         out.width, "×", out.channels, " ", out.bits, "-bit pixels at ", image_.where(), " but got ", bytes_.size());
  out.pixels = bytes_.data();
  if (out.bits == 16 && reinterpret_cast<uintptr_t>(bytes_.data()) % 2 != 0) {
    auto copy = std::make_shared<std::vector<uint16_t>>(bytes_.size() / 2);
    std::memcpy(copy->data(), bytes_.data(), bytes_.size());
    out.pixels = copy->data();
    out.owned = std::move(copy);
  }
  return out;
}

Picture StoredImage::decode(int64_t shrink) const {
  Picture out;
  if (raw_) {
    out = raw();
  } else {
    const Cell data = image_.field("data");
    // Sequential: rows are decoded as they are read. Turning a picture needs all of it at once.
    Image image = load(data, bytes_, jpeg_, shrink, VIPS_ACCESS_SEQUENTIAL);
    if (vips_image_get_orientation(image.get()) > 1) {
      image = load(data, bytes_, jpeg_, shrink, VIPS_ACCESS_RANDOM);
      apply(data, image, [](VipsImage* in, VipsImage** to) { return vips_autorot(in, to, nullptr); });
    }
    const VipsInterpretation meaning = vips_image_guess_interpretation(image.get());
    if (meaning != VIPS_INTERPRETATION_sRGB && meaning != VIPS_INTERPRETATION_B_W && meaning != VIPS_INTERPRETATION_RGB16 &&
        meaning != VIPS_INTERPRETATION_GREY16)
      apply(data, image,
            [](VipsImage* in, VipsImage** to) { return vips_colourspace(in, to, VIPS_INTERPRETATION_sRGB, nullptr); });
    if (vips_image_hasalpha(image.get()))
      apply(data, image, [](VipsImage* in, VipsImage** to) { return vips_flatten(in, to, nullptr); });
    const VipsBandFormat format = vips_image_get_format(image.get());
    out.channels = vips_image_get_bands(image.get());
    expect((format == VIPS_FORMAT_UCHAR || format == VIPS_FORMAT_USHORT) && (out.channels == 1 || out.channels == 3), "bad-image",
           "expected grey or RGB pixels of 8 or 16 bits at ", data.where(), " but got ", out.channels, " channels of the format ",
           vips_enum_nick(VIPS_TYPE_BAND_FORMAT, format));
    out.bits = format == VIPS_FORMAT_UCHAR ? 8 : 16;
    out.height = vips_image_get_height(image.get());
    out.width = vips_image_get_width(image.get());
    out.owned = pixels_of(data, image.get());
    out.pixels = out.owned.get();
  }
  // 16 bits are scaled over their full range, never cut: by what the file says is stored, else by the type's range.
  const auto stored = static_cast<int64_t>(image_.number("bits_stored", 0));
  out.white = out.bits == 8 ? 255 : stored >= 9 && stored < 16 ? static_cast<double>((1 << stored) - 1) : 65535;
  return out;
}

}  // namespace gd
