// The text that every text encoder starts from.
#pragma once

#include "core/features.h"

namespace gd {

struct TokenIds {
  Tensor ids;   // [B, T] int64
  Tensor mask;  // [B, T] bool, true where a token is real
};

// fields "ids" [B, T] and, where given, "mask" [B, T]; without one, every token but `pad` is real.
// Throws Error("bad-tokens") for another shape or more than `longest` tokens.
TokenIds token_ids_of(const Features& fields, int64_t pad, int64_t longest);

}  // namespace gd
