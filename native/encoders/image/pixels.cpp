#include "encoders/image/pixels.h"

#include "core/error.h"

#include <ATen/ATen.h>

namespace gd {

Tensor pixels_of(const Features& fields, int64_t channels, const Tensor& like) {
  Tensor pixels = fields.at("pixels");
  expect(pixels.dim() == 4 && (pixels.size(1) == channels || pixels.size(1) == 1), "bad-pixels", "expected pixels [B, ", channels,
         ", H, W] for the image encoder but got ", pixels.sizes());
  pixels = pixels.to(like.scalar_type());
  if (pixels.size(1) != channels) pixels = pixels.expand({-1, channels, -1, -1});
  return pixels.contiguous(like.suggest_memory_format());
}

Tensor resize_grid(const Tensor& embedding, int64_t side, int64_t height, int64_t width) {
  if (height == side && width == side) return embedding;
  const Tensor grid = embedding.view({1, side, side, -1}).permute({0, 3, 1, 2});
  return at::_upsample_bicubic2d_aa(grid, {height, width}, /*align_corners=*/false)
      .permute({0, 2, 3, 1})
      .reshape({height * width, -1});
}

}  // namespace gd
