// The forward of the soft-max contrast as blocks of tiles; see tile.h. Tiles are 128 × 128. A block owns a strip of rows × a
// strip of columns, walks its tiles row by row and keeps, for its rows and for its columns, running sums of exponentials.
// At most 16 strips a side: each row has at most 16 partial sums, which a second launch puts together. The order of all
// sums depends on N and M alone: the same bits on every card and in every run.
#pragma once

#include "kernels/tile_scores.h"

namespace gd::tile {

constexpr int statistics_tile = 128;
constexpr int most_strips = 16;

// Per sample and strip: `strips` arrays of [count] each. The label's arrays are null without labels and hardness, `larger` without
// thresholds.
struct Partials {
  float *top = nullptr, *sum = nullptr;
  float *label_top = nullptr, *label_sum = nullptr, *label_weighted = nullptr;
  int32_t* larger = nullptr;  // candidates with a score above the threshold
  const float* threshold = nullptr;
};

struct StatisticsParameters {
  Side rows, columns;
  int width_bytes = 0;  // of a sample, a multiple of 128
  const float* scale = nullptr;
  bool scale_by_row = false;
  PairList excluded;
  int label_width = 0;
  float label_scale = 1;
  float hardness = 0;  // above 0, without labels: of the scores that stand in their place
  GD_BOTH_SIDES bool second() const { return rows.labels || hardness > 0; }
  int row_tiles = 0, column_tiles = 0;  // of a strip
  int row_strips = 0, column_strips = 0;
  int stages = 2;
  Partials row_partials, column_partials;  // of column strips; of row strips
};

using StatisticsShares = Shares<2, 4, 4, 4>;

// Arrays first, so that their places are known to the compiler.
template <bool Labels>
struct StatisticsLayout {
  using S = StatisticsShares;
  static constexpr int n = statistics_tile, kinds = Labels ? 5 : 2;  // top, sum, and with labels label top, sum, weighted
  Layout layout;
  Array<float> scale, row_threshold, column_threshold;
  Array<uint8_t> row_there, column_there;
  Array<float> row_sums, column_sums;  // of a tile, by kind and by warp across its columns / down its rows
  Array<int32_t> row_larger, column_larger;
  Array<float> running;  // of the strip's rows, by kind
  Array<int32_t> running_larger;
  Marks excluded;
  Ring ring;

