// Symmetric soft-max contrast of two global features (InfoNCE; Radford et al. 2021, figure 3; ConVIRT, eq. 2–4).
#include "core/parts.h"
#include "core/registry.h"
#include "kernels/contrast.h"
#include "objectives/pair.h"
#include "objectives/present.h"

#include <ATen/ATen.h>

#include <cmath>

namespace gd {
namespace {

// Σ_j P_ij z_ij of targets in proportion to the overlap of label vectors, P_ij = p_i·q_j / Σ_k p_i·q_k over the columns that are
// there, without the matrix of overlaps: p_i·(Σ_j q_j b_jᵀ) first. `mass` is Σ_j P_ij: 1, or 0 where no label is shared.
struct ProportionTargets {
  Tensor score, mass;  // [N]
  ProportionTargets(const Tensor& a, const Tensor& b, const Tensor& scale, const Tensor& p, const Tensor& q,
                    const Tensor& there) {
    const Tensor labels = at::where(there.unsqueeze(1), q, at::zeros_like(q));
    // where, not a product: absent features may hold anything
    const Tensor present = at::where(there.unsqueeze(1), b, at::zeros_like(b));
    const Tensor total = at::mv(p, labels.sum(0));
    mass = (total > 0).to(a.scalar_type());
    const Tensor pull = at::matmul(p, at::matmul(labels.t(), present));  // [N, D]
    score = scale * (a * pull).sum(1) * mass / total.clamp_min(1e-12);
  }
};

// With Z = scale · A·Bᵀ (rows of A and B of unit length), row targets P and column targets Q from the relation:
//   loss = w · mean_i −Σ_j P_ij log softmax(Z_i·)_j  +  (1−w) · mean_j −Σ_i Q_ji log softmax(Z_·j)_i
// Z is never written out (kernels/contrast.h): −Σ_j P_ij log softmax(Z_i·)_j = Σ_j P_ij · lse_i − Σ_j P_ij z_ij.
struct GlobalContrast : Objective {
  static constexpr const char* help =
      "Symmetric InfoNCE of two global features with a fixed or learned temperature (Radford et al. 2021); soft targets come "
      "from the relation";
  static OptionList options() {
    return {
        feature_option("rows", "image.global", "features [B, D] of the row modality"),
        feature_option("columns", "text.global", "features [B, D] of the column modality"),
        number_option("temperature", 0.07, "initial soft-max temperature; the logit scale is its inverse"),
        flag_option("learnTemperature", true, "whether log(1/temperature) is a parameter"),
        number_option("maximumScale", 100, "bound on the logit scale, kept after every step; 0: none"),
        number_option("rowWeight", 0.5, "weight of the row direction; the column direction has 1 minus it"),
        number_option("zLoss", 0, "weight of the mean squared log-sum-exp of both directions, which keeps scores small; 0: none"),
        flag_option("normalise", true, "scale both features to unit length first")};
  }

  static Example example() {
    return gd::example({{"temperature", 0.5}, {"zLoss", 0.1}}, {{"image.global", {5}}, {"text.global", {5}}});
  }

  GlobalContrast(Scope scope, const Options& options)
      : rows_(options.text("rows")),
        columns_(options.text("columns")),
        maximum_(options.number("maximumScale")),
        row_weight_(options.number("rowWeight")),
        z_loss_(options.number("zLoss")),
        normalise_(options.flag("normalise")) {
    const double temperature = options.number("temperature");
    expect(temperature > 0, "bad-option", "expected a temperature above 0 for global-contrast but got ", temperature);
    expect(row_weight_ >= 0 && row_weight_ <= 1, "bad-option", "expected rowWeight in [0, 1] for global-contrast but got ",
           row_weight_);
    expect(z_loss_ >= 0, "bad-option", "expected a zLoss of at least 0 for global-contrast but got ", z_loss_);
    const double start = std::log(1 / temperature);
    log_scale_ = options.flag("learnTemperature") ? scope.parameter("logit_scale", {}, Init::value(start))
                                                  : scope.buffer("logit_scale", at::scalar_tensor(start));
  }

  Losses operator()(const Features& features, const Relation& relation, Pass& pass) override {
    const auto type = log_scale_.scalar_type();
    const Pair pair = read_pair(features, rows_, columns_, type, normalise_);
    const Tensor scale = log_scale_.exp();
    Tensor row_there = present_of(features, rows_), column_there = present_of(features, columns_);
    const bool identity = relation.kind == Relation::Kind::identity;
    const bool softmax = !identity && relation.normalise == Relation::Normalise::softmax;
    ContrastPlan plan;
    if (identity) {
      expect_pairs(relation, pair);
      row_there = column_there = row_there & column_there;
      plan.row_partner = plan.column_partner = at::arange(pair.rows.size(0), row_there.options().dtype(at::kLong));
    }
    if (softmax) {
      plan.row_labels = relation.rows;
      plan.column_labels = relation.columns;
      plan.label_temperature = relation.temperature;
    }
    plan.row_there = row_there;
    plan.column_there = column_there;
    const Contrast found = contrast(pair.rows, pair.columns, scale, plan, pass.group);

    Tensor row_loss, column_loss;
    if (identity) {
      row_loss = (found.row_lse - found.row_own) + found.row_lse_rest;
      column_loss = (found.column_lse - found.column_own) + found.column_lse_rest;
    } else if (softmax) {
      row_loss = found.row_lse - found.row_target;
      column_loss = found.column_lse - found.column_target;
    } else {
      const Tensor p = relation.rows.to(type), q = relation.columns.to(type);
      const ProportionTargets by_row(pair.rows, pair.columns, scale, p, q, column_there);
      const ProportionTargets by_column(pair.columns, pair.rows, scale, q, p, row_there);
      row_loss = by_row.mass * found.row_lse - by_row.score;
      column_loss = by_column.mass * found.column_lse - by_column.score;
    }

    Losses losses;
    losses.add("contrast",
               mean_over(row_loss, row_there) * row_weight_ + mean_over(column_loss, column_there) * (1 - row_weight_));
    if (z_loss_ > 0)
      losses.add("zLoss", z_loss_ * (mean_over(found.row_lse.square(), row_there) * row_weight_ +
                                     mean_over(found.column_lse.square(), column_there) * (1 - row_weight_)));
    if (identity) {
      losses.measure("rowAccuracy", mean_over((found.row_rank == 1).to(type), row_there));
      losses.measure("columnAccuracy", mean_over((found.column_rank == 1).to(type), column_there));
    }
    losses.measure("logitScale", scale);
    return losses;
  }

  void after_step() override {
    if (maximum_ > 0 && log_scale_.requires_grad()) log_scale_.detach().clamp_(0, std::log(maximum_));
  }

 private:
  const std::string rows_, columns_;
  const double maximum_, row_weight_, z_loss_;
  const bool normalise_;
  Tensor log_scale_;  // 0-d, natural logarithm, as open_clip's `logit_scale`
};

}  // namespace

GD_REGISTER(Objective, "global-contrast", GlobalContrast)

}  // namespace gd
