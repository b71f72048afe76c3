// Where each entity that is there lies (MedKLIP, Wu et al. 2023, §3.3: the loss of position).
#include "core/error.h"
#include "core/parts.h"
#include "core/registry.h"
#include "heads/layers/book.h"
#include "objectives/entities.h"
#include "objectives/present.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

// With a vector f_bk an entity, constant vectors p of the positions' texts (the buffer book.vectors) and candidates c_bk0 … c_bkM,
// of which the first is right and the others were drawn:
//   loss = mean over {(b, k): y_bk = 1} of −log softmax_m(f_bk · p_{c_bkm})_0
// without temperature or normalisation, as in the authors' code.
struct EntityPosition : Objective {
  static constexpr const char* help =
      "Contrast of an entity's vector with the text vector of its anatomical position against those of drawn wrong ones "
      "(MedKLIP, "
      "Wu et al. 2023); `book` of the recipe says where the texts' vectors come from";
  static OptionList options() {
    return {
        feature_option("feature", "image.positions", "a vector an entity [B, K, D]"),
        feature_option("labels", "triplets.labels", "1 where an entity is there [B, K]"),
        feature_option("candidates", "triplets.positions", "numbers of positions [B, K, 1 + wrong ones], the right one first"),
        required(integer_option("positions", 0, "texts of the book")),
        required(integer_option("width", 0, "D, of the texts' vectors too")),
        numbers_option("excluded", {}, "numbers of entities that take no part, from 0"),
        number_option("weight", 1, "factor on the loss")};
  }
  static Example example() {
    return gd::example({{"positions", 5}, {"width", 4}, {"excluded", Value::Array{Value(0)}}},
                       {{"image.positions", {3, 4}},
                        {"triplets.labels", {3}, ExampleFeature::labels},
                        {"triplets.positions", {3, 4}, ExampleFeature::ids, 5}});
  }

  EntityPosition(Scope scope, const Options& options)
      : feature_(options.text("feature")),
        labels_(options.text("labels")),
        candidates_(options.text("candidates")),
        excluded_(options.integers("excluded")),
        weight_(options.number("weight")),
        book_(book(scope / "book", options.integer("positions"), options.integer("width"))) {}

  Losses operator()(const Features& features, const Relation&, Pass&) override {
    const Tensor f = features.at(feature_).to(book_.scalar_type());
    const Tensor &labels = features.at(labels_), &candidates = features.at(candidates_);
    expect(f.dim() == 3 && f.size(2) == book_.size(1) && labels.sizes() == f.sizes().slice(0, 2) && candidates.dim() == 3 &&
               candidates.sizes().slice(0, 2) == labels.sizes(),
           "bad-shape", "expected [B, K, ", book_.size(1), "], [B, K] and [B, K, M] for ", feature_, ", ", labels_, " and ",
           candidates_, " but got ", f.sizes(), ", ", labels.sizes(), " and ", candidates.sizes());
    const Tensor there = (labels > 0.5) & entities_that_count(f.size(1), excluded_, f) &
                         present_of(features, feature_).unsqueeze(1) & present_of(features, labels_).unsqueeze(1);
    // Few of the entities are there: only those meet the texts.
    const Tensor which = there.flatten().nonzero().squeeze(1);
    const Tensor scores =
        at::matmul(f.flatten(0, 1).index_select(0, which), book_.t()).gather(1, candidates.flatten(0, 1).index_select(0, which));
    const Tensor count = at::scalar_tensor(std::max<int64_t>(which.size(0), 1), scores.options().requires_grad(false));
    Losses losses;
    losses.add("position", -at::log_softmax(scores, 1).select(1, 0).sum() / count * weight_);
    losses.measure("positionAccuracy", (scores.argmax(1) == 0).to(scores.scalar_type()).sum() / count);
    return losses;
  }

 private:
  const std::string feature_, labels_, candidates_;
  const std::vector<int64_t> excluded_;
  const double weight_;
  Tensor book_;
};

}  // namespace

GD_REGISTER(Objective, "entity-position", EntityPosition)

}  // namespace gd
