// Symmetric soft-max contrast of two global features (InfoNCE; Radford et al. 2021, figure 3; ConVIRT, eq. 2–4).
#include "core/parts.h"
#include "core/registry.h"
#include "objectives/present.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

namespace gd {
namespace {

// With Z = scale · A·Bᵀ (rows of A and B of unit length), row targets P and column targets Q from the relation:
//   loss = w · mean_i −Σ_j P_ij log softmax(Z_i·)_j  +  (1−w) · mean_j −Σ_i Q_ji log softmax(Z_·j)_i
struct GlobalContrast : Objective {
  static constexpr const char* help =
      "Symmetric InfoNCE of two global features with a fixed or learned temperature (Radford et al. 2021); soft targets come "
      "from the relation";
  static OptionList options() {
    return {feature_option("rows", "image.global", "features [B, D] of the row modality"),
            feature_option("columns", "text.global", "features [B, D] of the column modality"),
            number_option("temperature", 0.07, "initial soft-max temperature; the logit scale is its inverse"),
            flag_option("learnTemperature", true, "whether log(1/temperature) is a parameter"),
            number_option("maximumScale", 100, "bound on the logit scale, kept after every step; 0: none"),
            number_option("rowWeight", 0.5, "weight of the row direction; the column direction has 1 minus it"),
            flag_option("normalise", true, "scale both features to unit length first")};
  }

  static Example example() { return gd::example({{"temperature", 0.5}}, {{"image.global", {5}}, {"text.global", {5}}}); }

  GlobalContrast(Scope scope, const Options& options)
      : rows_(options.text("rows")),
        columns_(options.text("columns")),
        maximum_(options.number("maximumScale")),
        row_weight_(options.number("rowWeight")),
        normalise_(options.flag("normalise")) {
    const double temperature = options.number("temperature");
    expect(temperature > 0, "bad-option", "expected a temperature above 0 for global-contrast but got ", temperature);
    expect(row_weight_ >= 0 && row_weight_ <= 1, "bad-option", "expected rowWeight in [0, 1] for global-contrast but got ",
           row_weight_);
    const double start = std::log(1 / temperature);
    log_scale_ = options.flag("learnTemperature") ? scope.parameter("logit_scale", {}, Init::value(start))
                                                  : scope.buffer("logit_scale", at::scalar_tensor(start));
  }

  Losses operator()(const Features& features, const Relation& relation, Pass&) override {
    const auto type = log_scale_.scalar_type();
    Tensor a = features.at(rows_).to(type), b = features.at(columns_).to(type);
    expect(a.dim() == 2 && b.dim() == 2 && a.size(1) == b.size(1), "bad-shape", "expected [B, D] features of one width for ",
           rows_, " and ", columns_, " but got ", a.sizes(), " and ", b.sizes());
    if (normalise_) {
      a = a / a.norm(2, 1, true).clamp_min(1e-12);
      b = b / b.norm(2, 1, true).clamp_min(1e-12);
    }
    const Tensor scale = log_scale_.exp();
    const Tensor z = at::matmul(a * scale, b.t());  // [N, M]
    Tensor row_there = present_of(features, rows_), column_there = present_of(features, columns_);
    if (relation.kind == Relation::Kind::identity) row_there = column_there = row_there & column_there;
    const double out = -std::numeric_limits<double>::infinity();
    const Tensor by_row = at::log_softmax(z.masked_fill(~column_there.unsqueeze(0), out), 1);
    const Tensor by_column = at::log_softmax(z.t().masked_fill(~row_there.unsqueeze(0), out), 1);

    Losses losses;
    if (relation.kind == Relation::Kind::identity) {
      const Tensor row = -by_row.diagonal(), column = -by_column.diagonal();
      losses.add("contrast", mean_over(row, row_there) * row_weight_ + mean_over(column, column_there) * (1 - row_weight_));
      const Tensor own = at::arange(z.size(0), z.options().dtype(at::kLong).requires_grad(false));
      losses.measure("rowAccuracy", mean_over((by_row.argmax(1) == own).to(type), row_there));
      losses.measure("columnAccuracy", mean_over((by_column.argmax(1) == own).to(type), column_there));
    } else {
      const Tensor row = cross_entropy(relation.row_targets(z.size(0), z.size(1), z.detach()), by_row, column_there);
      const Tensor column = cross_entropy(relation.column_targets(z.size(0), z.size(1), z.detach()), by_column, row_there);
      losses.add("contrast", mean_over(row, row_there) * row_weight_ + mean_over(column, column_there) * (1 - row_weight_));
    }
    losses.measure("logitScale", scale);
    return losses;
  }

  void after_step() override {
    if (maximum_ > 0 && log_scale_.requires_grad()) log_scale_.detach().clamp_(0, std::log(maximum_));
  }

 private:
  // −Σ_j p_j log q_j per row over the columns that are there; 0·(−inf) of absent columns must not become nan.
  static Tensor cross_entropy(const Tensor& targets, const Tensor& logs, const Tensor& there) {
    const Tensor weights = targets * there.unsqueeze(0).to(targets.scalar_type());
    const Tensor share = weights / weights.sum(1, true).clamp_min(1e-12);
    return -(share * logs.masked_fill(~there.unsqueeze(0), 0)).sum(1);
  }

  const std::string rows_, columns_;
  const double maximum_, row_weight_;
  const bool normalise_;
  Tensor log_scale_;  // 0-d, natural logarithm, as open_clip's `logit_scale`
};

}  // namespace

GD_REGISTER(Objective, "global-contrast", GlobalContrast)

}  // namespace gd
