#include "core/registry.h"
#include "heads/from_to.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

class FirstPool : public Head {
 public:
  static constexpr const char* help = "The first place, [B, N, D] → [B, D]: the [CLS] token of a text.";
  static OptionList options() { return FromTo::options({}); }
  static Example example() { return gd::example({{"from", "text.tokens"}, {"to", "text.global"}}, {{"text.tokens", {4, 3}}}); }

  FirstPool(const Scope&, const Options& options) : names_(options) {}

  void operator()(Features& features, Pass&) override { names_.write(features, names_.read_sequence(features).select(1, 0)); }

 private:
  FromTo names_;
};

}  // namespace

GD_REGISTER(Head, "first-pool", FirstPool)

}  // namespace gd
