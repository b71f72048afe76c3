// Samples whose vectors are nearly the same belong together, nearly similar ones are left out, the others stand apart.
#include "core/parts.h"
#include "core/registry.h"
#include "relations/pair_lists.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

// The vectors are columns of the data, such as a frozen text encoder's features of the reports. float32, because bfloat16 does not
// tell .97 from .98.
struct PositiveNeutralNegative : RelationRule {
  static constexpr const char* help =
      "Similarity-aware triage (SAT, Liu et al. 2023): pairs of high similarity are positives, those of low similarity "
      "negatives, "
      "and those between neither";
  static OptionList options() {
    return {
        feature_option("rows", "similarity.values", "vectors [B, K] that tell how alike two samples are, of the row modality"),
        feature_option("columns", "similarity.values", "the same of the column modality"),
        choice_option("similarity", {"cosine", "dot"}, "of two vectors"),
        number_option("positive", 0.98, "pairs above are positives"),
        number_option("negative", 0.97, "pairs at or below are negatives"),
        flag_option("paired", true, "row i and column i are one sample, and positive whatever their vectors say")};
  }
  static Example example() {
    return gd::example({{"positive", 0.6}, {"negative", 0.2}}, {{"similarity.values", {3}, ExampleFeature::real}});
  }
  PositiveNeutralNegative(Scope, const Options& options)
      : rows_(options.text("rows")),
        columns_(options.text("columns")),
        cosine_(options.text("similarity") == "cosine"),
        paired_(options.flag("paired")),
        positive_(options.number("positive")),
        negative_(options.number("negative")) {
    expect(negative_ <= positive_, "bad-option", "expected `negative` of at most `positive`, ", positive_,
           ", for positive-neutral-negative but got ", negative_);
  }

  Relation operator()(const Features& features) override {
    const Tensor p = vectors(features.at(rows_)), q = vectors(features.at(columns_));
    expect(p.size(1) == q.size(1), "bad-relation", "expected vectors of one width but got ", p.size(1), " and ", q.size(1));
    expect(!paired_ || p.size(0) == q.size(0), "bad-relation", "expected as many columns as rows where they are paired but got ",
           q.size(0), " and ", p.size(0));
    const auto list = [&](bool positives) {
      return pairs_where(p.size(0), q.size(0), [&](int64_t first, int64_t count) {
        const Tensor s = at::mm(p.narrow(0, first, count), q.t());
        const Tensor out = positives ? s > positive_ : (s > negative_).logical_and(s <= positive_);
        if (paired_) out.diagonal(first).fill_(positives);
        return out;
      });
    };
    Relation out;
    out.kind = Relation::Kind::pairs;
    out.positive = list(true);
    out.neutral = list(false);
    return out;
  }

 private:
  Tensor vectors(const Tensor& given) const {
    const Tensor x = given.detach().to(at::kFloat).flatten(1);
    return cosine_ ? x / x.norm(2, 1, true).clamp_min(1e-12) : x;
  }
  const std::string rows_, columns_;
  const bool cosine_, paired_;
  const double positive_, negative_;
};

}  // namespace

GD_REGISTER(RelationRule, "positive-neutral-negative", PositiveNeutralNegative)

}  // namespace gd
