// The transformer that compares an image with an earlier one (BioViL-T, Bannur et al. 2023, §3.1), with the parameter names of
// microsoft/hi-ml's VisionTransformerPooler.
#pragma once

#include "heads/layers/attention.h"
#include "heads/layers/linear.h"
#include "heads/layers/norm.h"

#include <vector>

namespace gd {

struct TemporalPoolerOptions {
  int64_t width = 256, depth = 3, heads = 8;
  double dropout = 0.1;  // on attention weights, after attention, twice in the feed-forward part, and on the tokens
  double drop_path = 0.25;
};

// [height · width, D] on the CPU, float32: sines and cosines of the row in the first half of the channels, of the column in the
// second, interleaved; places are numbered from 1 and scaled to 2π (Carion et al. 2020). D must be a multiple of 4.
Tensor sine_positions(int64_t height, int64_t width, int64_t channels);

class TemporalPooler {
 public:
  TemporalPooler(const Scope& scope, const TemporalPoolerOptions& options);
  // current and prior [B, N, D], places of one grid row by row → [B, N, D], of the current image's places. `prior` undefined: the
  // current image alone.
  Tensor operator()(const Tensor& current, const Tensor& prior, int64_t height, int64_t width, Pass& pass) const;

 private:
  struct Block {
    LayerNorm norm1, norm2;
    Linear queries, keys, values, out, expand, contract;
    Block(const Scope& scope, int64_t width);
  };
  Tensor run(const Block& block, const Tensor& x, const Tensor& place, Pass& pass) const;
  TemporalPoolerOptions options_;
  Tensor type_;
  std::vector<Block> blocks_;
  LayerNorm last_;
};

}  // namespace gd
