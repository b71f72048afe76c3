// One Arrow file of a data set, as Cell and Dataset share it.
#pragma once

#include "data/dataset.h"
#include "data/mapped_file.h"

#include <optional>

namespace gd {

struct ShardBatch {
  int64_t first_row = 0;  // within the shard
  int64_t rows = 0;
  std::vector<std::pair<std::string, ColumnPlace>> columns;
};

struct Shard {
  std::string name;  // file name without folder, or what the caller called it
  int64_t first_row = 0;
  int64_t rows = 0;
  std::span<const uint8_t> bytes;
  std::unique_ptr<const MappedFile> file;
  std::shared_ptr<const std::vector<uint8_t>> memory;
  std::vector<ShardBatch> batches;
};

// Throws Error("bad-shard") when a buffer of a column leaves the file or is shorter than its array.
void check_places(const Shard& shard);

}  // namespace gd
