// A data set as native threads see it: mapped Arrow IPC files whose footers TypeScript has read (src/data/shards.ts) and
// whose column places it handed over once. No byte of a body is copied or touched by JavaScript.
#pragma once

#include "core/value.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gd {

// One Arrow array inside a mapped file. All offsets are absolute byte offsets into the file; -1 = absent.
// Made from the plain object (src/data/shards.ts, ColumnPlace):
//   { type, length, offset, validity, offsets, values, width, children: {name: place}, dictionary: [text…] }
// type: 'list' 'large-list' 'fixed-list' 'struct' 'binary' 'large-binary' 'utf8' 'large-utf8' 'bool'
//       'int8' 'int16' 'int32' 'int64' 'uint8' 'uint16' 'uint32' 'uint64' 'float32' 'float64'
//       'dictionary' (then `values` are indices of type `index`, and `dictionary` holds the texts)
struct ColumnPlace {
  enum class Type {
    list, large_list, fixed_list, structure, binary, large_binary, utf8, large_utf8, boolean,
    int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64, dictionary,
  } type = Type::structure;
  int64_t length = 0;     // rows
  int64_t offset = 0;     // logical offset of row 0 (sliced arrays)
  int64_t validity = -1;  // bitmap
  int64_t offsets = -1;   // list, binary, utf8
  int64_t values = -1;    // bytes or numbers
  int64_t width = 0;      // fixed-list: values a row
  Type index = Type::int32;
  std::vector<std::pair<std::string, ColumnPlace>> children;  // list: one; struct: by name
  std::vector<std::string> dictionary;

  static ColumnPlace from(const Value& place);  // throws Error("bad-shard")
};

// A position inside a column: follows structs and lists, checks bounds against the file, and reads values as views.
// Every reader throws Error("bad-shard") naming file, row and field when an offset leaves the file: a cut or damaged shard
// must never become a crash.
class Cell {
 public:
  bool is_null() const;
  Cell field(std::string_view name) const;  // struct → child; throws when the column lacks it
  bool has(std::string_view name) const;
  int64_t size() const;            // list: number of items
  Cell item(int64_t i) const;      // list → item
  std::span<const uint8_t> bytes() const;
  std::string_view text() const;   // utf8 or dictionary
  double number() const;           // any numeric type
  // The items of a list of numbers, converted; empty for null.
  std::vector<int32_t> integers() const;
  void floats(float* out, int64_t count) const;  // throws when the list has another length

 private:
  friend class Dataset;
  const struct Shard* shard_ = nullptr;
  const ColumnPlace* place_ = nullptr;
  int64_t at_ = 0;
  int64_t row_ = 0;
};

// Shards appended by the JS thread (or a C++ test) while loader threads read: a shard is visible once add() returned.
class Dataset {
 public:
  Dataset();
  ~Dataset();
  // Maps `path` read-only and appends its record batches; returns the data set's row count so far.
  // batches: [{ rows, columns: {name: ColumnPlace} } …]. Throws Error("bad-shard") naming the file.
  int64_t add(const std::string& path, const Value& batches);
  // The same for a file held in memory (raw images or prompts that were never on disk).
  int64_t add(std::string name, std::shared_ptr<const std::vector<uint8_t>> bytes, const Value& batches);
  // Places a shard at a given first row, so that shards may be opened lazily and in any order.
  void add_at(int64_t first_row, const std::string& path, const Value& batches);

  Cell cell(int64_t row, std::string_view column) const;  // throws Error("bad-row") when no open shard holds the row
  bool has(int64_t row, std::string_view column) const;
  std::string where(int64_t row) const;  // "shard-00003.arrow row 17": for error sentences

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gd
