// A data set as native threads see it: mapped Arrow IPC files whose footers TypeScript has read (src/data/shards/shards.ts) and
// whose column places it handed over once. No byte of a body is copied or touched by JavaScript.
#pragma once

#include "core/value.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gd {

// One Arrow array inside a mapped file. All offsets are absolute byte offsets into the file; -1 = absent.
// Made from the plain object (src/data/shards/places.ts, ColumnPlace):
//   { type, length, offset, validity, offsets, values, bytes, width, index, children: {name: place}, dictionary: number }
// type: 'list' 'large-list' 'fixed-list' 'struct' 'binary' 'large-binary' 'utf8' 'large-utf8' 'bool'
//       'int8' 'int16' 'int32' 'int64' 'uint8' 'uint16' 'uint32' 'uint64' 'float32' 'float64'
//       'dictionary' (then `values` are indices of type `index`, and `dictionary` is a place in the shard's dictionaries)
//       'other' (a type that no input reads, e.g. a map or a timestamp: known by name, never read)
struct ColumnPlace {
  enum class Type {
    list,
    large_list,
    fixed_list,
    structure,
    binary,
    large_binary,
    utf8,
    large_utf8,
    boolean,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
    float32,
    float64,
    dictionary,
    other,
  } type = Type::structure;
  int64_t length = 0;     // rows
  int64_t offset = 0;     // logical offset of row 0 (sliced arrays)
  int64_t validity = -1;  // bitmap
  int64_t offsets = -1;   // list, binary, utf8
  int64_t values = -1;    // bytes or numbers
  int64_t bytes = 0;      // size of the values buffer
  int64_t width = 0;      // fixed-list: values a row
  Type index = Type::int32;
  std::vector<std::pair<std::string, ColumnPlace>> children;  // list: one; struct: by name
  std::shared_ptr<const std::vector<std::string>> dictionary;

  // Throws Error("bad-shard") when the object is not of the form above.
  static ColumnPlace from(const Value& place, const std::vector<std::shared_ptr<const std::vector<std::string>>>& dictionaries);
};

// A position inside a column: follows structs and lists, checks bounds against the file, and reads values as views.
// Every reader throws Error("bad-shard") naming file, row and field when an offset leaves the column's buffers: a cut or
// damaged shard must never become a crash. (A file that is cut while it is mapped still is one: SIGBUS. Shards are
// written beside and renamed, never changed in place.)
class Cell {
 public:
  bool is_null() const;
  ColumnPlace::Type type() const;
  bool is_list() const;
  Cell field(std::string_view name) const;  // struct → child; throws when the column lacks it
  bool has(std::string_view name) const;    // struct: has the child; the child may still be null
  int64_t size() const;                     // list: number of items; 0 for null
  Cell item(int64_t i) const;               // list → item
  std::span<const uint8_t> bytes() const;   // binary or utf8; empty for null
  std::string_view text() const;            // utf8 or dictionary; empty for null
  double number() const;                    // any numeric type; throws for null
  int64_t integer() const;                  // the same, exact for 64-bit integers; throws for null and for fractions
  // Like number() and text() of a child that may be absent or null.
  double number(std::string_view name, double fallback) const;
  std::string_view text(std::string_view name) const;
  // The items of a list of integers, at most `limit`; empty for null. Throws for a null item.
  std::vector<int32_t> integers(int64_t limit = std::numeric_limits<int64_t>::max()) const;
  // `file row N, field "images[0].data"`: for error sentences.
  std::string where() const;

 private:
  friend class Dataset;
  const struct Shard* shard_ = nullptr;
  const ColumnPlace* place_ = nullptr;
  int64_t at_ = 0;   // physical index into the array: the place's offset is added already
  int64_t row_ = 0;  // row of the data set
};

// Shards appended by the JS thread (or a C++ test) while loader threads read: a shard is visible once add() returned.
class Dataset {
 public:
  Dataset();
  ~Dataset();
  // Maps `path` read-only and appends its record batches; returns the data set's row count so far.
  // places: { dictionaries: [[text…]…], batches: [{ rows, columns: {name: ColumnPlace} } …] }.
  // Throws Error("bad-shard") naming the file when it cannot be mapped or a buffer leaves it.
  int64_t add(const std::string& path, const Value& places);
  // The same for a file held in memory (raw images or prompts that were never on disk).
  int64_t add(std::string name, std::shared_ptr<const std::vector<uint8_t>> bytes, const Value& places);
  // Places a shard at a given first row, so that shards may be opened lazily and in any order. Throws Error("bad-shard")
  // when its rows overlap those of another.
  void add_at(int64_t first_row, const std::string& path, const Value& places);

  // Throws Error("bad-row") when no open shard holds the row, Error("missing-column") naming the columns that are there.
  Cell cell(int64_t row, std::string_view column) const;
  bool has(int64_t row, std::string_view column) const;
  std::string where(int64_t row) const;  // "shard-00003.arrow row 17": for error sentences
  std::string file(int64_t row) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gd
