// Mirroring a picture turns left into right; its text must follow. Image and text inputs decide alike, because both ask
// here and the answer is a function of the sample's key.
#pragma once

#include "data/input.h"

namespace gd {

struct Flip {
  double probability = 0;
  // ignore: texts are left alone, every view decides for itself. refuse: a row whose texts name a side is never mirrored.
  // swap: the texts of a mirrored row exchange the sides. Under refuse and swap one decision holds for all views of a row.
  enum class Text { ignore, refuse, swap } text = Text::ignore;
};

struct Sides {
  std::string column;                              // of the texts
  std::vector<std::pair<int32_t, int32_t>> pairs;  // token ids that exchange, e.g. those of "left" and "right"
};

// Never true in evaluation. `names_side` matters under refuse alone.
bool flipped(const Flip& flip, const SampleKey& key, int64_t view, bool names_side);

// Whether any stored text of the row holds one of the tokens.
bool names_side(const Dataset& data, int64_t row, const Sides& sides);

void swap_sides(const Sides& sides, std::vector<int32_t>& ids);

}  // namespace gd
