#include "checkpoint/safetensors.h"

#include "checkpoint/hash.h"
#include "core/error.h"

#include <ATen/ATen.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace gd {

namespace {

struct Kind {
  const char* name;
  at::ScalarType dtype;
};
constexpr Kind kinds[] = {{"F32", at::kFloat}, {"F64", at::kDouble}, {"F16", at::kHalf},  {"BF16", at::kBFloat16},
                          {"I64", at::kLong},  {"I32", at::kInt},    {"I16", at::kShort}, {"I8", at::kChar},
                          {"U8", at::kByte},   {"BOOL", at::kBool}};

const char* name_of(at::ScalarType dtype) {
  for (const auto& kind : kinds)
    if (kind.dtype == dtype) return kind.name;
  fail("checkpoint-not-written", "expected a dtype that safetensors knows but got ", c10::toString(dtype));
}

// A file that is closed, and removed unless kept.
struct Draft {
  std::string path;
  int fd = -1;
  bool kept = false;
  ~Draft() {
    if (fd >= 0) ::close(fd);
    if (!kept) ::unlink(path.c_str());
  }
  [[noreturn]] void give_up(const char* doing) const {
    throw Error("checkpoint-not-written", c10::str("could not ", doing, " ", path, ": ", std::strerror(errno)),
                errno == ENOSPC ? "free some space; the checkpoints written before are untouched" : "");
  }
  void write(const void* bytes, size_t count) const {
    const auto* at = static_cast<const char*>(bytes);
    while (count > 0) {
      const ssize_t done = ::write(fd, at, std::min(count, size_t{1} << 26));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) give_up("write");
      at += done;
      count -= static_cast<size_t>(done);
    }
  }
};

}  // namespace

int64_t write_safetensors(const std::string& path, const NamedTensors& tensors, const Value& metadata) {
  Hash64 hash;
  size_t end = 0;
  Value header;
  Value notes = metadata;
  Value places;
  for (const auto& [name, tensor] : tensors) {
    expect(tensor.is_contiguous() && tensor.is_cpu(), "checkpoint-not-written", "expected a contiguous CPU tensor for ", name);
    Value::Array shape;
    for (const int64_t n : tensor.sizes()) shape.emplace_back(n);
    const size_t begin = end;
    end += tensor.nbytes();
    Value place;
    place.set("dtype", name_of(tensor.scalar_type()));
    place.set("shape", std::move(shape));
    place.set("data_offsets", Value::Array{Value(begin), Value(end)});
    places.set(name, std::move(place));
    hash.add(tensor.const_data_ptr(), tensor.nbytes());
  }
  notes.set("xxh64", hash.text());
  header.set("__metadata__", std::move(notes));
  if (!places.is_null())
    for (auto& [name, place] : places.object()) header.set(name, std::move(place));
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // data aligned to 8 bytes

  Draft draft{path + ".tmp"};
  draft.fd = ::open(draft.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (draft.fd < 0) draft.give_up("create");
  const uint64_t length = text.size();
  draft.write(&length, sizeof length);
  draft.write(text.data(), text.size());
  for (const auto& [name, tensor] : tensors) draft.write(tensor.const_data_ptr(), tensor.nbytes());
  if (::fsync(draft.fd) != 0) draft.give_up("flush");
  if (::rename(draft.path.c_str(), path.c_str()) != 0) draft.give_up("rename");
  draft.kept = true;
  // The rename itself must survive a power cut.
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    ::fsync(fd);
    ::close(fd);
  }
  return static_cast<int64_t>(sizeof length + text.size() + end);
}

struct SafetensorsFile::Mapping {
  const unsigned char* bytes = nullptr;
  size_t size = 0;
  ~Mapping() {
    if (bytes) ::munmap(const_cast<unsigned char*>(bytes), size);
  }
};

