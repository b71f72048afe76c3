#include "heads/layers/transformer_block.h"

#include "core/error.h"
#include "core/recompute.h"
#include "kernels/dropout.h"

#include <ATen/ATen.h>

#include <cmath>

namespace gd {

// timm cuts its normal at ±2, which at a deviation of 0.02 is no cut at all.
BlockInit BlockInit::timm() {
  const Init normal = Init::gaussian(0.02);
  return {normal, normal, normal, normal, Init::zeros(), Init::zeros()};
}

BlockInit BlockInit::torch_default(int64_t width, int64_t hidden) {
  return {Init::xavier(width, 3 * width), Init::fan_in(width), Init::fan_in(width),
          Init::fan_in(hidden),           Init::fan_in(width), Init::fan_in(hidden)};
}

BlockInit BlockInit::clip_text(int64_t width, int64_t hidden, int64_t layers) {
  const double d = static_cast<double>(width);
  const Init into = Init::gaussian(1 / std::sqrt(d * 2 * static_cast<double>(layers)));  // onto the residual stream
  return {Init::gaussian(1 / std::sqrt(d)),
          into,
          Init::gaussian(1 / std::sqrt(2 * d)),
          into,
          Init::fan_in(width),
          Init::fan_in(hidden)};
}

struct TransformerBlock::Names {
  const char *norm1, *qkv_weight, *qkv_bias, *out, *scale1, *norm2, *expand, *contract, *scale2;

  static const Names& of(BlockKeys keys) {
    static const Names timm{"norm1", "attn.qkv.weight", "attn.qkv.bias", "attn.proj", "ls1.gamma",
                            "norm2", "mlp.fc1",         "mlp.fc2",       "ls2.gamma"};
    static const Names open_clip{"ln_1",     "attn.in_proj_weight", "attn.in_proj_bias", "attn.out_proj", "ls_1.gamma", "ln_2",
                                 "mlp.c_fc", "mlp.c_proj",          "ls_2.gamma"};
    return keys == BlockKeys::timm ? timm : open_clip;
  }
};

TransformerBlock::TransformerBlock(const Scope& scope, const BlockOptions& options)
    : TransformerBlock(scope, options, Names::of(options.keys)) {}

TransformerBlock::TransformerBlock(const Scope& scope, const BlockOptions& o, const Names& names)
    : options_(o),
      norm1_(scope / names.norm1, o.width, o.eps),
      qkv_weight_(scope.parameter(names.qkv_weight, {3 * o.width, o.width}, o.init.qkv)),
      qkv_bias_(o.qkv_bias ? scope.parameter(names.qkv_bias, {3 * o.width}, Init::zeros()) : Tensor()),
      out_(scope / names.out, o.width, o.width, o.init.out, Init::zeros()),
      scale1_(o.layer_scale != 0 ? scope.parameter(names.scale1, {o.width}, Init::value(o.layer_scale)) : Tensor()),
      norm2_(scope / names.norm2, o.width, o.eps),
      expand_(scope / names.expand, o.width, o.hidden, o.init.expand, o.init.expand_bias),
      contract_(scope / names.contract, o.hidden, o.width, o.init.contract, o.init.contract_bias),
      scale2_(o.layer_scale != 0 ? scope.parameter(names.scale2, {o.width}, Init::value(o.layer_scale)) : Tensor()),
      parameters_(scope.parameters()) {
  expect(o.heads > 0 && o.width % o.heads == 0, "bad-option", "expected a width that is a multiple of the heads but got ",
         o.width, " and ", o.heads);
}

Tensor TransformerBlock::operator()(const Tensor& x, const Visibility& visibility, Pass& pass) const {
  return recompute(x, pass, parameters_, [this, visibility](const Tensor& in, Pass& p) { return run(in, visibility, p); });
}

Tensor TransformerBlock::run(const Tensor& x, const Visibility& visibility, Pass& pass) const {
  const auto add = [&](const Tensor& to, const Tensor& branch, const Tensor& scale) {
    return to + drop_path(scale.defined() ? branch * scale : branch, options_.drop_path, pass);
  };
  const int64_t b = x.size(0), t = x.size(1), h = options_.heads;
  const auto qkv =
      linear(norm1_(x), qkv_weight_, qkv_bias_).view({b, t, 3, h, options_.width / h}).permute({2, 0, 3, 1, 4}).unbind(0);
  Tensor mixed = attend(qkv[0], qkv[1], qkv[2], visibility, options_.attention_dropout, pass);
  mixed = dropout(out_(merge_heads(mixed)), options_.dropout, pass);
  const Tensor middle = add(x, mixed, scale1_);
  const Tensor hidden = dropout(activate(options_.activation, expand_(norm2_(middle))), options_.dropout, pass);
  return add(middle, dropout(contract_(hidden), options_.dropout, pass), scale2_);
}

}  // namespace gd
