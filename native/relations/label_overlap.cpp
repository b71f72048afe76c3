// Samples belong together as far as their label vectors agree, whether or not they were taken together.
#include "core/parts.h"
#include "core/registry.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

// Similarity of two label vectors, with labels above 0 counted (1 = present; 0 absent; below 0 unknown).
struct LabelOverlap : RelationRule {
  static constexpr const char* help =
      "Similarity s of label vectors (of what is positive in both) as soft targets: soft-max of s/temperature (MedCLIP, Wang et "
      "al. 2022, eq. 3) or s over its sum";
  static OptionList options() {
    return {
        feature_option("rows", "labels.values", "label vectors [B, K] of the row modality"),
        feature_option("columns", "labels.values", "label vectors [B, K] of the column modality; may come from another stream"),
        choice_option("similarity", {"cosine", "dot"}, "cosine as MedCLIP's paper, or the plain product of its code"),
        choice_option("normalise", {"softmax", "proportion"}, "how similarities become targets"),
        number_option("temperature", 1, "temperature of the soft-max")};
  }
  static Example example() { return gd::example({}, {{"labels.values", {3}, ExampleFeature::labels}}); }
  LabelOverlap(Scope, const Options& options)
      : rows_(options.text("rows")),
        columns_(options.text("columns")),
        cosine_(options.text("similarity") == "cosine"),
        softmax_(options.text("normalise") == "softmax"),
        temperature_(options.number("temperature")) {
    expect(temperature_ > 0, "bad-option", "expected a temperature above 0 for label-overlap but got ", temperature_);
  }

  Relation operator()(const Features& features) override {
    Relation out;
    out.kind = Relation::Kind::labels;
    out.normalise = softmax_ ? Relation::Normalise::softmax : Relation::Normalise::proportion;
    out.temperature = temperature_;
    out.rows = positives(features.at(rows_));
    out.columns = positives(features.at(columns_));
    expect(out.rows.size(1) == out.columns.size(1), "bad-relation", "expected label vectors of one vocabulary but got widths ",
           out.rows.size(1), " and ", out.columns.size(1));
    return out;
  }

 private:
  Tensor positives(const Tensor& labels) const {
    const Tensor positive = (labels > 0).to(at::kFloat).flatten(1);
    return cosine_ ? positive / positive.norm(2, 1, true).clamp_min(1e-12) : positive;
  }
  const std::string rows_, columns_;
  const bool cosine_, softmax_;
  const double temperature_;
};

}  // namespace

GD_REGISTER(RelationRule, "label-overlap", LabelOverlap)

}  // namespace gd
