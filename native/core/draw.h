// Stateless random numbers. Every draw of the data path and of dropout is a function of a key, never of a generator that
// moves: so a resumed run, another number of threads, ranks or chunks, and a recomputed block all draw the same.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

namespace gd {

// The finaliser of splitmix64: a bijection of 64 bits in which every input bit moves every output bit.
constexpr uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

// Folds parts into one key; the order of the parts matters.
constexpr uint64_t key(uint64_t first) { return mix(first); }
template <class... Rest>
constexpr uint64_t key(uint64_t first, Rest... rest) {
  return mix(first ^ (key(static_cast<uint64_t>(rest)...) * 0xD6E8FEB86659FD93ull + 0x632BE59BD9B4E019ull));
}

// FNV-1a, 64 bits: turns a name into a part of a key.
constexpr uint64_t key_of(std::string_view name) {
  uint64_t h = 0xCBF29CE484222325ull;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return h;
}

// A short sequence of draws under one key.
class Draw {
 public:
  explicit constexpr Draw(uint64_t key) : key_(key) {}
  constexpr uint64_t bits() { return mix(key_ + 0x9E3779B97F4A7C15ull * ++count_); }
  // [0, 1) with 53 bits
  constexpr double uniform() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }
  constexpr double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // [0, n), n > 0: multiply-shift; the bias is below n / 2^64
  constexpr uint64_t below(uint64_t n) { return static_cast<uint64_t>((static_cast<unsigned __int128>(bits()) * n) >> 64); }
  constexpr bool chance(double p) { return uniform() < p; }
  double normal() {  // Box–Muller, one of the pair
    const double u = 1.0 - uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * uniform());
  }

 private:
  uint64_t key_;
  uint64_t count_ = 0;
};

}  // namespace gd
