// The gradient of a contrast as blocks of tiles; see tile.h. A block owns T samples of its own side, kept in shared memory
// over their whole width, and walks over tiles of T samples of the other side. Per tile: scores once; their slopes, rounded
// to the inputs' type; the own samples' gradient into registers; and, where both sides are made in one pass, the other
// samples' gradient by atomic additions while the next tile is on its way. A pass that makes only its own side's gradient has no
// atomics: two of them, one a side, make the same bits in every run.
//
// The contrast is a Rule: the slope of the loss by a score, and what is summed along a row on the way.
#pragma once

#include "kernels/tile_slope.h"

namespace gd::tile {

// T and N: samples a tile and fragments of 8 columns a warp. A warp makes 16·M rows × D / across columns of a gradient.
template <int T>
struct GradientShares {
  static constexpr int down = T == 64 ? 2 : 1, across = 8 / down, m = T == 16 ? 1 : 2;
  using Scores = Shares<T / 16, T == 64 ? 2 : T == 32 ? 4 : 2, 1, T == 64 ? 4 : 1>;
};

// Arrays first, so that their places are known to the compiler.
template <typename Type, int T>
struct GradientLayout {
  using Scores = typename GradientShares<T>::Scores;
  static constexpr int slope_stride = T * sizeof(Type) > 128 ? T* static_cast<int>(sizeof(Type)) : 128;
  Layout layout;
  Array<Sample> own_samples, other_samples;
  Array<uint8_t> own_there, other_there;
  Marks excluded, positive;
  Array<float> sums;  // by kind (scale, slope, value) and warp across
  Array<int32_t> larger;
  Array<float> partner, peaks;
  Tile slopes, own, other, own_labels, other_labels;

