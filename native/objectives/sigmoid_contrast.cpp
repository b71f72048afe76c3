// Pairwise sigmoid contrast (SigLIP; Zhai et al. 2023, algorithm 1).
#include "core/parts.h"
#include "core/registry.h"
#include "objectives/pair.h"
#include "objectives/present.h"

#include <ATen/ATen.h>

#include <cmath>

namespace gd {
namespace {

// loss = −1/N Σ_ij log σ(y_ij (scale · a_i·b_j + bias)), y = +1 for partners, −1 else.
struct SigmoidContrast : Objective {
  static constexpr const char* help =
      "Pairwise sigmoid contrast of two global features with learned scale and bias (SigLIP, Zhai et al. 2023)";
  static OptionList options() {
    return {feature_option("rows", "image.global", "features [B, D] of the row modality"),
            feature_option("columns", "text.global", "features [B, D] of the column modality"),
            number_option("temperature", 0.1, "initial temperature; the logit scale is its inverse"),
            number_option("bias", -10, "initial bias: most pairs are negatives"),
            flag_option("normalise", true, "scale both features to unit length first")};
  }

  static Example example() { return gd::example({{"bias", -1}}, {{"image.global", {5}}, {"text.global", {5}}}); }

  SigmoidContrast(Scope scope, const Options& options)
      : rows_(options.text("rows")),
        columns_(options.text("columns")),
        normalise_(options.flag("normalise")),
        log_scale_(scope.parameter("logit_scale", {}, Init::value(std::log(1 / options.number("temperature"))))),
        bias_(scope.parameter("logit_bias", {}, Init::value(options.number("bias")))) {}

  Losses operator()(const Features& features, const Relation& relation, Pass&) override {
    const auto type = log_scale_.scalar_type();
    const Pair pair = read_pair(features, rows_, columns_, type, normalise_);
    const Tensor scale = log_scale_.exp();
    const Tensor z = at::matmul(pair.rows * scale, pair.columns.t()) + bias_;
    const Tensor partners = relation.row_targets(z.size(0), z.size(1), z.detach()) > 0;
    const Tensor sign = at::where(partners, at::ones_like(z), -at::ones_like(z)).detach();
    const Tensor there = present_of(features, rows_).unsqueeze(1) & present_of(features, columns_).unsqueeze(0);
    const Tensor each = at::where(there, -at::log_sigmoid(sign * z), at::zeros_like(z));
    const Tensor rows = there.any(1).to(type).sum().clamp_min(1);

    Losses losses;
    losses.add("sigmoid", each.sum() / rows);
    losses.measure("logitScale", scale);
    losses.measure("logitBias", bias_);
    if (relation.kind == Relation::Kind::identity) {
      const Tensor own = at::arange(z.size(0), z.options().dtype(at::kLong).requires_grad(false));
      losses.measure("rowAccuracy", (z.argmax(1) == own).to(type).mean());
    }
    return losses;
  }

 private:
  const std::string rows_, columns_;
  const bool normalise_;
  Tensor log_scale_, bias_;
};

}  // namespace

GD_REGISTER(Objective, "sigmoid-contrast", SigmoidContrast)

}  // namespace gd
