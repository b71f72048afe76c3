// Stored images → pixels. Raw pixels are used where they lie in the shard; JPEG, PNG and WebP go through libvips.
#pragma once

#include "data/dataset.h"

#include <memory>

namespace gd {

// Grey or RGB pixels, interleaved, of 8 or 16 bits. `pixels` points into the shard or into `owned`.
struct Picture {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 1;  // 1 or 3
  int64_t bits = 8;      // 8: uint8_t, 16: uint16_t
  double white = 255;    // the stored value that means full scale: 255, 65535, or 2^bits_stored − 1
  const void* pixels = nullptr;
  std::shared_ptr<const void> owned;
};

// One stored image, `images[i]` of a row; its size is known before any pixel is decoded.
class StoredImage {
 public:
  // Throws Error("bad-image") naming file, row and field: no bytes, unknown format, no pixels, more than 2^28 of them.
  explicit StoredImage(const Cell& image);
  ~StoredImage();
  int64_t height() const { return height_; }
  int64_t width() const { return width_; }
  // `shrink` (1, 2, 4 or 8): how much smaller the pixels may come; JPEGs decode so several times faster, all else ignores it.
  // Palettes are expanded, alpha is laid over black, CMYK becomes RGB, EXIF orientation is applied.
  // Throws Error("bad-image") for damaged or cut data.
  Picture decode(int64_t shrink = 1) const;

 private:
  Picture raw() const;
  Cell image_;
  std::span<const uint8_t> bytes_;
  bool raw_ = false;
  bool jpeg_ = false;
  int64_t height_ = 0;
  int64_t width_ = 0;
};

}  // namespace gd