  GD_BOTH_SIDES explicit GradientLayout(const GradientParameters& p) {
    own_samples = layout.array<Sample>(T);
    other_samples = layout.array<Sample>(T);
    own_there = layout.array<uint8_t>(T);
    other_there = layout.array<uint8_t>(T);
    excluded = {layout.array<uint32_t>(T * ((T + 31) / 32)), T};
    positive = {layout.array<uint32_t>(T * ((T + 31) / 32)), T};
    sums = layout.array<float>(3 * Scores::Across * T);
    larger = layout.array<int32_t>(Scores::Across * T);
    partner = layout.array<float>(T);
    peaks = layout.array<float>(warps_a_block * 3);
    slopes = layout.tile(T, slope_stride);
    own = layout.tile(T, p.width * static_cast<int>(sizeof(Type)));
    other = layout.tile(T, p.width * static_cast<int>(sizeof(Type)));
    own_labels = layout.tile(p.own.labels ? T : 0, 128);
    other_labels = layout.tile(p.own.labels ? T : 0, 128);
  }
};

// A power of two that brings the slopes of float16 problems, which are as small as 1/N, into that type's range: the
// largest that |scale · slope| can be becomes at most 1. Every block finds the same one from the O(N) vectors.
template <bool Lists>
GD_TILE float slope_factor(Block& block, Array<float> peaks, const GradientParameters& p) {
  Lane<float> scale, weight, listed;
  const auto larger = [](float x, float y) { return x > y ? x : y; };
  const auto size = [](float x) { return x < 0 ? -x : x; };
  block.warps([&](int warp) {
    block.lanes([&](int lane) {
      scale[lane] = 0;
      weight[lane] = 0;
      const auto look = [&](const SampleArrays& arrays, int64_t count) {
        for (int64_t i = block.thread_of(lane); i < count; i += threads_a_block) {
          if (arrays.scale) scale[lane] = larger(scale[lane], size(arrays.scale[arrays.one_scale ? 0 : i]));
          if (arrays.gradient) {
            const auto more = [&](const float* array) { return array ? size(array[i]) : 0.0f; };
            weight[lane] =
                larger(weight[lane], size(arrays.gradient[i]) + more(arrays.target_gradient) + more(arrays.partner_gradient));
          }
        }
      };
      // Rows alone have a scale; a side without gradients has 1, which changes no product.
      look(p.own_samples, p.own.count);
      look(p.other_samples, p.other.count);
      listed[lane] = 0;
      if constexpr (!Lists) return;
      const int64_t pairs = p.pair_gradient ? p.positive.offsets[p.own_is_rows ? p.own.count : p.other.count] : 0;
      for (int64_t i = block.thread_of(lane); i < pairs; i += threads_a_block)
        listed[lane] = larger(listed[lane], size(p.pair_gradient[i]));
    });
    for (int mask = 1; mask < 32; mask *= 2) {
      block.exchange(scale, mask, larger);
      block.exchange(weight, mask, larger);
      block.exchange(listed, mask, larger);
    }
    block.lanes([&](int lane) {
      if (lane != 0) return;
      set(block, block.thread_of(lane), peaks, warp, scale[lane]);
      set(block, block.thread_of(lane), peaks, warps_a_block + warp, weight[lane]);
      set(block, block.thread_of(lane), peaks, 2 * warps_a_block + warp, listed[lane]);
    });
  });
  block.barrier();
  float factor = 1;
  block.threads([&](int thread) {
    float scales = 0, weights = 0, lists = 0;
    for (int warp = 0; warp < warps_a_block; ++warp) {
      scales = larger(scales, get(block, thread, peaks, warp));
      weights = larger(weights, get(block, thread, peaks, warps_a_block + warp));
      lists = larger(lists, get(block, thread, peaks, 2 * warps_a_block + warp));
    }
    const float bound = scales * (2 * weights + lists);
    int exponent = 0;
    if (bound > 0 && bound < infinity()) frexpf(bound, &exponent);
    factor = ldexpf(1.0f, -exponent);
  });
  return factor;
}

// sums[m][n] += left · right, n over the first `fragments` ones, from 8·fragments·(warp across) + first on.
template <typename Type, int T, int M, int N, bool Transposed>
GD_TILE void multiply_wide(Block& block, Sums<M, N>& sums, Tile left, Tile right, int fragments_a_warp, int first,
                           int fragments) {
  using G = GradientShares<T>;
  constexpr int steps = T * static_cast<int>(sizeof(Type)) / 32;
  block.warps([&](int warp) {
    const int row = warp / G::across * G::m * 16, column = (warp % G::across * fragments_a_warp + first) * 8;
    for (int step = 0; step < steps; ++step) {
      Registers<4> a[M];
      GD_UNROLL
      for (int m = 0; m < M; ++m) {
        if constexpr (Transposed)
          load_left_transposed<Type>(block, a[m], left, row + m * 16, step);
        else
          load_left(block, a[m], left, row + m * 16, step);
      }
      GD_UNROLL
      for (int n = 0; n < N; ++n) {
        if (n >= fragments) break;
        Registers<2> b;
        load_right_transposed<Type>(block, b, right, column + n * 8, step);
        GD_UNROLL
        for (int m = 0; m < M; ++m) mma<Type>(sums.fragment(warp, m, n), a[m], b, 0);
      }
    }
  });
}

// f(row, column, pair of neighbours) for the block's part of a gradient.
template <int T, int M, int N, typename F>
GD_TILE void each_pair(Block& block, Sums<M, N>& sums, int fragments_a_warp, int first, int fragments, F f) {
  using G = GradientShares<T>;
  block.warps([&](int warp) {
    const int row = warp / G::across * G::m * 16, column = (warp % G::across * fragments_a_warp + first) * 8;
    block.lanes([&](int lane) {
      GD_UNROLL
      for (int m = 0; m < M; ++m) GD_UNROLL
      for (int n = 0; n < N; ++n) {
        if (n >= fragments) break;
        GD_UNROLL
        for (int e = 0; e < 4; e += 2)
          f(row + m * 16 + fragment_row(lane, e), column + n * 8 + fragment_column(lane, e), sums.at(warp, lane, m, n, e),
            sums.at(warp, lane, m, n, e + 1));
      }
    });
  });
}

template <typename Type, int T, int N, typename Rule, bool Both>
GD_TILE void gradient_block(Block& block, const GradientParameters& p, int64_t own_tile, int strip) {
  using G = GradientShares<T>;
  using S = typename G::Scores;
  constexpr int M = G::m, size = static_cast<int>(sizeof(Type));
  const GradientLayout<Type, T> at(p);
  const int bytes = p.width * size, steps = bytes / 32, fragments = p.width / 8 / G::across;
  const int64_t own0 = own_tile * T;
  const float bias = p.bias_at ? *p.bias_at : p.bias;

  load_rows(block, at.own, T, p.own.matrix, p.own.pitch, own0, p.own.count, 0, bytes);
  block.commit();
  block.threads([&](int thread) {
    if (thread >= T) return;
    const int64_t i = own0 + thread;
    const bool there = is_there(p.own, i);
    set(block, thread, at.own_there, thread, static_cast<uint8_t>(there));
    set(block, thread, at.own_samples, thread, there ? sample_of(p.own_samples, i) : Sample{0, 0, 0, 0, 0, 0, 0, -1});
  });
  block.warps([&](int warp) {
    if (!S::has(warp)) return;
    block.lanes([&](int lane) {
      const int thread = block.thread_of(lane);
      for (int half = 0; half < 2; ++half) {
        const int to = warp % S::Across * T + S::row(warp) + fragment_row(lane, half * 2);
        if ((lane & 3) != 0) continue;
        for (int kind = 0; kind < 3; ++kind) set(block, thread, at.sums, kind * S::Across * T + to, 0.0f);
        set(block, thread, at.larger, to, 0);
      }
    });
  });
  float factor = 1;
  if constexpr (has_small_range<Type>) factor = slope_factor<Rule::lists>(block, at.peaks, p);

  Sums<S::M, S::N> scores, labels;
  if (p.sums.rank) {
    // The partners' scores, by the arithmetic of the tiles: the own samples against their partners, of which the diagonal.
    block.threads([&](int thread) {
      const int chunks = bytes / 16;
      for (int i = thread; i < T * chunks; i += threads_a_block) {
        const int row = i / chunks, chunk = i - row * chunks;
        const int64_t partner = own0 + row < p.own.count ? p.rank_partner[own0 + row] : -1;
        block.copy16(thread, at.other.place(row, chunk * 16),
                     static_cast<const char*>(p.other.matrix) + (partner < 0 ? 0 : partner) * p.other.pitch + chunk * 16,
                     partner >= 0);
      }
    });
    block.commit();
    block.template await<0>();
    block.barrier();
    scores.zero();
    multiply<Type, S>(block, scores, at.own, at.other, steps);
    each<S>(block, scores, [&](int thread, int row, int column, float dot) {
      if (row != column) return;
      const int64_t i = own0 + row;
      const int64_t partner = i < p.own.count ? p.rank_partner[i] : -1;
      const bool valid = partner >= 0 && is_there(p.own, i) && is_there(p.other, partner) &&
                         !(p.own_is_rows ? is_listed(p.excluded, i, partner) : is_listed(p.excluded, partner, i));
      set(block, thread, at.partner, row, valid ? dot * get(block, thread, at.own_samples, row).scale : infinity() - infinity());
    });
    block.barrier();
  }

  Sums<M, N> own_gradient;
  own_gradient.zero();
  const int64_t tile0 = static_cast<int64_t>(strip) * p.other_tiles;
  const auto load_other = [&](int64_t tile) {
    load_rows(block, at.other, T, p.other.matrix, p.other.pitch, tile * T, p.other.count, 0, bytes);
    block.commit();
  };
  if (tile0 * T < p.other.count) load_other(tile0);

  for (int64_t tile = tile0; tile < tile0 + p.other_tiles && tile * T < p.other.count; ++tile) {
    const int64_t other0 = tile * T;
    block.barrier();  // nobody reads the last tile's vectors any more
    block.threads([&](int thread) {
      if (thread >= T) return;
      const int64_t j = other0 + thread;
      const bool there = is_there(p.other, j);
      set(block, thread, at.other_there, thread, static_cast<uint8_t>(there));
      set(block, thread, at.other_samples, thread, there ? sample_of(p.other_samples, j) : Sample{0, 0, 0, 0, 0, 0, 0, -1});
    });
    const int64_t row0 = p.own_is_rows ? own0 : other0, column0 = p.own_is_rows ? other0 : own0;
    const int64_t row_count = p.own_is_rows ? p.own.count : p.other.count;
    const bool excluded = p.excluded.offsets, positive = p.positive.offsets || p.positive.partner;
    if (excluded) mark_pairs(block, at.excluded, p.excluded, T, row0, row_count, column0);
    if (positive) mark_pairs(block, at.positive, p.positive, T, row0, row_count, column0);
    if (p.own.labels) {
      labels.zero();
      for (int from = 0; from < p.label_width; from += 32) {
        load_floats(block, at.own_labels, T, p.own.labels, p.label_width, own0, p.own.count, from);
        load_floats(block, at.other_labels, T, p.other.labels, p.label_width, other0, p.other.count, from);
        block.barrier();
        multiply<float, S>(block, labels, at.own_labels, at.other_labels, 4);
        block.barrier();
      }
    }
    block.template await<0>();
    block.barrier();
    scores.zero();
    multiply<Type, S>(block, scores, at.own, at.other, steps);

    // Slopes: scale_i · dz_ij, the left factor of both gradients.
    block.warps([&](int warp) {
      if (!S::has(warp)) return;
      Lane<float> sums[3][2];
      Lane<int32_t> larger[2];
      block.lanes([&](int lane) {
        const int thread = block.thread_of(lane);
        GD_UNROLL
        for (int half = 0; half < 2; ++half) {
          for (auto& sum : sums) sum[half][lane] = 0;
          larger[half][lane] = 0;
          const int row = S::row(warp) + fragment_row(lane, half * 2);
          const Sample own = get(block, thread, at.own_samples, row);
          const bool own_there = get(block, thread, at.own_there, row);
          const float partner = p.sums.rank ? get(block, thread, at.partner, row) : 0.0f;
          GD_UNROLL
          for (int n = 0; n < S::N; ++n) {
            Type pair[2];
            GD_UNROLL
            for (int k = 0; k < 2; ++k) {
              const int column = S::column(warp) + n * 8 + fragment_column(lane, k);
              const int r = p.own_is_rows ? row : column, c = p.own_is_rows ? column : row;
              float slope = 0;
              const bool there = own_there && get(block, thread, at.other_there, column);
              const bool candidate = there && !(excluded && is_marked(block, thread, at.excluded, r, c));
              if (Rule::lists ? there : candidate) {
                const Sample other = get(block, thread, at.other_samples, column);
                const float dot = scores.at(warp, lane, 0, n, half * 2 + k), scaled = dot * (own.scale * other.scale);
                float label = p.own.labels ? labels.at(warp, lane, 0, n, half * 2 + k) * p.label_scale : 0.0f;
                const bool same = (positive && is_marked(block, thread, at.positive, r, c)) || (p.positive_labels && label > 0);
                float value = 0;
                if constexpr (Rule::lists) {
                  if (!p.own.labels) label = scaled * p.hardness;
                  if (candidate) slope = Rule::slope(own, other, scaled, label, false, value);
                  if (same) slope += p.pair_gradient[place_of(p.positive, row0 + r, column0 + c)];
                } else {
                  slope = Rule::slope(own, other, scaled + bias, label, same, value);
                }
                if (own.partner == static_cast<int32_t>(other0) + column) slope += own.partner_gradient;
                if (other.partner == static_cast<int32_t>(own0) + row) slope += other.partner_gradient;
                sums[0][half][lane] += slope * dot;
                sums[1][half][lane] += slope;
                sums[2][half][lane] += value;
                if (p.sums.rank) larger[half][lane] += scaled > partner ? 1 : 0;
                slope *= own.scale * other.scale;
              }
              pair[k] = rounded<Type>(slope * factor);
            }
            block.write_pair(thread, at.slopes.place(row, (S::column(warp) + n * 8 + fragment_column(lane, 0)) * size), pair);
          }
        }
      });
      if (!p.sums.any()) return;
      for (int half = 0; half < 2; ++half) {
        const auto plus = [](auto x, auto y) { return x + y; };
        for (int mask = 1; mask <= 2; ++mask) {
          for (auto& sum : sums) block.exchange(sum[half], mask, plus);
          block.exchange(larger[half], mask, plus);
        }
        block.lanes([&](int lane) {
          if ((lane & 3) != 0) return;
          const int thread = block.thread_of(lane), to = warp % S::Across * T + S::row(warp) + fragment_row(lane, half * 2);
          GD_UNROLL
          for (int kind = 0; kind < 3; ++kind) {
            const int place = kind * S::Across * T + to;
            set(block, thread, at.sums, place, get(block, thread, at.sums, place) + sums[kind][half][lane]);
          }
          set(block, thread, at.larger, to, get(block, thread, at.larger, to) + larger[half][lane]);
        });
      }
    });
    block.barrier();

    if (p.own_gradient) multiply_wide<Type, T, M, N, false>(block, own_gradient, at.slopes, at.other, fragments, 0, fragments);
    const bool more = tile + 1 < tile0 + p.other_tiles && (tile + 1) * T < p.other.count;
    block.barrier();  // nobody reads the other side's tile any more
    if (more) load_other(tile + 1);
    if constexpr (Both) {
      // Two fragments of columns at a time: the registers are full of the own gradient.
      for (int first = 0; first < fragments; first += 2) {
        Sums<M, 2> part;
        part.zero();
        const int count = fragments - first < 2 ? fragments - first : 2;
        multiply_wide<Type, T, M, 2, true>(block, part, at.slopes, at.own, fragments, first, count);
        each_pair<T>(block, part, fragments, first, count, [&](int row, int column, float x, float y) {
          if (other0 + row < p.other.count)
            block.add(p.other_gradient + (other0 + row) * p.width + column, x / factor, y / factor);
        });
      }
    }
  }

  if (p.own_gradient)
    each_pair<T>(block, own_gradient, fragments, 0, fragments, [&](int row, int column, float x, float y) {
      if (own0 + row >= p.own.count) return;
      float* to = p.own_gradient + (own0 + row) * p.width + column;
      if (p.strips > 1)
        block.add(to, x / factor, y / factor);
      else {
        to[0] = x / factor;
        to[1] = y / factor;
      }
    });
  if (!p.sums.any()) return;
  block.barrier();
  block.threads([&](int thread) {
    const int64_t i = own0 + thread;
    if (thread >= T || i >= p.own.count) return;
    float* const outputs[3] = {p.sums.scale, p.sums.slope, p.sums.value};
    GD_UNROLL
    for (int kind = 0; kind < 3; ++kind) {
      if (!outputs[kind]) continue;
      float sum = 0;
      for (int part = 0; part < S::Across; ++part) sum += get(block, thread, at.sums, (kind * S::Across + part) * T + thread);
      if (p.strips > 1)
        block.add(outputs[kind] + i, sum);
      else
        outputs[kind][i] = sum;
    }
    if (p.sums.rank) {
      const float partner = get(block, thread, at.partner, thread);
      int32_t larger = partner == partner && strip == 0 ? 1 : 0;
      for (int part = 0; part < S::Across; ++part) larger += get(block, thread, at.larger, part * T + thread);
      if (p.strips > 1)
        block.add(p.sums.rank + i, larger);
      else
        p.sums.rank[i] = larger;
    }
  });
}

}  // namespace gd::tile
