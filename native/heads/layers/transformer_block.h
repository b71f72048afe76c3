// The pre-norm transformer block of vision transformers and of CLIP's text tower:
//   x += drop_path(scale · attention(norm x));  x += drop_path(scale · feed_forward(norm x))
#pragma once

#include "heads/layers/activation.h"
#include "heads/layers/attention.h"
#include "heads/layers/linear.h"
#include "heads/layers/norm.h"

#include <optional>

namespace gd {

// Which implementation's parameter names, and how its parameters start.
enum class BlockKeys { timm, open_clip };

struct BlockInit {
  Init qkv, out, expand, contract;
  std::optional<Init> expand_bias, contract_bias;  // the other biases start at zero

  static BlockInit timm();                                        // normal, deviation 0.02
  static BlockInit torch_default(int64_t width, int64_t hidden);  // torch's defaults: open_clip's image tower
  static BlockInit clip_text(int64_t width, int64_t hidden, int64_t layers);
};

struct BlockOptions {
  int64_t width = 0, heads = 0, hidden = 0;
  BlockKeys keys = BlockKeys::timm;
  BlockInit init;
  Activation activation = Activation::gelu;
  double eps = 1e-6;
  bool qkv_bias = true;
  double layer_scale = 0;  // start of the learned scale of each branch (Touvron et al. 2021); 0: none
  double dropout = 0;      // after attention, inside and after the feed-forward part
  double attention_dropout = 0;
  double drop_path = 0;
};

class TransformerBlock {
 public:
  TransformerBlock(const Scope& scope, const BlockOptions& options);
  // x [B, T, D]. With pass.recompute only x is kept for the backward; the block must outlive it.
  Tensor operator()(const Tensor& x, const Visibility& visibility, Pass& pass) const;

 private:
  struct Names;
  TransformerBlock(const Scope& scope, const BlockOptions& options, const Names& names);
  Tensor run(const Tensor& x, const Visibility& visibility, Pass& pass) const;

  BlockOptions options_;
  LayerNorm norm1_;
  Tensor qkv_weight_, qkv_bias_;
  Linear out_;
  Tensor scale1_;
  LayerNorm norm2_;
  Linear expand_, contract_;
  Tensor scale2_;
  std::vector<Tensor> parameters_;
};

}  // namespace gd
