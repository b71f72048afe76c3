// Symmetric soft-max contrast of two global features (InfoNCE; Radford et al. 2021, figure 3; ConVIRT, eq. 2–4).
#include "core/group.h"
#include "core/parts.h"
#include "core/registry.h"
#include "kernels/contrast.h"
#include "kernels/row_share.h"
#include "objectives/listed_positives.h"
#include "objectives/pair.h"
#include "objectives/present.h"

#include <ATen/ATen.h>

#include <cmath>
#include <optional>

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
// Z is never written out (kernels/contrast.h): −Σ_j P_ij log softmax(Z_i·)_j = Σ_j P_ij · lse_i − Σ_j P_ij z_ij. Listed positives
// and negatives weighted by hardness are in listed_positives.h.
struct GlobalContrast : Objective {
  static constexpr const char* help =
      "Symmetric InfoNCE of two global features with a fixed or learned temperature (Radford et al. 2021); soft targets, several "
      "positives and neutral pairs come from the relation";
  static OptionList options() {
    return {
        feature_option("rows", "image.global", "features [B, D] of the row modality"),
        feature_option("columns", "text.global", "features [B, D] of the column modality"),
        number_option("temperature", 0.07, "initial soft-max temperature; the logit scale is its inverse"),
        flag_option("learnTemperature", true, "whether log(1/temperature) is a parameter"),
        number_option("maximumScale", 100, "bound on the logit scale, kept after every step; 0: none"),
        number_option("rowWeight", 0.5, "weight of the row direction; the column direction has 1 minus it"),
        feature_option("rowSampleWeights", "",
                       "how much each sample of the row modality counts, [B], at least 0; empty: all alike"),
        feature_option("columnSampleWeights", "", "the same of the column modality"),
        choice_option(
            "positives", {"mean", "apart", "any"},
            "where the relation lists several positives of a sample: the mean of their cross-entropies; the same, each "
            "against the negatives alone (SAT, Liu et al. 2023); or any of them is enough (MIL-NCE, Miech et al. 2020)"),
        number_option(
            "hardness", 0,
            "β of negatives weighted by exp(β · score), for the identity relation and for positives `apart` (Robinson et "
            "al. 2021; Radenovic et al. 2023); 0: all alike"),
        number_option("zLoss", 0, "weight of the mean squared log-sum-exp of both directions, which keeps scores small; 0: none"),
        flag_option("normalise", true, "scale both features to unit length first"),
        choice_option(
            "exchange", {"gather", "ring"},
            "how several processes meet: gather brings all features to all of them; ring passes blocks on, so that none "
            "ever holds more than two, for batches whose features do not fit. The same loss and gradient")};
  }

  static Example example() {
    return gd::example({{"temperature", 0.5}, {"zLoss", 0.1}}, {{"image.global", {5}}, {"text.global", {5}}});
  }

  GlobalContrast(Scope scope, const Options& options)
      : rows_(options.text("rows")),
        columns_(options.text("columns")),
        row_weights_(options.text("rowSampleWeights")),
        column_weights_(options.text("columnSampleWeights")),
        maximum_(options.number("maximumScale")),
        row_weight_(options.number("rowWeight")),
        z_loss_(options.number("zLoss")),
        hardness_(options.number("hardness")),
        normalise_(options.flag("normalise")),
        ring_(options.text("exchange") == "ring") {
    const double temperature = options.number("temperature");
    expect(temperature > 0, "bad-option", "expected a temperature above 0 for global-contrast but got ", temperature);
    expect(row_weight_ >= 0 && row_weight_ <= 1, "bad-option", "expected rowWeight in [0, 1] for global-contrast but got ",
           row_weight_);
    expect(z_loss_ >= 0, "bad-option", "expected a zLoss of at least 0 for global-contrast but got ", z_loss_);
    expect(hardness_ >= 0, "bad-option", "expected a hardness of at least 0 for global-contrast but got ", hardness_);
    expect(hardness_ == 0 || z_loss_ == 0, "bad-option",
           "expected no zLoss beside a hardness for global-contrast, whose log-sum-exps are others, but got ", z_loss_);
    const std::string& positives = options.text("positives");
    positives_ = positives == "mean" ? Positives::mean : positives == "apart" ? Positives::apart : Positives::any;
    const double start = std::log(1 / temperature);
    log_scale_ = options.flag("learnTemperature") ? scope.parameter("logit_scale", {}, Init::value(start))
                                                  : scope.buffer("logit_scale", at::scalar_tensor(start));
  }

  bool in_blocks() const override { return ring_; }

