// Pairwise sigmoid contrast (SigLIP; Zhai et al. 2023, algorithm 1).
#include "kernels/sigmoid_contrast.h"
#include "core/group.h"
#include "core/parts.h"
#include "core/registry.h"
#include "kernels/row_share.h"
#include "objectives/pair.h"
#include "objectives/present.h"

#include <ATen/ATen.h>

#include <cmath>

namespace gd {
namespace {

// loss = −1/N Σ_ij log σ(y_ij (scale · a_i·b_j + bias)), y = +1 for partners, for pairs that share a label where the relation is of
// labels, and for listed pairs (without the neutral ones); −1 else. The scores are never written out (kernels/sigmoid_contrast.h).
struct SigmoidContrast : Objective {
  static constexpr const char* help =
      "Pairwise sigmoid contrast of two global features with learned scale and bias (SigLIP, Zhai et al. 2023)";
  static OptionList options() {
    return {feature_option("rows", "image.global", "features [B, D] of the row modality"),
            feature_option("columns", "text.global", "features [B, D] of the column modality"),
            number_option("temperature", 0.1, "initial temperature; the logit scale is its inverse"),
            number_option("bias", -10, "initial bias: most pairs are negatives"),
            flag_option("normalise", true, "scale both features to unit length first"),
            choice_option("exchange", {"gather", "ring"},
                          "how several processes meet, as in global-contrast; a ring gives no accuracy")};
  }

  static Example example() { return gd::example({{"bias", -1}}, {{"image.global", {5}}, {"text.global", {5}}}); }

  SigmoidContrast(Scope scope, const Options& options)
      : rows_(options.text("rows")),
        columns_(options.text("columns")),
        normalise_(options.flag("normalise")),
        ring_(options.text("exchange") == "ring"),
        log_scale_(scope.parameter("logit_scale", {}, Init::value(std::log(1 / options.number("temperature"))))),
        bias_(scope.parameter("logit_bias", {}, Init::value(options.number("bias")))) {}

  bool in_blocks() const override { return ring_; }

  Losses operator()(const Features& all, const Relation& relation, Pass& pass) override {
    const auto type = log_scale_.scalar_type();
    Group* const ring = ring_ ? pass.group : nullptr;
    const Features& features = ring ? *pass.mine : all;
    const Pair pair = read_pair(features, rows_, columns_, type, normalise_);
    const Tensor scale = log_scale_.exp();
    SigmoidContrastPlan plan;
    plan.row_there = present_of(features, rows_);
    plan.column_there = present_of(features, columns_);
    const bool identity = relation.kind == Relation::Kind::identity;
    if (identity) {
      expect_pairs(relation, pair);
      plan.row_partner = at::arange(pair.rows.size(0), plan.row_there.options().dtype(at::kLong));
    } else if (relation.kind == Relation::Kind::pairs) {
      plan.positive_offsets = relation.positive.offsets;
      plan.positive_columns = relation.positive.columns;
      plan.excluded_offsets = relation.neutral.offsets;
      plan.excluded_columns = relation.neutral.columns;
    } else {
      plan.row_labels = ring ? RowShare(*ring, relation.rows.size(0)).mine(relation.rows) : relation.rows;
      plan.column_labels = ring ? RowShare(*ring, relation.columns.size(0)).mine(relation.columns) : relation.columns;
    }
    expect(!ring || relation.kind != Relation::Kind::pairs, "bad-recipe",
           "expected a relation without lists of pairs, which reach over all processes, for sigmoid-contrast with exchange ring; "
           "use "
           "exchange gather");
    const SigmoidContrastTotal found = ring ? sigmoid_contrast_in_ring(pair.rows, pair.columns, scale, bias_, plan, *ring)
                                            : sigmoid_contrast(pair.rows, pair.columns, scale, bias_, plan, pass.group);
    const Tensor columns = sum_over_ranks(plan.column_there.to(type).sum(), ring);
    const Tensor rows = (sum_over_ranks(plan.row_there.to(type).sum(), ring) * (columns > 0)).clamp_min(1);

    Losses losses;
    losses.add("sigmoid", sum_over_ranks(found.total, ring) / rows);
    losses.measure("logitScale", scale);
    losses.measure("logitBias", bias_);
    if (found.row_rank.defined()) losses.measure("rowAccuracy", mean_over((found.row_rank == 1).to(type), found.row_rank > 0));
    return losses;
  }

 private:
  const std::string rows_, columns_;
  const bool normalise_, ring_;
  Tensor log_scale_, bias_;
};

}  // namespace

GD_REGISTER(Objective, "sigmoid-contrast", SigmoidContrast)

}  // namespace gd
