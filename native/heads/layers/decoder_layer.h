// The pre-norm decoder layer of DETR (Carion et al. 2020), with torch's parameter names:
//   x += drop(self-attention(norm1 x));  x += drop(cross-attention(norm2 x, memory));  x += drop(feed-forward(norm3 x))
// The memory is not normalised.
#pragma once

#include "heads/layers/attention.h"
#include "heads/layers/linear.h"
#include "heads/layers/norm.h"

namespace gd {

struct DecoderOptions {
  int64_t width = 0, heads = 0, hidden = 0;
  double dropout = 0;       // on attention weights, inside the feed-forward part, on the three branches
  double deviation = 0.02;  // of all weights at the start; biases of attention start at zero, the others as torch's
};

class DecoderLayer {
 public:
  DecoderLayer(const Scope& scope, const DecoderOptions& options);
  // x [B, Q, D], memory [B, N, D] → [B, Q, D]. `look`: what each query looks at, the mean over heads of the cross-attention
  // [B, Q, N], detached; null: not wanted, which is faster.
  Tensor operator()(const Tensor& x, const Tensor& memory, Pass& pass, Tensor* look) const;

 private:
  struct Attention {
    Tensor weight, bias;  // queries, keys and values, one below the other
    Linear out;
    Attention(const Scope& scope, const DecoderOptions& options);
  };
  DecoderOptions options_;
  Attention self_, cross_;
  Linear expand_, contract_;
  LayerNorm norm1_, norm2_, norm3_;
};

}  // namespace gd
