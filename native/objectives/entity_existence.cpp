// Whether each entity of a list is there (MedKLIP, Wu et al. 2023, §3.3: the loss of existence).
#include "core/error.h"
#include "core/parts.h"
#include "core/registry.h"
#include "objectives/entities.h"
#include "objectives/present.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

// With two logits z [B, K, 2] a query (1 is present) and labels y in {1, 0, −1 not mentioned}:
//   loss = mean over {(b, k): y ≥ 0} of −log softmax(z_bk)_y
struct EntityExistence : Objective {
  static constexpr const char* help =
      "Cross-entropy of two logits an entity, absent and present, over the entities that the text mentions (MedKLIP, Wu et al. "
      "2023)";
  static OptionList options() {
    return {feature_option("logits", "image.existence", "two logits an entity [B, K, 2]"),
            feature_option("labels", "triplets.labels", "1 present, 0 absent, below 0 not mentioned and left out [B, K]"),
            numbers_option("excluded", {}, "numbers of entities that take no part, from 0"),
            number_option("weight", 1, "factor on the loss")};
  }
  static Example example() {
    return gd::example({{"excluded", Value::Array{Value(2)}}},
                       {{"image.existence", {4, 2}}, {"triplets.labels", {4}, ExampleFeature::labels}});
  }

  EntityExistence(Scope, const Options& options)
      : logits_(options.text("logits")),
        labels_(options.text("labels")),
        excluded_(options.integers("excluded")),
        weight_(options.number("weight")) {}

  Losses operator()(const Features& features, const Relation&, Pass&) override {
    const Tensor& given = features.at(logits_);
    const Tensor z = given.to(at::promote_types(given.scalar_type(), at::kFloat)), labels = features.at(labels_);
    expect(z.dim() == 3 && z.size(2) == 2 && labels.sizes() == z.sizes().slice(0, 2), "bad-shape",
           "expected logits [B, K, 2] and labels [B, K] for ", logits_, " and ", labels_, " but got ", z.sizes(), " and ",
           labels.sizes());
    const Tensor known = (labels >= 0) & entities_that_count(z.size(1), excluded_, z) &
                         present_of(features, logits_).unsqueeze(1) & present_of(features, labels_).unsqueeze(1);
    const Tensor answer = (labels > 0.5).to(at::kLong);
    const Tensor each = -at::log_softmax(z, 2).gather(2, answer.unsqueeze(2)).squeeze(2);
    Losses losses;
    losses.add("existence", mean_over(each, known) * weight_);
    losses.measure("existenceAccuracy", mean_over((z.argmax(2) == answer).to(z.scalar_type()), known));
    return losses;
  }

 private:
  const std::string logits_, labels_;
  const std::vector<int64_t> excluded_;
  const double weight_;
};

}  // namespace

GD_REGISTER(Objective, "entity-existence", EntityExistence)

}  // namespace gd
