// Each sample's score with its partner, ahead of the statistics that count the scores above it. By the same products as in
// the tiles, so that it equals its own tile's score, and those of its duplicates, to the bit.
#pragma once

#include "kernels/tile_scores.h"

namespace gd::tile {

struct PartnerParameters {
  Side rows, columns;
  int width_bytes = 0;
  const float* scale = nullptr;
  bool scale_by_row = false;
  PairList excluded;
  const int64_t* partner = nullptr;
  bool of_rows = true;     // the partner of each row, else of each column
  float* score = nullptr;  // NaN without a valid partner: nothing is larger than it
};

struct PartnerLayout {
  Layout layout;
  Ring ring;
  GD_BOTH_SIDES PartnerLayout() { ring = ring_of(layout, 64, 64, 2); }
};

// Samples [64·block, 64·block + 64) against their partners; of the 64 × 64 products the diagonal is used.
template <typename Type>
GD_TILE void partner_block(Block& block, const PartnerParameters& p, int64_t first) {
  using S = Shares<4, 2, 1, 4>;
  const PartnerLayout at;
  const int64_t count = p.of_rows ? p.rows.count : p.columns.count;
  const auto pair = [&](int64_t i, int64_t& row, int64_t& column) {
    const int64_t partner = i < count ? p.partner[i] : -1;
    row = p.of_rows ? i : partner;
    column = p.of_rows ? partner : i;
    return i < count && partner >= 0;
  };
  Sums<S::M, S::N> scores;
  multiply_through<Type, S>(block, scores, at.ring, p.width_bytes / 128, [&](Tile left, Tile right, int step) {
    block.threads([&](int thread) {
      for (int i = thread; i < 64 * 8; i += threads_a_block) {
        int64_t row, column;
        const bool valid = pair(first + i / 8, row, column);
        const int byte = i % 8 * 16;
        const auto source = [&](const Side& side, int64_t sample) {
          return static_cast<const char*>(side.matrix) + (valid ? sample : 0) * side.pitch + step * 128 + byte;
        };
        block.copy16(thread, left.place(i / 8, byte), source(p.rows, row), valid);
        block.copy16(thread, right.place(i / 8, byte), source(p.columns, column), valid);
      }
    });
  });
  each<S>(block, scores, [&](int, int r, int c, float z) {
    if (r != c || first + r >= count) return;
    int64_t row, column;
    const bool valid = pair(first + r, row, column) && is_there(p.rows, row) && is_there(p.columns, column) &&
                       !is_listed(p.excluded, row, column);
    p.score[first + r] = valid ? z * p.scale[p.scale_by_row ? row : 0] : infinity() - infinity();
  });
}

}  // namespace gd::tile
