// The image that every image encoder starts from.
#pragma once

#include "core/features.h"

namespace gd {

// fields "pixels" [B, C, H, W] → [B, channels, H, W] of `like`'s type, laid out for the convolutions. Grey images are
// repeated for an encoder of colour images; anything else that does not fit throws Error("bad-pixels").
Tensor pixels_of(const Features& fields, int64_t channels, const Tensor& like);

// Positional embedding of a grid [side · side, D] → [height · width, D], bicubic with anti-aliasing, as timm and open_clip
// adapt theirs to another image size. Returns the embedding itself when the sizes agree.
Tensor resize_grid(const Tensor& embedding, int64_t side, int64_t height, int64_t width);

}  // namespace gd
