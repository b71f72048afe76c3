// Multi-label classification: one sigmoid a finding, unknown labels left out.
#include "core/parts.h"
#include "core/registry.h"
#include "objectives/present.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

// loss = mean over known (b, k) of −y log σ(z) − (1−y) log(1−σ(z)), z = feature·Wᵀ + bias, or the feature itself.
struct MultiLabel : Objective {
  static constexpr const char* help =
      "Binary cross-entropy of a linear classifier on one feature; labels 1 present, 0 absent, below 0 unknown and left out";
  static OptionList options() {
    return {feature_option("feature", "image.global", "input [B, D]"),
            feature_option("labels", "labels.values", "labels [B, K]"),
            required(integer_option("width", 0, "D")),
            required(integer_option("classes", 0, "K")),
            integer_option("firstLabel", -1,
                           "where the column holds more labels: place of the first of the K; below 0: it holds the K alone"),
            flag_option("logits", false, "the feature is z itself, [B, K], as a head gives it: nothing is learned here"),
            number_option("weight", 1, "factor on the loss"),
            numbers_option("positiveWeights", {}, "factor on the positive term of each class; empty: 1")};
  }

  static Example example() {
    return gd::example({{"width", 4}, {"classes", 3}}, {{"image.global", {4}}, {"labels.values", {3}, ExampleFeature::labels}});
  }

  MultiLabel(Scope scope, const Options& options)
      : feature_(options.text("feature")),
        labels_(options.text("labels")),
        weight_(options.number("weight")),
        classes_(options.integer("classes")),
        first_(options.integer("firstLabel")) {
    const int64_t width = options.integer("width"), classes = classes_;
    if (options.flag("logits")) {
      expect(width == classes, "bad-option", "expected multi-label.width ", classes,
             ", as many as classes, where the feature is the ", "logits but got ", width);
    } else {
      classifier_ = scope.parameter("classifier.weight", {classes, width}, Init::fan_in(width));
      bias_ = scope.parameter("classifier.bias", {classes}, Init::zeros());
    }
    const auto positive = options.numbers("positiveWeights");
    if (!positive.empty()) {
      expect(static_cast<int64_t>(positive.size()) == classes, "bad-option", "expected ", classes,
             " numbers for multi-label.positiveWeights but got ", positive.size());
      positive_ = at::tensor(positive, at::kDouble);
    }
  }

  Losses operator()(const Features& features, const Relation&, Pass&) override {
    const Tensor& given = features.at(feature_);
    // Logits of a head that computes in half precision are summed in single.
    const Tensor x =
        given.to(classifier_.defined() ? classifier_.scalar_type() : at::promote_types(given.scalar_type(), at::kFloat));
    const Tensor all = features.at(labels_).to(x.scalar_type());
    expect(first_ < 0 || all.size(-1) >= first_ + classes_, "bad-shape", "expected at least ", first_ + classes_, " labels for ",
           labels_, " but got ", all.size(-1));
    const Tensor labels = first_ >= 0 ? all.narrow(-1, first_, classes_) : all;
    const Tensor z = classifier_.defined() ? at::linear(x, classifier_, bias_) : x;
    expect(z.sizes() == labels.sizes(), "bad-shape", "expected labels ", z.sizes(), " for ", labels_, " but got ",
           labels.sizes());
    const Tensor known = (labels >= 0) & present_of(features, feature_).unsqueeze(1) & present_of(features, labels_).unsqueeze(1);
    // −y log σ(z) = y softplus(−z): finite for any logit.
    Tensor positive = labels * at::softplus(-z);
    if (positive_.defined()) {
      positive_ = positive_.to(x.options());  // once
      positive = positive * positive_;
    }
    const Tensor each = positive + (1 - labels) * at::softplus(z);

    Losses losses;
    losses.add("multiLabel", mean_over(each, known) * weight_);
    losses.measure("labelAccuracy", mean_over(((z > 0) == (labels > 0.5)).to(x.scalar_type()), known));
    return losses;
  }

 private:
  const std::string feature_, labels_;
  const double weight_;
  const int64_t classes_, first_;
  Tensor classifier_, bias_, positive_;
};

}  // namespace

GD_REGISTER(Objective, "multi-label", MultiLabel)

}  // namespace gd
