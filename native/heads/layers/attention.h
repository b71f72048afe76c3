// Scaled dot-product attention (Vaswani et al. 2017, eq. 1) for encoders, heads and learned objectives.
#pragma once

#include "core/pass.h"
#include "core/scope.h"

namespace gd {

// Which keys a query may look at.
struct Visibility {
  Tensor keys;          // from visible_keys(); undefined: all
  bool causal = false;  // query i sees keys 0 … i
};

// mask [B, S] bool, true where a token is real → [B, 1, 1, S]. A sample without any real token (an absent text) sees all
// its padding instead: a soft-max over nothing would be NaN and poison the gradients of the others.
Tensor visible_keys(const Tensor& mask);

// [B, T, H·d] → [B, H, T, d] and back.
Tensor split_heads(const Tensor& x, int64_t heads);
Tensor merge_heads(const Tensor& x);

// queries [B, H, T, d], keys and values [B, H, S, d] → [B, H, T, d]. `dropout`: on the attention weights, in training;
// without it the fused kernel runs.
Tensor attend(const Tensor& queries, const Tensor& keys, const Tensor& values, const Visibility& visibility, double dropout,
              Pass& pass);

}  // namespace gd
