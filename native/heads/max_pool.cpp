#include "core/registry.h"
#include "heads/from_to.h"

#include <ATen/ATen.h>

#include <limits>

namespace gd {
namespace {

class MaxPool : public Head {
 public:
  static constexpr const char* help =
      "Largest value of each component over the places that count, [B, N, D] → [B, D]; zero for a sample in which none does.";
  static OptionList options() { return FromTo::options({mask_option()}); }
  static Example example() {
    return gd::example({{"from", "text.tokens"}, {"to", "text.global"}, {"mask", "text.mask"}},
                       {{"text.tokens", {4, 3}}, {"text.mask", {4}, ExampleFeature::mask}});
  }

  MaxPool(const Scope&, const Options& options) : names_(options), mask_(options.text("mask")) {}

  void operator()(Features& features, Pass&) override {
    const Tensor& x = names_.read_sequence(features);
    const Tensor mask = mask_of(features, mask_);
    if (!mask.defined()) return names_.write(features, std::get<0>(x.max(1)));
    const Tensor counted = x.masked_fill(mask.logical_not().unsqueeze(-1), -std::numeric_limits<double>::infinity());
    names_.write(features, std::get<0>(counted.max(1)).masked_fill(mask.any(1, true).logical_not(), 0));
  }

 private:
  FromTo names_;
  std::string mask_;
};

}  // namespace

GD_REGISTER(Head, "max-pool", MaxPool)

}  // namespace gd
