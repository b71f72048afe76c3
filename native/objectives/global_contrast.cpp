// Symmetric soft-max contrast of two global features (InfoNCE; Radford et al. 2021, figure 3; ConVIRT, eq. 2–4).
#include "core/parts.h"
#include "core/registry.h"
#include "objectives/pair.h"
#include "objectives/present.h"

#include <ATen/ATen.h>

#include <cmath>

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
    const Pair pair = read_pair(features, rows_, columns_, type, normalise_);
    const Tensor scale = log_scale_.exp();
    const Tensor z = at::matmul(pair.rows * scale, pair.columns.t());  // [N, M]
    const SymmetricSoftmax both = symmetric_softmax(z, relation, present_of(features, rows_), present_of(features, columns_));

    Losses losses;
    losses.add("contrast", mean_over(both.row_loss, both.row_there) * row_weight_ +
                               mean_over(both.column_loss, both.column_there) * (1 - row_weight_));
    if (relation.kind == Relation::Kind::identity) {
      const Tensor own = at::arange(z.size(0), z.options().dtype(at::kLong).requires_grad(false));
      losses.measure("rowAccuracy", mean_over((both.by_row.argmax(1) == own).to(type), both.row_there));
      losses.measure("columnAccuracy", mean_over((both.by_column.argmax(1) == own).to(type), both.column_there));
    }
    losses.measure("logitScale", scale);
    return losses;
  }

  void after_step() override {
    if (maximum_ > 0 && log_scale_.requires_grad()) log_scale_.detach().clamp_(0, std::log(maximum_));
  }

 private:
  const std::string rows_, columns_;
  const double maximum_, row_weight_;
  const bool normalise_;
  Tensor log_scale_;  // 0-d, natural logarithm, as open_clip's `logit_scale`
};

}  // namespace

GD_REGISTER(Objective, "global-contrast", GlobalContrast)

}  // namespace gd
