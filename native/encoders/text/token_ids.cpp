#include "encoders/text/token_ids.h"

#include "core/error.h"

#include <ATen/ATen.h>

namespace gd {

TokenIds token_ids_of(const Features& fields, int64_t pad, int64_t longest) {
  const Tensor& ids = fields.at("ids");
  expect(ids.dim() == 2 && ids.size(1) <= longest, "bad-tokens", "expected token ids [B, T] with T of at most ", longest,
         " for the text encoder but got ", ids.sizes());
  const Tensor* given = fields.find("mask");
  expect(!given || given->sizes() == ids.sizes(), "bad-tokens", "expected a mask of shape ", ids.sizes(),
         " for the text encoder but got ", given ? given->sizes() : ids.sizes());
  return {ids.to(at::kLong), given ? given->to(at::kBool) : ids.ne(pad)};
}

}  // namespace gd
