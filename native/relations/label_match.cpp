// Samples belong together when their labels match, whether or not they were taken together.
#include "core/parts.h"
#include "core/registry.h"
#include "relations/pair_lists.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

// Every pair that matches is a positive, all of a row's alike. A list of pairs: where a tenth of all pairs or more match (a small
// vocabulary, most samples without findings) label-overlap is cheaper.
struct LabelMatch : RelationRule {
  static constexpr const char* help =
      "Every pair whose labels match is a positive: the same findings (UMCL, Wang and Wang 2023; UniCL, Yang et al. 2022), a "
      "finding in common, or the same numbers, such as a concept's or a patient's id (KAD's first stage, Zhang et al. 2023)";
  static OptionList options() {
    return {
        feature_option("rows", "labels.values", "label vectors or ids [B, K] of the row modality"),
        feature_option("columns", "labels.values", "label vectors or ids [B, K] of the column modality"),
        choice_option("match", {"equal", "overlap", "identical"},
                      "equal: the same labels are above 0; overlap: some label is above 0 in both; identical: all numbers are "
                      "the same")};
  }
  static Example example() { return gd::example({}, {{"labels.values", {2}, ExampleFeature::labels}}); }
  LabelMatch(Scope, const Options& options)
      : rows_(options.text("rows")), columns_(options.text("columns")), match_(options.text("match")) {}

  Relation operator()(const Features& features) override {
    const Tensor rows = features.at(rows_).flatten(1), columns = features.at(columns_).flatten(1);
    expect(rows.size(1) == columns.size(1), "bad-relation", "expected labels of one vocabulary but got widths ", rows.size(1),
           " and ", columns.size(1));
    Relation out;
    out.kind = Relation::Kind::pairs;
    if (match_ == "overlap") {
      const Tensor p = (rows > 0).to(at::kFloat), q = (columns > 0).to(at::kFloat).t();
      out.positive = pairs_where(rows.size(0), columns.size(0),
                                 [&](int64_t first, int64_t count) { return at::mm(p.narrow(0, first, count), q) > 0; });
      return out;
    }
    const Tensor both = at::cat({rows, columns.to(rows.scalar_type())});
    const Tensor keys = std::get<1>(at::unique_dim(match_ == "equal" ? (both > 0).to(at::kLong) : both, 0, /*sorted=*/true,
                                                   /*return_inverse=*/true));
    out.positive = pairs_of_keys(keys.narrow(0, 0, rows.size(0)), keys.narrow(0, rows.size(0), columns.size(0)));
    return out;
  }

 private:
  const std::string rows_, columns_, match_;
};

}  // namespace

GD_REGISTER(RelationRule, "label-match", LabelMatch)

}  // namespace gd
