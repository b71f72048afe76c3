#include "core/registry.h"
#include "heads/from_to.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

class MeanPool : public Head {
 public:
  static constexpr const char* help =
      "Mean over the places that count, [B, N, D] → [B, D]; zero for a sample in which none does.";
  static OptionList options() { return FromTo::options({mask_option()}); }
  static Example example() {
    return gd::example({{"from", "text.tokens"}, {"to", "text.global"}, {"mask", "text.mask"}},
                       {{"text.tokens", {4, 3}}, {"text.mask", {4}, ExampleFeature::mask}});
  }

  MeanPool(const Scope&, const Options& options) : names_(options), mask_(options.text("mask")) {}

  void operator()(Features& features, Pass&) override {
    const Tensor& x = names_.read_sequence(features);
    const Tensor mask = mask_of(features, mask_);
    if (!mask.defined()) return names_.write(features, x.mean(1));
    const Tensor weight = mask.unsqueeze(-1).to(x.scalar_type());
    // masked_fill and not a product: what stands in the padding may be infinite
    names_.write(features, x.masked_fill(mask.logical_not().unsqueeze(-1), 0).sum(1) / weight.sum(1).clamp_min(1));
  }

 private:
  FromTo names_;
  std::string mask_;
};

}  // namespace

GD_REGISTER(Head, "mean-pool", MeanPool)

}  // namespace gd
