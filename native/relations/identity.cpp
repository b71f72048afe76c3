// Sample i of one modality belongs with sample i of the other, and with no other.
#include "core/parts.h"
#include "core/registry.h"

namespace gd {
namespace {

struct Identity : RelationRule {
  static constexpr const char* help = "Each sample belongs with its own partner alone (CLIP)";
  static OptionList options() { return {}; }
  static Example example() { return gd::example({}, {}); }
  Identity(Scope, const Options&) {}
  Relation operator()(const Features&) override { return {}; }
};

}  // namespace

GD_REGISTER(RelationRule, "identity", Identity)

}  // namespace gd