  Losses operator()(const Features& all, const Relation& relation, Pass& pass) override {
    const auto type = log_scale_.scalar_type();
    Group* const ring = ring_ ? pass.group : nullptr;
    const Features& features = ring ? *pass.mine : all;
    const Pair pair = read_pair(features, rows_, columns_, type, normalise_);
    const Tensor scale = log_scale_.exp();
    Tensor row_there = present_of(features, rows_), column_there = present_of(features, columns_);
    const bool identity = relation.kind == Relation::Kind::identity;
    const bool softmax = relation.kind == Relation::Kind::labels && relation.normalise == Relation::Normalise::softmax;
    ContrastPlan plan;
    if (identity) {
      expect_pairs(relation, pair);
      row_there = column_there = row_there & column_there;
      plan.row_partner = plan.column_partner = at::arange(pair.rows.size(0), row_there.options().dtype(at::kLong));
    }
    if (softmax) {
      const auto labels = [&](const Tensor& of_all) { return ring ? RowShare(*ring, of_all.size(0)).mine(of_all) : of_all; };
      plan.row_labels = labels(relation.rows);
      plan.column_labels = labels(relation.columns);
      plan.label_temperature = relation.temperature;
    }
    const std::optional<ListedPositives> listed = listed_of(relation, pair);
    expect(
        !ring || ((identity || softmax) && !listed), "bad-recipe",
        "expected the identity relation or soft-max label targets, without a hardness, for global-contrast with exchange ring, "
        "but the recipe has others: the lists of pairs and the sums of labels reach over all processes; use exchange gather");
    if (listed) listed->ask(plan);
    plan.row_there = row_there;
    plan.column_there = column_there;
    const Contrast found =
        ring ? contrast_in_ring(pair.rows, pair.columns, scale, plan, *ring)
             : contrast(pair.rows, pair.columns, listed ? scale * listed->scale_factor() : scale, plan, pass.group);

    Tensor row_loss, column_loss, row_counts = row_there, column_counts = column_there;
    if (listed) {
      const ListedLosses losses = listed_losses(*listed, found, row_there, column_there);
      row_loss = losses.row_loss;
      column_loss = losses.column_loss;
      row_counts = losses.row_counts;
      column_counts = losses.column_counts;
    } else if (identity) {
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

    const Tensor row_weights = weights_of(features, row_weights_), column_weights = weights_of(features, column_weights_);
    const auto both = [&](const Tensor& by_row, const Tensor& row_valid, const Tensor& by_column, const Tensor& column_valid) {
      return mean_over(by_row, row_valid, row_weights, ring) * row_weight_ +
             mean_over(by_column, column_valid, column_weights, ring) * (1 - row_weight_);
    };
    Losses losses;
    losses.add("contrast", both(row_loss, row_counts, column_loss, column_counts));
    if (z_loss_ > 0)
      losses.add("zLoss", z_loss_ * both(found.row_lse.square(), row_there, found.column_lse.square(), column_there));
    if (identity) {
      const auto mean = [&](const Tensor& x, const Tensor& there) { return mean_over(x.to(type), there, {}, ring); };
      losses.measure("rowAccuracy", mean(found.row_rank == 1, row_there));
      losses.measure("columnAccuracy", mean(found.column_rank == 1, column_there));
      losses.measure("rowRank", mean(found.row_rank, row_there));
      losses.measure("columnRank", mean(found.column_rank, column_there));
    }
    losses.measure("logitScale", scale);
    return losses;
  }

  void after_step() override {
    if (maximum_ > 0 && log_scale_.requires_grad()) log_scale_.detach().clamp_(0, std::log(maximum_));
  }

 private:
  // How the positives are taken one by one, where the relation lists them or negatives are weighted.
  std::optional<ListedPositives> listed_of(const Relation& relation, const Pair& pair) const {
    ListedPositives out;
    out.hardness = hardness_;
    if (relation.kind == Relation::Kind::pairs) {
      expect(hardness_ == 0 || positives_ == Positives::apart, "bad-recipe",
             "expected positives apart for global-contrast beside a hardness of ", hardness_, " but got another form");
      out.positive = relation.positive;
      out.neutral = relation.neutral;
      out.form = positives_;
      return out;
    }
    if (hardness_ == 0) return std::nullopt;
    expect(relation.kind == Relation::Kind::identity, "bad-recipe",
           "expected the identity relation or one that lists pairs for global-contrast beside a hardness of ", hardness_,
           " but got soft targets, to which every pair is some positive");
    const int64_t n = pair.rows.size(0);
    const auto options = pair.rows.options().requires_grad(false);
    out.positive = {at::arange(n + 1, options.dtype(at::kLong)), at::arange(n, options.dtype(at::kInt))};
    out.form = Positives::apart;
    return out;
  }

  // [B], undefined where the option is empty.
  static Tensor weights_of(const Features& features, const std::string& name) {
    if (name.empty()) return {};
    const Tensor& out = features.at(name);
    expect(out.numel() == out.size(0), "bad-shape", "expected one number a sample for ", name, " but got ", out.sizes());
    return out.detach().flatten();
  }

  const std::string rows_, columns_, row_weights_, column_weights_;
  const double maximum_, row_weight_, z_loss_, hardness_;
  const bool normalise_, ring_;
  Positives positives_;
  Tensor log_scale_;  // 0-d, natural logarithm, as open_clip's `logit_scale`
};

}  // namespace

GD_REGISTER(Objective, "global-contrast", GlobalContrast)

}  // namespace gd
