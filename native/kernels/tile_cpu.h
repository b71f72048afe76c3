// The tile layer's primitives on a CPU: the proof of a kernel's logic where no card is. One Block stands for one block of
// 256 threads; phases run thread by thread. ldmatrix and mma follow the fragment tables of the PTX manual; asynchronous
// copies arrive only when they are awaited; and shared memory is watched: reading what another thread wrote, or writing
// what another read or wrote, with no barrier between, and reading what was never written, throw.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#define GD_TILE inline
#define GD_BOTH_SIDES inline
#define GD_UNROLL

namespace gd::tile {

constexpr int threads_a_block = 256, warps_a_block = threads_a_block / 32;

struct Bf16 {
  uint16_t bits;
};
struct Fp16 {
  uint16_t bits;
};

inline uint32_t bits_of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}
inline float float_of(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

inline float number(float x) { return x; }
inline float number(Bf16 x) { return float_of(static_cast<uint32_t>(x.bits) << 16); }
inline float number(Fp16 x) {
  const int exponent = x.bits >> 10 & 31, fraction = x.bits & 1023;
  const float size = exponent == 31
                         ? (fraction ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity())
                     : exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                     : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return x.bits >> 15 ? -size : size;
}
template <typename Type>
Type rounded(float x);
template <>
inline float rounded<float>(float x) {
  return x;
}
template <>
inline Bf16 rounded<Bf16>(float x) {
  const uint32_t bits = bits_of(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {0x7fff};
  return {static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1)) >> 16)};
}
template <>
inline Fp16 rounded<Fp16>(float x) {
  const uint16_t sign = static_cast<uint16_t>(bits_of(x) >> 16 & 0x8000u);
  const float size = std::fabs(x);
  if (std::isnan(x)) return {0x7fff};
  if (size >= 65520.0f) return {static_cast<uint16_t>(sign | 0x7c00u)};
  int exponent;
  std::frexp(size, &exponent);
  const int unit = exponent < -13 || size == 0 ? -24 : exponent - 11;  // of the last bit
  const int count = static_cast<int>(std::nearbyint(std::ldexp(size, -unit)));
  // A count of 2048 carries into the exponent by itself.
  return {static_cast<uint16_t>(sign | (unit == -24 ? count : (unit + 24) * 1024 + count))};
}

inline float exponential(float x) { return std::exp(x); }
inline float logarithm(float x) { return std::log(x); }
inline float log1p_exponential(float x) { return std::fmax(x, 0.0f) + std::log1p(std::exp(-std::fabs(x))); }
inline float infinity() { return std::numeric_limits<float>::infinity(); }

template <typename T>
struct Lane {
  T value[32] = {};
  T& operator[](int lane) { return value[lane]; }
};

template <int count>
struct Registers {
  uint32_t value[32][count] = {};
  uint32_t& at(int lane, int i) { return value[lane][i]; }
};

struct Fragment {
  float value[32][4];
};

template <int M, int N>
struct Sums {
  std::vector<Fragment> value = std::vector<Fragment>(static_cast<size_t>(warps_a_block) * M * N);
  void zero() { std::fill(value.begin(), value.end(), Fragment{}); }
  Fragment& fragment(int warp, int m, int n) { return value[static_cast<size_t>((warp * M + m) * N + n)]; }
  float& at(int warp, int lane, int m, int n, int e) { return fragment(warp, m, n).value[lane][e]; }
};

class Block {
 public:
  explicit Block(int bytes) : memory_(static_cast<size_t>(bytes), std::byte{0xff}), words_(static_cast<size_t>(bytes / 4)) {}

  template <typename F>
  void threads(F f) {
    for (int thread = 0; thread < threads_a_block; ++thread) f(thread);
  }
  template <typename F>
  void warps(F f) {
    for (warp_ = 0; warp_ < warps_a_block; ++warp_) f(static_cast<int>(warp_));
  }
  template <typename F>
  void lanes(F f) {
    for (int lane = 0; lane < 32; ++lane) f(lane);
  }
  int thread_of(int lane) const { return warp_ * 32 + lane; }