SafetensorsFile::SafetensorsFile(const std::string& path) : path_(path), mapping_(std::make_shared<Mapping>()) {
  const auto bad = [&](const auto&... parts) {
    fail("bad-checkpoint", "expected a whole safetensors file but ", path, " ", parts...);
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("bad-checkpoint", "could not open the checkpoint ", path, ": ", std::strerror(errno));
  struct stat stats {};
  if (::fstat(fd, &stats) == 0 && stats.st_size >= 8) {
    mapping_->size = static_cast<size_t>(stats.st_size);
    void* at = ::mmap(nullptr, mapping_->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at != MAP_FAILED) mapping_->bytes = static_cast<const unsigned char*>(at);
  }
  ::close(fd);
  if (!mapping_->bytes) bad("has only ", stats.st_size, " bytes");
  uint64_t length = 0;
  std::memcpy(&length, mapping_->bytes, 8);
  if (length > mapping_->size - 8) bad("ends within its header");
  data_ = 8 + length;
  Value header;
  try {
    header = Value::parse({reinterpret_cast<const char*>(mapping_->bytes) + 8, length});
    for (const auto& [name, place] : header.object()) {
      if (name == "__metadata__") {
        metadata_ = place;
        continue;
      }
      Place found{at::kFloat, {}, 0, 0};
      const std::string& dtype = place.at("dtype").text();
      bool known = false;
      for (const auto& kind : kinds)
        if (dtype == kind.name) {
          found.dtype = kind.dtype;
          known = true;
        }
      if (!known) bad("holds the dtype ", dtype, " of ", name, ", which is not read");
      size_t count = 1;
      for (const auto& n : place.at("shape").array()) {
        const int64_t extent = n.integer();
        if (extent < 0 || (extent > 0 && count > (size_t{1} << 48) / static_cast<size_t>(extent)))
          bad("has an impossible shape of ", name);
        found.shape.push_back(extent);
        count *= static_cast<size_t>(extent);
      }
      const auto& offsets = place.at("data_offsets").array();
      if (offsets.size() != 2 || offsets[0].integer() < 0 || offsets[1].integer() < offsets[0].integer())
        bad("has wrong offsets of ", name);
      found.begin = static_cast<size_t>(offsets[0].integer());
      found.end = static_cast<size_t>(offsets[1].integer());
      if (found.end - found.begin != count * c10::elementSize(found.dtype))
        bad("has offsets of ", name, " that do not fit its shape");
      if (found.end > mapping_->size - data_) bad("ends before the tensor ", name);
      names_.push_back(name);
      places_.emplace(name, std::move(found));
    }
  } catch (const Error& error) {
    if (error.code == "bad-checkpoint") throw;
    bad("has a damaged header: ", error.what());
  }
}

std::string SafetensorsFile::data_hash() const {
  Hash64 hash;
  hash.add(mapping_->bytes + data_, mapping_->size - data_);
  return hash.text();
}

void SafetensorsFile::verify() const {
  const Value* wanted = metadata_.find("xxh64");
  if (!wanted || !wanted->is_text()) return;
  const std::string hash = data_hash();
  expect(hash == wanted->text(), "bad-checkpoint", "expected the hash ", wanted->text(), " for ", path_, " but its data have ",
         hash, ": the file is damaged");
}

Tensor SafetensorsFile::tensor(const std::string& name) const {
  const auto found = places_.find(name);
  expect(found != places_.end(), "bad-checkpoint", "expected the tensor ", name, " in ", path_, " but it is absent");
  const Place& place = found->second;
  const unsigned char* at = mapping_->bytes + data_ + place.begin;
  const auto options = at::TensorOptions().dtype(place.dtype);
  if (reinterpret_cast<uintptr_t>(at) % c10::elementSize(place.dtype) != 0) {
    Tensor copy = at::empty(place.shape, options);
    std::memcpy(copy.mutable_data_ptr(), at, place.end - place.begin);
    return copy;
  }
  return at::from_blob(
      const_cast<unsigned char*>(at), place.shape, [held = mapping_](void*) {}, options);
}

Value SafetensorsFile::inventory() const {
  Value::Array out;
  for (const auto& name : names_) {
    const Place& place = places_.at(name);
    Value::Array shape;
    for (const int64_t n : place.shape) shape.emplace_back(n);
    Value entry;
    entry.set("name", name);
    entry.set("dtype", gd::name_of(place.dtype));
    entry.set("shape", std::move(shape));
    out.push_back(std::move(entry));
  }
  return Value(std::move(out));
}

}  // namespace gd
