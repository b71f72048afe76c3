// safetensors files: 8 bytes little-endian header length, JSON header, raw row-major tensors. One file is one checkpoint.
#pragma once

#include "core/features.h"
#include "core/value.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gd {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

// Writes `path` so that it is there whole or not at all: beside it, fsynced, renamed, folder fsynced. Tensors are on the CPU
// and contiguous. `metadata` maps names to texts; "xxh64" (the hash of everything after the header) is added to it.
// Returns the bytes written. Throws Error("checkpoint-not-written") naming path and cause, and removes what it began.
int64_t write_safetensors(const std::string& path, const NamedTensors& tensors, const Value& metadata);

// A mapped file; tensors are views into it and keep it mapped.
class SafetensorsFile {
 public:
  // Checks the header against the file's size: every error is Error("bad-checkpoint") naming the file.
  explicit SafetensorsFile(const std::string& path);
  std::string data_hash() const;  // of everything after the header
  void verify() const;            // the hash, where the file carries one
  const Value& metadata() const { return metadata_; }
  const std::vector<std::string>& names() const { return names_; }
  bool has(const std::string& name) const { return places_.contains(name); }
  Tensor tensor(const std::string& name) const;
  // {name, dtype, shape} of all, for inspect
  Value inventory() const;

 private:
  struct Mapping;
  struct Place {
    at::ScalarType dtype;
    std::vector<int64_t> shape;
    size_t begin, end;
  };
  std::string path_;
  std::shared_ptr<Mapping> mapping_;
  size_t data_ = 0;
  Value metadata_;
  std::vector<std::string> names_;
  std::map<std::string, Place> places_;
};

}  // namespace gd
