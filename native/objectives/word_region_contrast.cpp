// Contrast of words and image regions (GLoRIA; Huang et al. 2021, eq. 3–8).
#include "core/parts.h"
#include "core/registry.h"
#include "kernels/word_region.h"
#include "objectives/pair.h"
#include "objectives/present.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

// Z from kernels/word_region.h, then
//   loss = mean_i −log softmax_j(logitScale · Z_i·)_i + mean_j −log softmax_i(logitScale · Z_·j)_j
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
        logit_scale_(options.number("logitScale")) {
    scales_.region_scale = options.number("regionScale");
    scales_.word_scale = options.number("wordScale");
  }

  Losses operator()(const Features& features, const Relation& relation, Pass& pass) override {
    const auto type = at::promote_types(features.at(regions_).scalar_type(), at::kFloat);
    const Tensor v = features.at(regions_).to(type), e = features.at(words_).to(type), mask = features.at(mask_);
    expect(v.dim() == 3 && e.dim() == 3 && v.size(2) == e.size(2), "bad-shape",
           "expected [B, N, D] and [B, T, D] of one width for ", regions_, " and ", words_, " but got ", v.sizes(), " and ",
           e.sizes());
    // A text without words scores 0 and takes no part.
    const Tensor z = word_region(v, e, mask, Tensor(), scales_, pass.group) * logit_scale_;  // rows images, columns texts
    const SymmetricSoftmax both =
        symmetric_softmax(z, relation, present_of(features, regions_), present_of(features, words_) & mask.any(1));
    Losses losses;
    losses.add("wordRegion", mean_over(both.row_loss, both.row_there) + mean_over(both.column_loss, both.column_there));
    return losses;
  }

 private:
  const std::string regions_, words_, mask_;
  const double logit_scale_;
  WordRegionOptions scales_;
};

}  // namespace

GD_REGISTER(Objective, "word-region-contrast", WordRegionContrast)

}  // namespace gd
