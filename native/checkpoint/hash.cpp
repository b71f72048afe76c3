#include "checkpoint/hash.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace gd {

namespace {

constexpr uint64_t p1 = 11400714785074694791ull, p2 = 14029467366897019727ull, p3 = 1609587929392839161ull,
                   p4 = 9650029242287828579ull, p5 = 2870177450012600261ull;

template <class T>
uint64_t load(const unsigned char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

uint64_t round(uint64_t lane, uint64_t input) { return std::rotl(lane + input * p2, 31) * p1; }

}  // namespace

Hash64::Hash64() : lane_{p1 + p2, p2, 0, 0 - p1} {}

void Hash64::block(const unsigned char* bytes) {
  for (int i = 0; i < 4; ++i) lane_[i] = round(lane_[i], load<uint64_t>(bytes + 8 * i));
}

void Hash64::add(const void* data, size_t count) {
  if (count == 0) return;  // `data` may be null then, and memcpy must not see it
  const auto* bytes = static_cast<const unsigned char*>(data);
  total_ += count;
  if (holding_ > 0) {
    const size_t take = std::min(count, sizeof held_ - holding_);
    std::memcpy(held_ + holding_, bytes, take);
    holding_ += take;
    bytes += take;
    count -= take;
    if (holding_ < sizeof held_) return;
    block(held_);
    holding_ = 0;
  }
  for (; count >= 32; bytes += 32, count -= 32) block(bytes);
  if (count > 0) std::memcpy(held_, bytes, count);
  holding_ = count;
}

uint64_t Hash64::value() const {
  uint64_t h = p5;
  if (total_ >= 32) {
    h = std::rotl(lane_[0], 1) + std::rotl(lane_[1], 7) + std::rotl(lane_[2], 12) + std::rotl(lane_[3], 18);
    for (const uint64_t lane : lane_) h = (h ^ round(0, lane)) * p1 + p4;
  }
  h += total_;
  const unsigned char* at = held_;
  size_t left = holding_;
  for (; left >= 8; at += 8, left -= 8) h = std::rotl(h ^ round(0, load<uint64_t>(at)), 27) * p1 + p4;
  if (left >= 4) {
    h = std::rotl(h ^ (load<uint32_t>(at) * p1), 23) * p2 + p3;
    at += 4;
    left -= 4;
  }
  for (; left > 0; ++at, --left) h = std::rotl(h ^ (*at * p5), 11) * p1;
  h = (h ^ (h >> 33)) * p2;
  h = (h ^ (h >> 29)) * p3;
  return h ^ (h >> 32);
}

std::string Hash64::text() const {
  static constexpr char digits[] = "0123456789abcdef";
  const uint64_t v = value();
  std::string out(16, '0');
  for (int i = 0; i < 16; ++i) out[static_cast<size_t>(i)] = digits[(v >> (60 - 4 * i)) & 15];
  return out;
}

}  // namespace gd
