// XXH64 (the public xxHash specification, 64 bits): finds damage in files at memory speed; no defence against an attacker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace gd {

class Hash64 {
 public:
  Hash64();
  void add(const void* bytes, size_t count);
  uint64_t value() const;
  std::string text() const;  // 16 hexadecimal digits

 private:
  void block(const unsigned char* bytes);
  uint64_t lane_[4];
  unsigned char held_[32];
  size_t holding_ = 0;
  uint64_t total_ = 0;
};

}  // namespace gd
