// Contrast of words and image regions (GLoRIA; Huang et al. 2021, eq. 3–8), by plain libtorch operators.
#include "core/parts.h"
#include "core/registry.h"
#include "objectives/pair.h"
#include "objectives/present.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

// For image i with regions V [N, D] and text j with words E [T, D]:
//   s_nk = V_n·E_k;  p_nk = softmax over words k;  a_kn = softmax over regions n of (regionScale · p_nk)
//   c_k = Σ_n a_kn V_n;  r_k = cos(E_k, c_k);  Z_ij = log Σ_k exp(wordScale · r_k)
//   loss = mean_i −log softmax_j(logitScale · Z_i·)_i + mean_j −log softmax_i(logitScale · Z_·j)_j
// The three scales multiply, as in the authors' code (the paper divides by temperatures and keeps 1/wordScale before the log).
// Memory is O(B·N·T + B²) beside what the graph keeps for each text: N·T a pair, B² pairs.
struct WordRegionContrast : Objective {
  static constexpr const char* help =
      "Contrast of words with the image regions they attend to, aggregated per image-text pair (GLoRIA, Huang et al. 2021)";
  static OptionList options() {
    return {feature_option("regions", "image.patches", "region features [B, N, D]"),
            feature_option("words", "text.tokens", "word features [B, T, D]"),
            feature_option("mask", "text.mask", "real words [B, T]"),
            number_option("regionScale", 4, "factor in the soft-max over regions (the authors' temp1)"),
            number_option("wordScale", 5, "factor in the log-sum-exp over words (temp2)"),
            number_option("logitScale", 10, "factor on the pair scores (temp3)")};
  }
  static Example example() {
    return gd::example({}, {{"image.patches", {4, 3}}, {"text.tokens", {3, 3}}, {"text.mask", {3}, ExampleFeature::mask}});
  }

  WordRegionContrast(Scope, const Options& options)
      : regions_(options.text("regions")),
        words_(options.text("words")),
        mask_(options.text("mask")),
        region_scale_(options.number("regionScale")),
        word_scale_(options.number("wordScale")),
        logit_scale_(options.number("logitScale")) {}

  Losses operator()(const Features& features, const Relation& relation, Pass&) override {
    const auto type = at::promote_types(features.at(regions_).scalar_type(), at::kFloat);
    const Tensor v = features.at(regions_).to(type), e = features.at(words_).to(type), mask = features.at(mask_);
    expect(v.dim() == 3 && e.dim() == 3 && v.size(2) == e.size(2), "bad-shape",
           "expected [B, N, D] and [B, T, D] of one width for ", regions_, " and ", words_, " but got ", v.sizes(), " and ",
           e.sizes());
    std::vector<Tensor> columns;  // one text at a time against all images: no B×B×N×T tensor
    for (int64_t j = 0; j < e.size(0); ++j) {
      // Padding takes no part; its words would otherwise draw attention of every region. A text without words counts as one of
      // zeros and is left out of the mean by `present`.
      const Tensor absent = ~mask[j];
      const Tensor scores = at::matmul(v, e[j].t());                                             // [B, N, T]
      const Tensor shares = at::softmax(scores.masked_fill(absent.view({1, 1, -1}), -1e30), 2);  // over words
      const Tensor attention = at::softmax(shares * region_scale_, 1);                           // over regions
      const Tensor context = at::matmul(attention.transpose(1, 2), v);                           // [B, T, D]
      const Tensor word = e[j].unsqueeze(0);
      const Tensor cosine = (word * context).sum(2) / (word.norm(2, 2).clamp_min(1e-8) * context.norm(2, 2).clamp_min(1e-8));
      const Tensor real = cosine.masked_fill(absent.view({1, -1}), -1e30 / word_scale_);
      columns.push_back(at::logsumexp(real * word_scale_, 1));  // [B]
    }
    const Tensor z = at::stack(columns, 1) * logit_scale_;  // rows images, columns texts
    const SymmetricSoftmax both =
        symmetric_softmax(z, relation, present_of(features, regions_), present_of(features, words_) & mask.any(1));
    Losses losses;
    losses.add("wordRegion", mean_over(both.row_loss, both.row_there) + mean_over(both.column_loss, both.column_there));
    return losses;
  }

 private:
  const std::string regions_, words_, mask_;
  const double region_scale_, word_scale_, logit_scale_;
};

}  // namespace

GD_REGISTER(Objective, "word-region-contrast", WordRegionContrast)

}  // namespace gd
