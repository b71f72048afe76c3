#include "core/registry.h"
#include "heads/from_to.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

class Normalise : public Head {
 public:
  static constexpr const char* help = "Scales the last dimension to unit length (L2).";
  static OptionList options() {
    return FromTo::options({number_option("eps", 1e-12, "shortest length that is divided by; zero vectors stay zero")});
  }
  static Example example() { return gd::example({{"from", "image.global"}}, {{"image.global", {5}}}); }

  Normalise(const Scope&, const Options& options) : names_(options), eps_(options.number("eps")) {}

  void operator()(Features& features, Pass&) override {
    const Tensor& x = names_.read(features);
    names_.write(features, x / x.norm(2, -1, /*keepdim=*/true).clamp_min(eps_));
  }

 private:
  FromTo names_;
  double eps_;
};

}  // namespace

GD_REGISTER(Head, "normalise", Normalise)

}  // namespace gd