  GD_BOTH_SIDES explicit StatisticsLayout(int stages) {
    scale = layout.array<float>(n);
    row_threshold = layout.array<float>(n);
    column_threshold = layout.array<float>(n);
    row_there = layout.array<uint8_t>(n);
    column_there = layout.array<uint8_t>(n);
    row_sums = layout.array<float>(kinds * S::Across * n);
    column_sums = layout.array<float>(kinds * S::Down * n);
    row_larger = layout.array<int32_t>(S::Across * n);
    column_larger = layout.array<int32_t>(S::Down * n);
    running = layout.array<float>(kinds * n);
    running_larger = layout.array<int32_t>(n);
    excluded = {layout.array<uint32_t>(n * n / 32), n};
    ring = ring_of(layout, n, n, stages);
  }
};

GD_BOTH_SIDES bool wants_ranks(const StatisticsParameters& p) { return p.row_partials.larger || p.column_partials.larger; }

// Along rows (ByRow) or columns of the block's scores: the largest, the sum of exponentials, the number above the threshold.
// A lane first takes its own elements, then the lanes that share a row (or a column) exchange, then one of them writes.
template <bool ByRow, bool Labels>
GD_TILE void reduce_scores(Block& block, const StatisticsLayout<Labels>& at, bool ranks, Sums<4, 4>& scores, Sums<4, 4>& labels) {
  using S = StatisticsShares;
  constexpr int n = statistics_tile;
  const auto larger = [](float x, float y) { return x > y ? x : y; };
  const auto plus = [](auto x, auto y) { return x + y; };
  block.warps([&](int warp) {
    GD_UNROLL
    for (int line = 0; line < 8; ++line) {  // of the lane's 8 rows, or of its 8 columns
      // The k-th element of the line.
      const auto score = [&](Sums<4, 4>& sums, int lane, int k) -> float& {
        return ByRow ? sums.at(warp, lane, line >> 1, k >> 1, (line & 1) * 2 + (k & 1))
                     : sums.at(warp, lane, k >> 1, line >> 1, (k & 1) * 2 + (line & 1));
      };
      const auto place = [&](int lane) {
        return ByRow ? S::row(warp) + (line >> 1) * 16 + fragment_row(lane, (line & 1) * 2)
                     : S::column(warp) + (line >> 1) * 8 + fragment_column(lane, line & 1);
      };
      const auto exchange = [&](auto& x, auto combine) {
        if constexpr (ByRow) {
          block.exchange(x, 1, combine);
          block.exchange(x, 2, combine);
        } else {
          block.exchange(x, 4, combine);
          block.exchange(x, 8, combine);
          block.exchange(x, 16, combine);
        }
      };
      Lane<float> top, sum, label_top, label_sum, label_weighted;
      Lane<int32_t> count;
      block.lanes([&](int lane) {
        top[lane] = -infinity();
        label_top[lane] = -infinity();
        GD_UNROLL
        for (int k = 0; k < 8; ++k) {
          top[lane] = larger(top[lane], score(scores, lane, k));
          if constexpr (Labels) label_top[lane] = larger(label_top[lane], score(labels, lane, k));
        }
      });
      exchange(top, larger);
      if constexpr (Labels) exchange(label_top, larger);
      block.lanes([&](int lane) {
        sum[lane] = 0;
        label_sum[lane] = 0;
        label_weighted[lane] = 0;
        count[lane] = 0;
        if (ranks) {
          const float least = get(block, block.thread_of(lane), ByRow ? at.row_threshold : at.column_threshold, place(lane));
          GD_UNROLL
          for (int k = 0; k < 8; ++k) count[lane] += score(scores, lane, k) > least ? 1 : 0;
        }
        if (top[lane] == -infinity()) return;  // no candidate here
        GD_UNROLL
        for (int k = 0; k < 8; ++k) {
          const float z = score(scores, lane, k);
          sum[lane] += exponential(z - top[lane]);
          if constexpr (Labels) {
            if (z == -infinity()) continue;
            const float weight = exponential(score(labels, lane, k) - label_top[lane]);
            label_sum[lane] += weight;
            label_weighted[lane] += weight * z;
          }
        }
      });
      exchange(sum, plus);
      if constexpr (Labels) {
        exchange(label_sum, plus);
        exchange(label_weighted, plus);
      }
      if (ranks) exchange(count, plus);
      block.lanes([&](int lane) {
        if ((ByRow ? lane & 3 : lane >> 2) != 0) return;
        const int thread = block.thread_of(lane);
        const int to = (ByRow ? warp % S::Across : warp / S::Across) * n + place(lane);
        const Array<float> sums = ByRow ? at.row_sums : at.column_sums;
        constexpr int kind = (ByRow ? S::Across : S::Down) * n;
        set(block, thread, sums, to, top[lane]);
        set(block, thread, sums, kind + to, sum[lane]);
        if constexpr (Labels) {
          set(block, thread, sums, 2 * kind + to, label_top[lane]);
          set(block, thread, sums, 3 * kind + to, label_sum[lane]);
          set(block, thread, sums, 4 * kind + to, label_weighted[lane]);
        }
        if (ranks) set(block, thread, ByRow ? at.row_larger : at.column_larger, to, count[lane]);
      });
    }
  });
}

// The sums of one row or column: over the warps that had a part of it.
template <bool Labels>
struct LineSums {
  Exponentials scores{-infinity(), 0, 0}, labels{-infinity(), 0, 0};
  int32_t larger = 0;
  GD_TILE void gather(Block& block, int thread, Array<float> sums, Array<int32_t> counts, bool ranks, int parts, int line) {
    for (int part = 0; part < parts; ++part) {
      const int from = part * statistics_tile + line;
      scores = merge(scores, {get(block, thread, sums, from), get(block, thread, sums, parts * statistics_tile + from), 0});
      if constexpr (Labels)
        labels = merge(labels, {get(block, thread, sums, 2 * parts * statistics_tile + from),
                                get(block, thread, sums, 3 * parts * statistics_tile + from),
                                get(block, thread, sums, 4 * parts * statistics_tile + from)});
      if (ranks) larger += get(block, thread, counts, from);
    }
  }
};

template <typename Type, bool Labels>
GD_TILE void statistics_block(Block& block, const StatisticsParameters& p, int row_strip, int column_strip) {
  using S = StatisticsShares;
  constexpr int n = statistics_tile;
  const StatisticsLayout<Labels> at(p.stages);
  const bool ranks = wants_ranks(p);
  Sums<S::M, S::N> scores, labels;

  for (int row_tile = 0; row_tile < p.row_tiles; ++row_tile) {
    const int64_t row0 = (static_cast<int64_t>(row_strip) * p.row_tiles + row_tile) * n;
    if (row0 >= p.rows.count) break;
    block.barrier();
    block.threads([&](int thread) {
      if (thread >= n) return;
      const int64_t row = row0 + thread;
      const bool there = is_there(p.rows, row);
      set(block, thread, at.row_there, thread, static_cast<uint8_t>(there));
      set(block, thread, at.scale, thread, there ? p.scale[p.scale_by_row ? row : 0] : 0.0f);
      set(block, thread, at.running, thread, -infinity());
      set(block, thread, at.running, n + thread, 0.0f);
      if constexpr (Labels) {
        set(block, thread, at.running, 2 * n + thread, -infinity());
        set(block, thread, at.running, 3 * n + thread, 0.0f);
        set(block, thread, at.running, 4 * n + thread, 0.0f);
      }
      if (ranks) {
        set(block, thread, at.running_larger, thread, 0);
        set(block, thread, at.row_threshold, thread,
            p.row_partials.larger && row < p.rows.count ? p.row_partials.threshold[row] : infinity());
      }
    });

    for (int column_tile = 0; column_tile < p.column_tiles; ++column_tile) {
      const int64_t column0 = (static_cast<int64_t>(column_strip) * p.column_tiles + column_tile) * n;
      if (column0 >= p.columns.count) break;
      block.barrier();
      block.threads([&](int thread) {
        if (thread >= n) return;
        const int64_t column = column0 + thread;
        set(block, thread, at.column_there, thread, static_cast<uint8_t>(is_there(p.columns, column)));
        if (ranks)
          set(block, thread, at.column_threshold, thread,
              p.column_partials.larger && column < p.columns.count ? p.column_partials.threshold[column] : infinity());
      });
      if (p.excluded.offsets) mark_pairs(block, at.excluded, p.excluded, n, row0, p.rows.count, column0);
      if (Labels && p.rows.labels) {
        multiply_through<float, S>(block, labels, at.ring, (p.label_width + 31) / 32, [&](Tile left, Tile right, int step) {
          load_floats(block, left, n, p.rows.labels, p.label_width, row0, p.rows.count, step * 32);
          load_floats(block, right, n, p.columns.labels, p.label_width, column0, p.columns.count, step * 32);
        });
        block.barrier();
      }
      multiply_through<Type, S>(block, scores, at.ring, p.width_bytes / 128, [&](Tile left, Tile right, int step) {
        load_rows(block, left, n, p.rows.matrix, p.rows.pitch, row0, p.rows.count, step * 128, 128);
        load_rows(block, right, n, p.columns.matrix, p.columns.pitch, column0, p.columns.count, step * 128, 128);
      });

      // Scores of no candidates become −inf.
      block.warps([&](int warp) {
        block.lanes([&](int lane) {
          const int thread = block.thread_of(lane);
          GD_UNROLL
          for (int m = 0; m < S::M; ++m) GD_UNROLL
          for (int half = 0; half < 2; ++half) {
            const int row = S::row(warp) + m * 16 + fragment_row(lane, half * 2);
            const float scale = get(block, thread, at.scale, row);
            const bool row_there = get(block, thread, at.row_there, row);
            GD_UNROLL
            for (int k = 0; k < S::N * 2; ++k) {
              const int column = S::column(warp) + (k >> 1) * 8 + fragment_column(lane, k & 1);
              const bool candidate = row_there && get(block, thread, at.column_there, column) &&
                                     !(p.excluded.offsets && is_marked(block, thread, at.excluded, row, column));
              float& z = scores.at(warp, lane, m, k >> 1, half * 2 + (k & 1));
              z = candidate ? z * scale : -infinity();
              if constexpr (Labels) {
                float& label = labels.at(warp, lane, m, k >> 1, half * 2 + (k & 1));
                label = !candidate ? -infinity() : p.rows.labels ? label * p.label_scale : z * p.hardness;
              }
            }
          }
        });
      });
      reduce_scores<true, Labels>(block, at, ranks, scores, labels);
      reduce_scores<false, Labels>(block, at, ranks, scores, labels);
      block.barrier();

      // The tile's sums join those of the strip: one thread a row, one a column.
      block.threads([&](int thread) {
        LineSums<Labels> line;
        if (thread < n) {
          line.gather(block, thread, at.row_sums, at.row_larger, ranks, S::Across, thread);
          const Exponentials sum =
              merge({get(block, thread, at.running, thread), get(block, thread, at.running, n + thread), 0}, line.scores);
          set(block, thread, at.running, thread, sum.top);
          set(block, thread, at.running, n + thread, sum.sum);
          if constexpr (Labels) {
            const Exponentials label =
                merge({get(block, thread, at.running, 2 * n + thread), get(block, thread, at.running, 3 * n + thread),
                       get(block, thread, at.running, 4 * n + thread)},
                      line.labels);
            set(block, thread, at.running, 2 * n + thread, label.top);
            set(block, thread, at.running, 3 * n + thread, label.sum);
            set(block, thread, at.running, 4 * n + thread, label.weighted);
          }
          if (ranks) set(block, thread, at.running_larger, thread, get(block, thread, at.running_larger, thread) + line.larger);
          return;
        }
        const int64_t column = column0 + thread - n;
        if (column >= p.columns.count) return;
        line.gather(block, thread, at.column_sums, at.column_larger, ranks, S::Down, thread - n);
        // This block alone has this strip of this column, and this thread alone meets it in every tile of rows.
        const Partials& to = p.column_partials;
        const int64_t i = row_strip * p.columns.count + column;
        const bool first = row_tile == 0;
        const Exponentials sum = first ? line.scores : merge({to.top[i], to.sum[i], 0}, line.scores);
        to.top[i] = sum.top;
        to.sum[i] = sum.sum;
        if constexpr (Labels) {
          const Exponentials label =
              first ? line.labels : merge({to.label_top[i], to.label_sum[i], to.label_weighted[i]}, line.labels);
          to.label_top[i] = label.top;
          to.label_sum[i] = label.sum;
          to.label_weighted[i] = label.weighted;
        }
        if (to.larger) to.larger[i] = (first ? 0 : to.larger[i]) + line.larger;
      });
    }

    block.threads([&](int thread) {
      const int64_t row = row0 + thread;
      if (thread >= n || row >= p.rows.count) return;
      const Partials& to = p.row_partials;
      const int64_t i = column_strip * p.rows.count + row;
      to.top[i] = get(block, thread, at.running, thread);
      to.sum[i] = get(block, thread, at.running, n + thread);
      if constexpr (Labels) {
        to.label_top[i] = get(block, thread, at.running, 2 * n + thread);
        to.label_sum[i] = get(block, thread, at.running, 3 * n + thread);
        to.label_weighted[i] = get(block, thread, at.running, 4 * n + thread);
      }
      if (to.larger) to.larger[i] = get(block, thread, at.running_larger, thread);
    });
  }
}

// --- The second launch: the strips of each sample become the outputs -------------------------------------------------------

struct StatisticsOutputs {
  float *lse = nullptr, *lse_rest = nullptr, *target = nullptr, *label_lse = nullptr;  // each may be null
  int32_t* rank = nullptr;
};

// One side's.
struct Combination {
  Partials partials;
  int strips;
  int64_t count;
  StatisticsOutputs out;
};

GD_TILE void combine_sample(const Combination& side, int64_t i) {
  const Partials& partials = side.partials;
  const StatisticsOutputs& out = side.out;
  Exponentials scores{-infinity(), 0, 0}, labels{-infinity(), 0, 0};
  int32_t larger = 0;
  for (int strip = 0; strip < side.strips; ++strip) {
    const int64_t at = strip * side.count + i;
    scores = merge(scores, {partials.top[at], partials.sum[at], 0});
    if (partials.label_top) labels = merge(labels, {partials.label_top[at], partials.label_sum[at], partials.label_weighted[at]});
    if (partials.larger) larger += partials.larger[at];
  }
  const bool none = scores.top == -infinity();
  const float add = none ? 0.0f : logarithm(scores.sum), lse = scores.top + add;
  if (out.lse) out.lse[i] = lse;
  if (out.lse_rest) {
    // What rounding took from the sum, to the bit (Knuth's two-sum).
    const float second = lse - scores.top;
    out.lse_rest[i] = none ? 0.0f : (scores.top - (lse - second)) + (add - second);
  }
  if (partials.label_top) {
    const bool any = labels.top != -infinity();
    if (out.label_lse) out.label_lse[i] = any ? labels.top + logarithm(labels.sum) : -infinity();
    if (out.target) out.target[i] = any ? labels.weighted / labels.sum : 0.0f;
  }
  if (out.rank) out.rank[i] = partials.threshold[i] == partials.threshold[i] ? 1 + larger : 0;
}

}  // namespace gd::tile