  void barrier() { ++phase_; }

  template <typename T>
  T read(int thread, int at) {
    watch_read(thread, at, sizeof(T));
    T value;
    std::memcpy(&value, &memory_.at(static_cast<size_t>(at)), sizeof(T));
    return value;
  }
  template <typename T>
  void write(int thread, int at, T value) {
    watch_write(thread, at, sizeof(T));
    std::memcpy(&memory_.at(static_cast<size_t>(at)), &value, sizeof(T));
  }

  template <typename T>
  void write_pair(int thread, int at, const T (&pair)[2]) {
    watch_write(thread, at, sizeof(pair));
    std::memcpy(&memory_.at(static_cast<size_t>(at)), pair, sizeof(pair));
  }

  void copy16(int thread, int to, const void* from, bool there) {
    if (reinterpret_cast<uintptr_t>(from) % 16 || to % 16) throw std::logic_error("a copy of 16 bytes is not aligned");
    watch_write(thread, to, 16);
    for (int word = to / 4; word < to / 4 + 4; ++word) words_[static_cast<size_t>(word)].written = false;  // until it arrives
    copies_.push_back({thread, to, group_, there ? from : nullptr});
  }
  void commit() { ++group_; }
  template <int open>
  void await() {
    std::vector<Copy> left;
    for (const Copy& copy : copies_) {
      if (copy.group >= group_ - open) {
        left.push_back(copy);
        continue;
      }
      watch_write(copy.thread, copy.to, 16);
      if (copy.from)
        std::memcpy(&memory_[static_cast<size_t>(copy.to)], copy.from, 16);
      else
        std::memset(&memory_[static_cast<size_t>(copy.to)], 0, 16);
    }
    copies_ = std::move(left);
  }

  template <bool transposed, int count, typename Place>
  void ldmatrix(Registers<count>& to, Place place) {
    for (int matrix = 0; matrix < count; ++matrix) {
      uint16_t element[8][8];
      for (int row = 0; row < 8; ++row) {
        const int at = place(matrix * 8 + row);
        if (at % 16) throw std::logic_error("a row of a matrix is not aligned to 16 bytes");
        watch_read(everybody + warp_, at, 16);
        std::memcpy(element[row], &memory_.at(static_cast<size_t>(at)), 16);
      }
      for (int lane = 0; lane < 32; ++lane) {
        const int row = lane / 4, column = lane % 4 * 2;
        const uint32_t low = transposed ? element[column][row] : element[row][column];
        const uint32_t high = transposed ? element[column + 1][row] : element[row][column + 1];
        to.at(lane, matrix) = low | high << 16;
      }
    }
  }

  template <typename T, typename F>
  void exchange(Lane<T>& x, int mask, F combine) {
    const Lane<T> before = x;
    for (int lane = 0; lane < 32; ++lane) x.value[lane] = combine(before.value[lane], before.value[lane ^ mask]);
  }

  void add(float* to, float first, float second) {
    if (reinterpret_cast<uintptr_t>(to) % 8) throw std::logic_error("a pair in global memory is not aligned to 8 bytes");
    to[0] += first;
    to[1] += second;
  }
  template <typename T>
  void add(T* to, T value) {
    *to += value;
  }

 private:
  static constexpr int everybody = 1000;  // + a warp: all its lanes
  struct Word {
    bool written = false;
    int write_phase = -1, writer = -1, read_phase = -1, reader = -1;
  };
  struct Copy {
    int thread, to, group;
    const void* from;
  };

