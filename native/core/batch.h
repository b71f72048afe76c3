// What the data path hands to a step: the fields of every input, one row a sample, plus where the samples came from.
#pragma once

#include "core/features.h"

#include <cstdint>
#include <string>
#include <vector>

namespace gd {

// A sample that could not be read as asked: its modality is marked absent in `<modality>.present`, never dropped silently.
struct Reject {
  std::string file;   // shard
  int64_t row;        // row of the data set
  std::string field;  // "image: images[0].data"
  std::string reason;
};

struct Batch {
  Features fields;   // `<modality>.<field>`, first dimension B
  int64_t size = 0;  // B
  int64_t epoch = 0;
  int64_t first = 0;           // position of the first sample in the epoch, over all ranks
  std::vector<uint32_t> rows;  // stream-major: the rows of stream 0, then of stream 1 …
  std::vector<Reject> rejects;
};

}  // namespace gd
