// What the kernels of scores share: the two sides of a problem, the pairs that are marked in a tile, and the product over
// the whole width in a ring of stages.
#pragma once

#include "kernels/tile.h"

namespace gd::tile {

// One side of the scores: N samples of `pitch` bytes each. In a pass for the columns' gradient the columns come first.
struct Side {
  const void* matrix = nullptr;
  int64_t pitch = 0;
  int64_t count = 0;
  const uint8_t* there = nullptr;  // null: all
  const float* labels = nullptr;   // [count, label_width], null: none
};

// Pairs by rows, columns ascending; null: none. A partner, where given, is one more pair of its row.
struct PairList {
  const int64_t* offsets = nullptr;
  const int32_t* columns = nullptr;
  const int64_t* partner = nullptr;
};

GD_TILE bool is_there(const Side& side, int64_t i) { return i < side.count && (!side.there || side.there[i]); }

// The first place in [begin, end) of ascending `list` whose value is at least `least`.
GD_TILE int64_t first_at_least(const int32_t* list, int64_t begin, int64_t end, int64_t least) {
  while (begin < end) {
    const int64_t middle = begin + (end - begin) / 2;
    if (list[middle] < least)
      begin = middle + 1;
    else
      end = middle;
  }
  return begin;
}

// Where a pair stands in the list, which holds it.
GD_TILE int64_t place_of(const PairList& list, int64_t row, int64_t column) {
  return first_at_least(list.columns, list.offsets[row], list.offsets[row + 1], column);
}

GD_TILE bool is_listed(const PairList& list, int64_t row, int64_t column) {
  if (!list.offsets) return false;
  const int64_t end = list.offsets[row + 1], at = first_at_least(list.columns, list.offsets[row], end, column);
  return at < end && list.columns[at] == column;
}

// One bit a pair of a tile of `rows` × `columns`: words of 32 columns, row by row. One thread owns the words of a row.
struct Marks {
  Array<uint32_t> words;
  int columns;
};

GD_TILE void mark_pairs(Block& block, Marks marks, const PairList& list, int rows, int64_t row0, int64_t row_count,
                        int64_t column0) {
  const int words = (marks.columns + 31) / 32;
  block.threads([&](int thread) {
    if (thread >= rows) return;
    for (int word = 0; word < words; ++word) set(block, thread, marks.words, thread * words + word, uint32_t{0});
    const int64_t row = row0 + thread;
    if (row >= row_count) return;
    const auto mark = [&](int64_t column) {
      const int at = static_cast<int>(column - column0), word = thread * words + at / 32;
      set(block, thread, marks.words, word, get(block, thread, marks.words, word) | 1u << (at & 31));
    };
    if (list.offsets) {
      const int64_t end = list.offsets[row + 1];
      for (int64_t at = first_at_least(list.columns, list.offsets[row], end, column0);
           at < end && list.columns[at] < column0 + marks.columns; ++at)
        mark(list.columns[at]);
    }
    if (list.partner && list.partner[row] >= column0 && list.partner[row] < column0 + marks.columns) mark(list.partner[row]);
  });
}

GD_TILE bool is_marked(Block& block, int thread, Marks marks, int row, int column) {
  return get(block, thread, marks.words, row * ((marks.columns + 31) / 32) + column / 32) >> (column & 31) & 1;
}

// Two or three stages of 128 bytes of every row of both factors: the copies of the next steps run under the product of this.
struct Ring {
  int at;
  int left_rows, right_rows;
  int stages;
  GD_BOTH_SIDES Tile left(int stage) const { return {at + stage * (left_rows + right_rows) * 128, 128}; }
  GD_BOTH_SIDES Tile right(int stage) const { return {at + (stage * (left_rows + right_rows) + left_rows) * 128, 128}; }
};
GD_BOTH_SIDES Ring ring_of(Layout& layout, int left_rows, int right_rows, int stages) {
  return {layout.tile(stages * (left_rows + right_rows), 128).at, left_rows, right_rows, stages};
}

// sums = the product of two factors over `steps` steps of 128 bytes. load(left tile, right tile, step) starts the copies of
// a step. Nobody may still read the ring when it starts; the last stages are still being read when it ends.
template <typename Type, typename S, typename Load>
GD_TILE void multiply_through(Block& block, Sums<S::M, S::N>& sums, const Ring& ring, int steps, Load load) {
  sums.zero();
  for (int step = 0; step < ring.stages - 1; ++step) {
    if (step < steps) load(ring.left(step), ring.right(step), step);
    block.commit();
  }
  int now = 0, next = ring.stages - 1;
  for (int step = 0; step < steps; ++step) {
    if (ring.stages == 3)
      block.template await<1>();
    else
      block.template await<0>();
    // After it all see this step's copies, and nobody still reads the stage that is filled next.
    block.barrier();
    if (step + ring.stages - 1 < steps) load(ring.left(next), ring.right(next), step + ring.stages - 1);
    block.commit();
    multiply<Type, S>(block, sums, ring.left(now), ring.right(now), 4);
    now = now + 1 == ring.stages ? 0 : now + 1;
    next = next + 1 == ring.stages ? 0 : next + 1;
  }
}

// A sum of exponentials as (largest exponent, sum of exp(x − largest)), and the same with weights: Σ exp(x − largest) w.
struct Exponentials {
  float top, sum, weighted;
};
GD_TILE Exponentials merge(const Exponentials& a, const Exponentials& b) {
  const float top = a.top > b.top ? a.top : b.top;
  if (top == -infinity()) return {top, 0, 0};
  const float p = exponential(a.top - top), q = exponential(b.top - top);
  return {top, a.sum * p + b.sum * q, a.weighted * p + b.weighted * q};
}

}  // namespace gd::tile