  [[noreturn]] static void race(const char* what, int at) {
    throw std::logic_error(std::string(what) + " at byte " + std::to_string(at) + " of shared memory with no barrier between");
  }
  void watch_read(int thread, int at, size_t size) {
    for (int word = at / 4; word <= (at + static_cast<int>(size) - 1) / 4; ++word) {
      Word& seen = words_.at(static_cast<size_t>(word));
      if (!seen.written)
        throw std::logic_error("byte " + std::to_string(at) +
                               " of shared memory is read and was never written, or its copy was not awaited");
      if (seen.write_phase == phase_ && seen.writer != thread) race("one thread reads what another wrote", at);
      seen.reader = seen.read_phase == phase_ && seen.reader != thread ? -2 : thread;
      seen.read_phase = phase_;
    }
  }
  void watch_write(int thread, int at, size_t size) {
    for (int word = at / 4; word <= (at + static_cast<int>(size) - 1) / 4; ++word) {
      Word& seen = words_.at(static_cast<size_t>(word));
      // Two threads may write the halves of one word.
      if (seen.write_phase == phase_ && seen.writer != thread && size >= 4) race("one thread writes what another wrote", at);
      if (seen.read_phase == phase_ && seen.reader != thread) race("one thread writes what another read", at);
      seen.writer = thread;
      seen.write_phase = phase_;
      seen.written = true;
    }
  }

  std::vector<std::byte> memory_;
  std::vector<Word> words_;
  std::vector<Copy> copies_;
  int phase_ = 0, group_ = 0, warp_ = 0;
};

inline float half_of(Bf16*, uint32_t pair, int i) { return number(Bf16{static_cast<uint16_t>(pair >> (16 * i))}); }
inline float half_of(Fp16*, uint32_t pair, int i) { return number(Fp16{static_cast<uint16_t>(pair >> (16 * i))}); }

// The products of a step are summed before they meet the accumulator, as on a card.
template <int depth>
void multiply_add(Fragment& d, const float (&left)[16][depth], const float (&right)[depth][8]) {
  float sum[16][8] = {};
  for (int row = 0; row < 16; ++row)
    for (int k = 0; k < depth; ++k)
      for (int column = 0; column < 8; ++column) sum[row][column] += left[row][k] * right[k][column];
  for (int lane = 0; lane < 32; ++lane)
    for (int e = 0; e < 4; ++e) d.value[lane][e] += sum[lane / 4 + (e >> 1) * 8][lane % 4 * 2 + (e & 1)];
}

// mma.m16n8k16 of half types: a[row][k], b[k][column].
template <typename Type, int count>
void mma(Fragment& d, const Registers<4>& a, const Registers<count>& b, int first) {
  if constexpr (sizeof(Type) == 2) {
    float left[16][16], right[16][8];
    for (int lane = 0; lane < 32; ++lane)
      for (int i = 0; i < 2; ++i) {
        const int group = lane / 4, k = lane % 4 * 2 + i;
        for (int r = 0; r < 4; ++r)
          left[group + (r & 1) * 8][k + (r >> 1) * 8] = half_of(static_cast<Type*>(nullptr), a.value[lane][r], i);
        for (int r = 0; r < 2; ++r) right[k + r * 8][group] = half_of(static_cast<Type*>(nullptr), b.value[lane][first + r], i);
      }
    multiply_add<16>(d, left, right);
  } else {
    // Three mma.m16n8k8 of TF32: 10 bits of fraction, rounded to nearest, ties away.
    const auto tf32 = [](float x) { return float_of((bits_of(x) + 0x1000u) & 0xffffe000u); };
    float left[2][16][8], right[2][8][8];
    for (int lane = 0; lane < 32; ++lane) {
      const int group = lane / 4, k = lane % 4;
      for (int r = 0; r < 4; ++r) {
        const float x = float_of(a.value[lane][r]), large = tf32(x);
        left[0][group + (r & 1) * 8][k + (r >> 1) * 4] = large;
        left[1][group + (r & 1) * 8][k + (r >> 1) * 4] = tf32(x - large);
      }
      for (int r = 0; r < 2; ++r) {
        const float x = float_of(b.value[lane][first + r]), large = tf32(x);
        right[0][k + r * 4][group] = large;
        right[1][k + r * 4][group] = tf32(x - large);
      }
    }
    for (const auto& [p, q] : {std::pair{1, 0}, {0, 1}, {0, 0}}) multiply_add<8>(d, left[p], right[q]);
  }
}

}  // namespace gd::tile
