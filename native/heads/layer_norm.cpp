#include "core/registry.h"
#include "heads/from_to.h"
#include "heads/layers/norm.h"

namespace gd {
namespace {

class LayerNormHead : public Head {
 public:
  static constexpr const char* help =
      "Layer normalisation of the last dimension (Ba et al. 2016), with a learned scale and shift.";
  static OptionList options() {
    return FromTo::options(
        {required(integer_option("inputWidth", 0, "width of `from`")), number_option("eps", 1e-5, "added to the variance")});
  }
  static Example example() { return gd::example({{"from", "image.global"}, {"inputWidth", 5}}, {{"image.global", {5}}}); }

  LayerNormHead(const Scope& scope, const Options& options)
      : names_(options), norm_(scope, options.integer("inputWidth"), options.number("eps")) {}

  void operator()(Features& features, Pass&) override { names_.write(features, norm_(names_.read(features))); }

 private:
  FromTo names_;
  LayerNorm norm_;
};

}  // namespace

GD_REGISTER(Head, "layer-norm", LayerNormHead)

}  // namespace gd
