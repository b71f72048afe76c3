// Pairwise sigmoid contrast (SigLIP; Zhai et al. 2023, algorithm 1).
#include "kernels/sigmoid_contrast.h"
#include "core/parts.h"
#include "core/registry.h"
#include "objectives/pair.h"
#include "objectives/present.h"

#include <ATen/ATen.h>

#include <cmath>

namespace gd {
namespace {

// loss = −1/N Σ_ij log σ(y_ij (scale · a_i·b_j + bias)), y = +1 for partners, and for pairs that share a label where the relation
// is of labels; −1 else. The scores are never written out (kernels/sigmoid_contrast.h).
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

  Losses operator()(const Features& features, const Relation& relation, Pass& pass) override {
    const auto type = log_scale_.scalar_type();
    const Pair pair = read_pair(features, rows_, columns_, type, normalise_);
    const Tensor scale = log_scale_.exp();
    SigmoidContrastPlan plan;
    plan.row_there = present_of(features, rows_);
    plan.column_there = present_of(features, columns_);
    const bool identity = relation.kind == Relation::Kind::identity;
    if (identity) {
      expect_pairs(relation, pair);
      plan.row_partner = at::arange(pair.rows.size(0), plan.row_there.options().dtype(at::kLong));
    } else {
      plan.row_labels = relation.rows;
      plan.column_labels = relation.columns;
    }
    const SigmoidContrastTotal found = sigmoid_contrast(pair.rows, pair.columns, scale, bias_, plan, pass.group);
    const Tensor rows = (plan.row_there & plan.column_there.any()).to(type).sum().clamp_min(1);

    Losses losses;
    losses.add("sigmoid", found.total / rows);
    losses.measure("logitScale", scale);
    losses.measure("logitBias", bias_);
    if (identity) losses.measure("rowAccuracy", mean_over((found.row_rank == 1).to(type), found.row_rank > 0));
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
