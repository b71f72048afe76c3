#include "heads/layers/decoder_layer.h"

#include "core/error.h"
#include "kernels/dropout.h"

#include <ATen/ATen.h>

#include <cmath>

namespace gd {

DecoderLayer::Attention::Attention(const Scope& scope, const DecoderOptions& o)
    : weight(scope.parameter("in_proj_weight", {3 * o.width, o.width}, Init::gaussian(o.deviation))),
      bias(scope.parameter("in_proj_bias", {3 * o.width}, Init::zeros())),
      out(scope / "out_proj", o.width, o.width, Init::gaussian(o.deviation), Init::zeros()) {}

DecoderLayer::DecoderLayer(const Scope& scope, const DecoderOptions& o)
    : options_(o),
      self_(scope / "self_attn", o),
      cross_(scope / "multihead_attn", o),
      expand_(scope / "linear1", o.width, o.hidden, Init::gaussian(o.deviation), Init::fan_in(o.width)),
      contract_(scope / "linear2", o.hidden, o.width, Init::gaussian(o.deviation), Init::fan_in(o.hidden)),
      norm1_(scope / "norm1", o.width, 1e-5),
      norm2_(scope / "norm2", o.width, 1e-5),
      norm3_(scope / "norm3", o.width, 1e-5) {
  expect(o.heads > 0 && o.width % o.heads == 0, "bad-option", "expected a width that is a multiple of the heads but got ",
         o.width, " and ", o.heads);
}

Tensor DecoderLayer::operator()(const Tensor& x, const Tensor& memory, Pass& pass, Tensor* look) const {
  const int64_t d = options_.width, heads = options_.heads;
  const auto add = [&](const Tensor& to, const Tensor& branch) { return to + dropout(branch, options_.dropout, pass); };

  const auto own = linear(norm1_(x), self_.weight, self_.bias).chunk(3, -1);
  const Tensor mixed =
      attend(split_heads(own[0], heads), split_heads(own[1], heads), split_heads(own[2], heads), {}, options_.dropout, pass);
  const Tensor among = add(x, self_.out(merge_heads(mixed)));

  const Tensor queries = split_heads(linear(norm2_(among), cross_.weight.narrow(0, 0, d), cross_.bias.narrow(0, 0, d)), heads);
  const auto places = linear(memory, cross_.weight.narrow(0, d, 2 * d), cross_.bias.narrow(0, d, 2 * d)).chunk(2, -1);
  const Tensor keys = split_heads(places[0], heads), values = split_heads(places[1], heads);
  Tensor seen;
  if (look) {
    const Tensor scores = at::matmul(queries, keys.transpose(-2, -1)) * (1 / std::sqrt(static_cast<double>(d / heads)));
    const Tensor weights =
        dropout(at::softmax(scores, -1, at::promote_types(scores.scalar_type(), at::kFloat)), options_.dropout, pass);
    *look = weights.detach().mean(1);
    seen = at::matmul(weights.to(values.scalar_type()), values);
  } else {
    seen = attend(queries, keys, values, {}, options_.dropout, pass);
  }
  const Tensor informed = add(among, cross_.out(merge_heads(seen)));

  const Tensor hidden = dropout(at::relu(expand_(norm3_(informed))), options_.dropout, pass);
  return add(informed, contract_(hidden));
}

}  // namespace gd
