// A file mapped read-only for random access.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace gd {

class MappedFile {
 public:
  // Throws Error("bad-shard") naming the file and the system's reason.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const uint8_t> bytes() const { return {data_, size_}; }

 private:
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// Asks the system to bring a value of a mapped file in with one read, instead of one per page of 4 KiB. Harmless for memory
// that is not mapped from a file.
void will_need(std::span<const uint8_t> value);

}  // namespace gd
