#include "core/registry.h"
#include "heads/from_to.h"
#include "heads/layers/linear.h"

namespace gd {
namespace {

class LinearProjection : public Head {
 public:
  static constexpr const char* help = "One linear layer on the last dimension: [B, D] or [B, N, D].";
  static OptionList options() {
    return FromTo::options({required(integer_option("inputWidth", 0, "width of `from`")),
                            required(integer_option("outputWidth", 0, "width of `to`")), flag_option("bias", true, "with a bias"),
                            init_deviation_option()});
  }
  static Example example() {
    return gd::example({{"from", "image.global"}, {"to", "image.projected"}, {"inputWidth", 5}, {"outputWidth", 3}},
                       {{"image.global", {5}}});
  }

  LinearProjection(const Scope& scope, const Options& options)
      : names_(options),
        linear_(started(scope, options.integer("inputWidth"), options.integer("outputWidth"), options.flag("bias"), options)) {}

  void operator()(Features& features, Pass&) override { names_.write(features, linear_(names_.read(features))); }

 private:
  FromTo names_;
  Linear linear_;
};

}  // namespace

GD_REGISTER(Head, "linear-projection", LinearProjection)

}  // namespace gd
