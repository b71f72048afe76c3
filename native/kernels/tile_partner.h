// Scores of single pairs: of each sample with its partner, ahead of the statistics, which count the scores above it, and of lists.
// By the same products as in the tiles, so that they equal their own tile's score, and those of duplicates, to the bit.
#pragma once

#include "kernels/tile_scores.h"

namespace gd::tile {

struct PartnerParameters {
  Side rows, columns;
  int width_bytes = 0;
  const float* scale = nullptr;
  bool scale_by_row = false;
  // One of the two: a sample's partner, or a list.
  const int64_t* partner = nullptr;
  bool of_rows = true;  // the partner of each row, else of each column
  PairList list;
  int64_t count = 0;       // of samples, or of listed pairs
  float* score = nullptr;  // [count]
  float none = 0;          // where there is no partner, or one of the two is absent
};

struct PartnerLayout {
  Layout layout;
  Array<int32_t> row, column;  // of 64 pairs; −1: none
  Ring ring;
  GD_BOTH_SIDES PartnerLayout() {
    row = layout.array<int32_t>(64);
    column = layout.array<int32_t>(64);
    ring = ring_of(layout, 64, 64, 2);
  }
};

// The last row whose pairs begin at `pair` or before.
GD_TILE int64_t row_of_pair(const PairList& list, int64_t rows, int64_t pair) {
  int64_t begin = 0, end = rows;
  while (end - begin > 1) {
    const int64_t middle = begin + (end - begin) / 2;
    if (list.offsets[middle] <= pair)
      begin = middle;
    else
      end = middle;
  }
  return begin;
}

// Pairs [first, first + 64); of the 64 × 64 products the diagonal is used.
template <typename Type>
GD_TILE void partner_block(Block& block, const PartnerParameters& p, int64_t first) {
  using S = Shares<4, 2, 1, 4>;
  const PartnerLayout at;
  block.threads([&](int thread) {
    if (thread >= 64) return;
    const int64_t i = first + thread;
    int64_t row = -1, column = -1;
    if (i < p.count) {
      const int64_t other = p.partner ? p.partner[i] : p.list.columns[i],
                    own = p.partner ? i : row_of_pair(p.list, p.rows.count, i);
      row = p.of_rows ? own : other;
      column = p.of_rows ? other : own;
    }
    const bool valid = row >= 0 && column >= 0 && is_there(p.rows, row) && is_there(p.columns, column);
    set(block, thread, at.row, thread, valid ? static_cast<int32_t>(row) : -1);
    set(block, thread, at.column, thread, valid ? static_cast<int32_t>(column) : -1);
  });
  block.barrier();
  Sums<S::M, S::N> scores;
  multiply_through<Type, S>(block, scores, at.ring, p.width_bytes / 128, [&](Tile left, Tile right, int step) {
    block.threads([&](int thread) {
      for (int i = thread; i < 64 * 8; i += threads_a_block) {
        const int byte = i % 8 * 16;
        const auto copy = [&](Tile to, const Side& side, Array<int32_t> samples) {
          const int32_t sample = get(block, thread, samples, i / 8);
          const char* from = static_cast<const char*>(side.matrix) + (sample < 0 ? 0 : sample) * side.pitch + step * 128 + byte;
          block.copy16(thread, to.place(i / 8, byte), from, sample >= 0);
        };
        copy(left, p.rows, at.row);
        copy(right, p.columns, at.column);
      }
    });
  });
  each<S>(block, scores, [&](int thread, int r, int c, float z) {
    if (r != c || first + r >= p.count) return;
    const int32_t row = get(block, thread, at.row, r);
    p.score[first + r] = row >= 0 ? z * p.scale[p.scale_by_row ? row : 0] : p.none;
  });
}

}  // namespace gd::tile
