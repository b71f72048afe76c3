// The tile layer: what the kernels of scores are written in. A kernel is a function of one block of 256 threads made of
// phases between barriers; every word below is one such phase or a part of one. The words stand on a dozen primitives
// with two back-ends: tile_cuda.h (mma.sync, ldmatrix, cp.async) and tile_cpu.h, which runs the same source on a CPU,
// warp by warp and lane by lane, with the fragments of the instruction set's tables and with a watch over shared memory
// that finds a missing barrier. So all index arithmetic is tested without a card.
//
// Rows of a tile in shared memory are a multiple of 128 bytes and swizzled in chunks of 16 bytes, so that eight rows of
// one column lie in eight different groups of banks. 32 bytes of a row are one step of a product: 16 elements of half
// precision or 8 of float32, for which fragments have the same place in memory.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#include "kernels/tile_cuda.h"
#else
#include "kernels/tile_cpu.h"
#endif

namespace gd::tile {

// A run of T in shared memory.
template <typename T>
struct Array {
  int at;
};

// Rows in shared memory; `stride` bytes from one to the next, a multiple of 128.
struct Tile {
  int at;
  int stride;
  // Where byte `byte` of row `row` lies.
  GD_BOTH_SIDES int place(int row, int byte) const {
    return at + row * stride + ((((byte >> 4) ^ (row & 7)) << 4) | (byte & 15));
  }
};

// Lays out shared memory; the launch asks it for the sum, the block for the places.
struct Layout {
  int bytes = 0;
  GD_BOTH_SIDES Tile tile(int rows, int stride) {
    const int at = bytes;
    bytes += rows * stride;
    return {at, stride};
  }
  template <typename T>
  GD_BOTH_SIDES Array<T> array(int count) {
    const int at = bytes;
    bytes += (count * static_cast<int>(sizeof(T)) + 15) / 16 * 16;
    return {at};
  }
};

template <typename T>
GD_TILE T get(Block& block, int thread, Array<T> array, int i) {
  return block.template read<T>(thread, array.at + i * static_cast<int>(sizeof(T)));
}
template <typename T>
GD_TILE void set(Block& block, int thread, Array<T> array, int i, T value) {
  block.template write<T>(thread, array.at + i * static_cast<int>(sizeof(T)), value);
}

// Starts copying bytes [from, from + width) of rows [first, first + rows) of a matrix; rows at or beyond `end` become
// zero. Ends with Block::await and a barrier. `pitch`: bytes from row to row of the matrix; all 16-byte aligned.
GD_TILE void load_rows(Block& block, Tile tile, int rows, const void* matrix, int64_t pitch, int64_t first, int64_t end, int from,
                       int width) {
  const int chunks = width / 16;
  block.threads([&](int thread) {
    for (int i = thread; i < rows * chunks; i += threads_a_block) {
      const int row = i / chunks, chunk = i - row * chunks;
      const bool there = first + row < end;
      const char* source = static_cast<const char*>(matrix) + (there ? first + row : 0) * pitch + from + chunk * 16;
      block.copy16(thread, tile.place(row, chunk * 16), source, there);
    }
  });
}

// The same for rows of float32 with any pitch and width, at once: 32 columns from `from` on, zero beyond `columns`.
GD_TILE void load_floats(Block& block, Tile tile, int rows, const float* matrix, int columns, int64_t first, int64_t end,
                         int from) {
  block.threads([&](int thread) {
    for (int i = thread; i < rows * 32; i += threads_a_block) {
      const int row = i / 32, column = i - row * 32;
      const bool there = first + row < end && from + column < columns;
      block.template write<float>(thread, tile.place(row, column * 4),
                                  there ? matrix[(first + row) * columns + from + column] : 0.0f);
    }
  });
}

// --- Fragments -----------------------------------------------------------------------------------------------------
// Element e of a lane in an accumulator of 16 rows and 8 columns.
GD_BOTH_SIDES int fragment_row(int lane, int e) { return (lane >> 2) + (e >> 1) * 8; }
GD_BOTH_SIDES int fragment_column(int lane, int e) { return (lane & 3) * 2 + (e & 1); }

// Left operand: 16 rows from `row` on × one step; the step is at 32·step bytes of each row.
GD_TILE void load_left(Block& block, Registers<4>& to, Tile tile, int row, int step) {
  block.template ldmatrix<false>(to, [&](int lane) { return tile.place(row + (lane & 15), step * 32 + (lane >> 4) * 16); });
}

// Right operand: 8 columns, which are rows of the tile from `row` on, × one step.
GD_TILE void load_right(Block& block, Registers<2>& to, Tile tile, int row, int step) {
  block.template ldmatrix<false>(to, [&](int lane) { return tile.place(row + (lane & 7), step * 32 + ((lane >> 3) & 1) * 16); });
}
GD_TILE void load_right(Block& block, Registers<4>& to, Tile tile, int row, int step) {  // 16 columns: two fragments
  block.template ldmatrix<false>(
      to, [&](int lane) { return tile.place(row + (lane & 7) + (lane >> 4) * 8, step * 32 + ((lane >> 3) & 1) * 16); });
}

// Left operand from a tile that holds it transposed: its rows are the tile's columns from `row` on.
template <typename Type>
GD_TILE void load_left_transposed(Block& block, Registers<4>& to, Tile tile, int row, int step) {
  if constexpr (sizeof(Type) == 2) {
    block.template ldmatrix<true>(
        to, [&](int lane) { return tile.place(step * 16 + (lane & 7) + (lane >> 4) * 8, (row + ((lane >> 3) & 1) * 8) * 2); });
  } else {
    block.lanes([&](int lane) {
      for (int e = 0; e < 4; ++e)
        to.at(lane, e) = block.template read<uint32_t>(
            block.thread_of(lane), tile.place(step * 8 + (lane & 3) + (e >> 1) * 4, (row + (lane >> 2) + (e & 1) * 8) * 4));
    });
  }
}

// Right operand from a tile that holds it transposed: its columns are the tile's columns from `column` on.
template <typename Type>
GD_TILE void load_right_transposed(Block& block, Registers<2>& to, Tile tile, int column, int step) {
  if constexpr (sizeof(Type) == 2) {
    block.template ldmatrix<true>(to, [&](int lane) { return tile.place(step * 16 + (lane & 15), column * 2); });
  } else {
    block.lanes([&](int lane) {
      for (int e = 0; e < 2; ++e)
        to.at(lane, e) = block.template read<uint32_t>(block.thread_of(lane),
                                                       tile.place(step * 8 + (lane & 3) + e * 4, (column + (lane >> 2)) * 4));
    });
  }
}

// --- Products ------------------------------------------------------------------------------------------------------
// How the warps share an output: Down × Across warps, each with M × N fragments of 16 × 8. Warps beyond have no part.
template <int down, int across, int m, int n>
struct Shares {
  static constexpr int Down = down, Across = across, M = m, N = n;
  static constexpr int rows = down * m * 16, columns = across * n * 8;
  GD_BOTH_SIDES static bool has(int warp) { return warp < down * across; }
  GD_BOTH_SIDES static int row(int warp) { return warp / across * m * 16; }
  GD_BOTH_SIDES static int column(int warp) { return warp % across * n * 8; }
};

// sums += left · rightᵀ over `steps` steps of both tiles.
template <typename Type, typename S>
GD_TILE void multiply(Block& block, Sums<S::M, S::N>& sums, Tile left, Tile right, int steps) {
  block.warps([&](int warp) {
    if (!S::has(warp)) return;
    for (int step = 0; step < steps; ++step) {
      Registers<4> a[S::M];
      GD_UNROLL
      for (int m = 0; m < S::M; ++m) load_left(block, a[m], left, S::row(warp) + m * 16, step);
      if constexpr (S::N % 2 == 0) {
        GD_UNROLL
        for (int n = 0; n < S::N; n += 2) {
          Registers<4> b;
          load_right(block, b, right, S::column(warp) + n * 8, step);
          GD_UNROLL
          for (int m = 0; m < S::M; ++m) {
            mma<Type>(sums.fragment(warp, m, n), a[m], b, 0);
            mma<Type>(sums.fragment(warp, m, n + 1), a[m], b, 2);
          }
        }
      } else {
        GD_UNROLL
        for (int n = 0; n < S::N; ++n) {
          Registers<2> b;
          load_right(block, b, right, S::column(warp) + n * 8, step);
          GD_UNROLL
          for (int m = 0; m < S::M; ++m) mma<Type>(sums.fragment(warp, m, n), a[m], b, 0);
        }
      }
    }
  });
}

// f(thread, row, column, e of the element's place: sums.at(...)) for each element that the block holds.
template <typename S, typename F>
GD_TILE void each(Block& block, Sums<S::M, S::N>& sums, F f) {
  block.warps([&](int warp) {
    if (!S::has(warp)) return;
    block.lanes([&](int lane) {
      GD_UNROLL
      for (int m = 0; m < S::M; ++m) GD_UNROLL
      for (int n = 0; n < S::N; ++n) GD_UNROLL
      for (int e = 0; e < 4; ++e)
        f(block.thread_of(lane), S::row(warp) + m * 16 + fragment_row(lane, e),
          S::column(warp) + n * 8 + fragment_column(lane, e), sums.at(warp, lane, m, n, e));
    });
  });
}

}  // namespace gd::tile
