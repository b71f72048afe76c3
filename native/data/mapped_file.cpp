#include "data/mapped_file.h"

#include "core/error.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace gd {

MappedFile::MappedFile(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  expect(file >= 0, "bad-shard", "expected a readable shard at ", path, " but got: ", std::strerror(errno));
  struct stat status {};
  if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(file);
    fail("bad-shard", "expected a regular file at ", path, " but got something else");
  }
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) {
    ::close(file);
    return;
  }
  void* data = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file, 0);
  const int reason = errno;
  ::close(file);  // the mapping keeps the file
  expect(data != MAP_FAILED, "bad-shard", "expected to map ", path, " (", size_, " bytes) but got: ", std::strerror(reason));
  data_ = static_cast<const uint8_t*>(data);
  // Rows come in random order: reading ahead of a page would bring in neighbours that nobody asked for. Values that span
  // pages are asked for whole with will_need.
  ::madvise(data, size_, MADV_RANDOM);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<uint8_t*>(data_), size_);
}

void will_need(std::span<const uint8_t> value) {
  constexpr uintptr_t page = 4096;
  if (value.size() <= page) return;
  const uintptr_t from = reinterpret_cast<uintptr_t>(value.data()) & ~(page - 1);
  const uintptr_t to = reinterpret_cast<uintptr_t>(value.data()) + value.size();
  ::madvise(reinterpret_cast<void*>(from), to - from, MADV_WILLNEED);
}

}  // namespace gd
