#include "data/flip.h"

namespace gd {

bool flipped(const Flip& flip, const SampleKey& key, int64_t view, bool names_side) {
  if (!key.training || flip.probability <= 0) return false;
  if (flip.text == Flip::Text::refuse && names_side) return false;
  return key.draw("flip", flip.text == Flip::Text::ignore ? static_cast<uint64_t>(view) : 0).chance(flip.probability);
}

bool names_side(const Dataset& data, int64_t row, const Sides& sides) {
  const Cell texts = data.cell(row, sides.column);
  for (int64_t t = 0; t < texts.size(); ++t) {
    const Cell text = texts.item(t);
    if (text.is_null() || !text.has("sentences")) continue;
    const Cell sentences = text.field("sentences");
    for (int64_t s = 0; s < sentences.size(); ++s)
      for (const int32_t id : sentences.item(s).integers())
        for (const auto& [left, right] : sides.pairs)
          if (id == left || id == right) return true;
  }
  return false;
}

void swap_sides(const Sides& sides, std::vector<int32_t>& ids) {
  for (int32_t& id : ids) {
    for (const auto& [left, right] : sides.pairs) {
      if (id != left && id != right) continue;
      id = id == left ? right : left;
      break;
    }
  }
}

}  // namespace gd
