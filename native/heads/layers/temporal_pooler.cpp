#include "heads/layers/temporal_pooler.h"

#include "core/error.h"
#include "kernels/dropout.h"

#include <ATen/ATen.h>

#include <cmath>
#include <numbers>

namespace gd {
namespace {

constexpr double eps = 1e-6;

Linear linear_of(const Scope& scope, int64_t width, bool bias) {
  return Linear(scope, width, width, Init::truncated(0.02), bias ? std::optional(Init::zeros()) : std::nullopt);
}

}  // namespace

Tensor sine_positions(int64_t height, int64_t width, int64_t channels) {
  expect(channels > 0 && channels % 4 == 0, "bad-option", "expected a multiple of 4 for the pooler's width but got ", channels);
  const int64_t half = channels / 2;
  const Tensor out = at::empty({height * width, channels}, at::kFloat);
  float* to = out.mutable_data_ptr<float>();
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      for (int64_t c = 0; c < channels; ++c) {
        const auto [place, extent] = c < half ? std::pair(y, height) : std::pair(x, width);
        const auto i = static_cast<double>(c % half / 2 * 2);
        const double angle = static_cast<double>(place + 1) / (static_cast<double>(extent) + 1e-6) * 2 * std::numbers::pi /
                             std::pow(10000.0, i / static_cast<double>(half));
        *to++ = static_cast<float>(c % 2 == 0 ? std::sin(angle) : std::cos(angle));
      }
  return out;
}

TemporalPooler::Block::Block(const Scope& scope, int64_t width)
    : norm1(scope / "norm1", width, eps),
      norm2(scope / "norm2", width, eps),
      queries(linear_of(scope / "attn.proj_q", width, false)),
      keys(linear_of(scope / "attn.proj_k", width, false)),
      values(linear_of(scope / "attn.proj_v", width, false)),
      out(linear_of(scope / "attn.proj", width, true)),
      expand(linear_of(scope / "mlp.fc1", width, true)),
      contract(linear_of(scope / "mlp.fc2", width, true)) {}

TemporalPooler::TemporalPooler(const Scope& scope, const TemporalPoolerOptions& options)
    : options_(options),
      type_(scope.parameter("type_embed", {2, 1, options.width}, Init::truncated(0.02))),
      last_(scope / "norm_post", options.width, eps) {
  expect(options.heads > 0 && options.width % options.heads == 0, "bad-option",
         "expected a pooler width that is a multiple of its heads but got ", options.width, " and ", options.heads);
  for (int64_t i = 0; i < options.depth; ++i) blocks_.emplace_back(scope / ("blocks." + std::to_string(i)), options.width);
}

Tensor TemporalPooler::operator()(const Tensor& current, const Tensor& prior, int64_t height, int64_t width, Pass& pass) const {
  const Tensor sines = sine_positions(height, width, options_.width).to(current.device(), type_.scalar_type());
  Tensor x = current, place = sines + type_[0];
  if (prior.defined()) {
    x = at::cat({current, prior}, 1);
    place = at::cat({place, sines + type_[1]}, 0);
  }
  x = dropout(x, options_.dropout, pass);
  for (const Block& block : blocks_) x = run(block, x, place, pass);
  return last_(x).narrow(1, 0, current.size(1));
}

// Place and type go into the values too, as in the authors' code; the paper adds them to queries and keys alone.
Tensor TemporalPooler::run(const Block& block, const Tensor& x, const Tensor& place, Pass& pass) const {
  const int64_t heads = options_.heads;
  const Tensor h = block.norm1(x) + place;
  const Tensor mixed = attend(split_heads(block.queries(h), heads), split_heads(block.keys(h), heads),
                              split_heads(block.values(h), heads), {}, options_.dropout, pass);
  const Tensor middle = x + drop_path(dropout(block.out(merge_heads(mixed)), options_.dropout, pass), options_.drop_path, pass);
  const Tensor hidden = dropout(at::gelu(block.expand(block.norm2(middle))), options_.dropout, pass);
  return middle + drop_path(dropout(block.contract(hidden), options_.dropout, pass), options_.drop_path, pass);
}

}  // namespace gd
