// Lays out Arrow arrays in memory and describes their places, so that C++ tests need no file and no TypeScript.
#pragma once

#include "data/dataset.h"
#include "data/loader.h"

#include <cstring>
#include <optional>

namespace native_test {

using gd::Value;

class ShardBuilder {
 public:
  // A number column; `valid` empty: no nulls.
  template <class T>
  Value numbers(const char* type, const std::vector<T>& values, const std::vector<bool>& valid = {}) {
    Value out = place(type, values.size(), valid);
    out.set("values", put(values.data(), values.size() * sizeof(T)));
    out.set("bytes", values.size() * sizeof(T));
    return out;
  }
  Value binary(const std::vector<std::vector<uint8_t>>& values, const std::vector<bool>& valid = {});
  Value texts(const std::vector<std::string>& values);
  Value words(const std::vector<std::string>& values);  // dictionary
  Value list(const std::vector<int32_t>& lengths, Value item, const std::vector<bool>& valid = {});
  Value fixed_list(size_t rows, int64_t width, Value item);
  Value structure(size_t rows, Value::Object children, const std::vector<bool>& valid = {});

  void batch(size_t rows, Value::Object columns);
  Value places() const;
  std::vector<uint8_t> bytes{'A', 'R', 'R', 'O', 'W', '1', 0, 0};

 private:
  Value place(const char* type, size_t length, const std::vector<bool>& valid);
  int64_t put(const void* data, size_t size);
  Value::Array dictionaries_, batches_;
};

struct Stored {
  std::vector<uint8_t> data = {};
  std::string codec = "raw";
  int32_t height = 0, width = 0;
  int16_t channels = 1;
  std::string dtype = "uint8";
  std::string view = "PA";
  int8_t bits_stored = 8;
};
struct Words {
  std::string kind;
  std::vector<std::vector<int32_t>> sentences;
};
// One row of the schema that `prepare` writes, as far as inputs read it.
struct Study {
  std::vector<Stored> images = {};
  std::vector<Words> texts = {};
  std::vector<int8_t> labels = {};
  float weight = 1;
};

// Columns images, texts, label_vec, weight.
void add_studies(ShardBuilder& shard, const std::vector<Study>& studies);
std::shared_ptr<gd::Dataset> dataset_of(const std::vector<Study>& studies, size_t rows_a_batch = 4);

// A grey picture whose level depends on place and `salt`.
Stored grey(int32_t height, int32_t width, uint32_t salt = 0);
std::vector<uint8_t> file_bytes(const std::string& fixture);  // under test/fixtures

// One sample through one input: what the loader's thread does, without threads.
gd::Features read_one(const gd::Dataset& data, const std::vector<gd::NamedInput>& inputs, size_t which, int64_t row,
                      int64_t epoch = 0, bool training = true, uint64_t seed = 7);
gd::NamedInput input_of(const std::string& kind, Value options);

}  // namespace native_test
