// Bounds-checked reading of nested Arrow arrays. What does not depend on a row (does each buffer lie inside the file, is it
// as long as the array says) is checked once when a shard is added; what does (the values of offset buffers) at each read.
#include "core/error.h"
#include "data/dataset.h"
#include "data/shard.h"

#include <cmath>
#include <cstring>
#include <map>

namespace gd {

using Type = ColumnPlace::Type;

namespace {

const std::map<std::string, Type, std::less<>>& type_names() {
  static const std::map<std::string, Type, std::less<>> names = {
      {"list", Type::list},        {"large-list", Type::large_list}, {"fixed-list", Type::fixed_list},
      {"struct", Type::structure}, {"binary", Type::binary},         {"large-binary", Type::large_binary},
      {"utf8", Type::utf8},        {"large-utf8", Type::large_utf8}, {"bool", Type::boolean},
      {"int8", Type::int8},        {"int16", Type::int16},           {"int32", Type::int32},
      {"int64", Type::int64},      {"uint8", Type::uint8},           {"uint16", Type::uint16},
      {"uint32", Type::uint32},    {"uint64", Type::uint64},         {"float32", Type::float32},
      {"float64", Type::float64},  {"dictionary", Type::dictionary}, {"other", Type::other}};
  return names;
}

Type type_named(const std::string& name) {
  const auto found = type_names().find(name);
  expect(found != type_names().end(), "bad-shard", "expected a known column type but got '", name, "'");
  return found->second;
}

const char* name_of(Type type) {
  for (const auto& [name, known] : type_names())
    if (known == type) return name.c_str();
  return "unknown";
}

// Bytes of one value; 0 for types that are not numbers.
int64_t width_of(Type type) {
  switch (type) {
    case Type::int8:
    case Type::uint8: return 1;
    case Type::int16:
    case Type::uint16: return 2;
    case Type::int32:
    case Type::uint32:
    case Type::float32: return 4;
    case Type::int64:
    case Type::uint64:
    case Type::float64: return 8;
    default: return 0;
  }
}

bool long_offsets(Type type) { return type == Type::large_list || type == Type::large_binary || type == Type::large_utf8; }
bool is_variable(Type type) {
  return type == Type::binary || type == Type::large_binary || type == Type::utf8 || type == Type::large_utf8;
}

// memcpy, because nothing promises that a damaged place is aligned.
template <class T>
T load(const uint8_t* from) {
  T out;
  std::memcpy(&out, from, sizeof out);
  return out;
}

double number_at(Type type, const uint8_t* values, int64_t i) {
  switch (type) {
    case Type::int8: return load<int8_t>(values + i);
    case Type::uint8: return values[i];
    case Type::int16: return load<int16_t>(values + 2 * i);
    case Type::uint16: return load<uint16_t>(values + 2 * i);
    case Type::int32: return load<int32_t>(values + 4 * i);
    case Type::uint32: return load<uint32_t>(values + 4 * i);
    case Type::float32: return load<float>(values + 4 * i);
    case Type::int64: return static_cast<double>(load<int64_t>(values + 8 * i));
    case Type::uint64: return static_cast<double>(load<uint64_t>(values + 8 * i));
    case Type::float64: return load<double>(values + 8 * i);
    default: return 0;
  }
}

int64_t integer_at(Type type, const uint8_t* values, int64_t i) {
  if (type == Type::int64) return load<int64_t>(values + 8 * i);
  if (type == Type::uint64) {
    const uint64_t value = load<uint64_t>(values + 8 * i);
    return value > static_cast<uint64_t>(INT64_MAX) ? INT64_MAX : static_cast<int64_t>(value);
  }
  return static_cast<int64_t>(number_at(type, values, i));
}

// A small path of a place inside its column, for messages.
bool path_to(const ColumnPlace& from, const ColumnPlace* wanted, std::string& path) {
  if (&from == wanted) return true;
  const size_t before = path.size();
  for (const auto& [name, child] : from.children) {
    path += from.type == Type::structure ? (path.empty() ? name : "." + name) : "[]";
    if (path_to(child, wanted, path)) return true;
    path.resize(before);
  }
  return false;
}

struct Checker {
  const Shard& shard;
  std::string path;

  void region(const char* what, int64_t from, int64_t needed) const {
    const auto size = static_cast<int64_t>(shard.bytes.size());
    if (from >= 0 && needed >= 0 && from <= size && needed <= size - from) return;
    fail("bad-shard", "expected the ", what, " of '", path, "' in ", shard.name, " inside the file's ", size, " bytes but got ",
         needed, " bytes at ", from, "; the file is cut or damaged");
  }

  // `rows`: how many rows the parent reads at least.
  void check(const ColumnPlace& place, int64_t rows) {
    constexpr int64_t most = int64_t{1} << 48;  // keeps every product below 2^63
    if (place.length < rows || place.length > most || place.offset < 0 || place.offset > most || place.width < 0 ||
        place.width > most)
      fail("bad-shard", "expected at least ", rows, " rows for '", path, "' in ", shard.name, " but got ", place.length,
           " at offset ", place.offset, "; the file is damaged");
    const int64_t end = place.offset + place.length;
    if (place.validity >= 0) region("validity bitmap", place.validity, (end + 7) / 8);
    if (place.type == Type::other) return;
    if (place.length == 0) {
      // An array without rows may lack its buffers; nothing of it is ever read.
    } else if (place.type == Type::list || place.type == Type::large_list || is_variable(place.type)) {
      region("offsets", place.offsets, (end + 1) * (long_offsets(place.type) ? 8 : 4));
      if (is_variable(place.type)) region("values", place.values, place.bytes);
    } else if (place.type == Type::boolean) {
      region("values", place.values, (end + 7) / 8);
    } else if (place.type == Type::dictionary) {
      expect(width_of(place.index) > 0 && place.dictionary, "bad-shard", "expected a dictionary for '", path, "' in ", shard.name,
             " but got none");
      region("indices", place.values, end * width_of(place.index));
    } else if (const int64_t width = width_of(place.type)) {
      region("values", place.values, end * width);
    }
    const bool one_child = place.type == Type::list || place.type == Type::large_list || place.type == Type::fixed_list;
    expect(!one_child || place.children.size() == 1, "bad-shard", "expected one child for the list '", path, "' in ", shard.name,
           " but got ", place.children.size());
    if (place.type == Type::fixed_list && place.width > 0)
      expect(end <= most / place.width, "bad-shard", "expected a shorter list '", path, "' in ", shard.name);
    for (const auto& [name, child] : place.children) {
      const std::string here = path;
      path += one_child ? "[]" : "." + name;
      check(child, place.type == Type::structure ? end : place.type == Type::fixed_list ? end * place.width : 0);
      path = here;
    }
  }
};

}  // namespace

ColumnPlace ColumnPlace::from(const Value& place,
                              const std::vector<std::shared_ptr<const std::vector<std::string>>>& dictionaries) {
  ColumnPlace out;
  out.type = type_named(place.at("type").text());
  out.length = place.integer("length", 0);
  out.offset = place.integer("offset", 0);
  out.validity = place.integer("validity", -1);
  out.offsets = place.integer("offsets", -1);
  out.values = place.integer("values", -1);
  out.bytes = place.integer("bytes", 0);
  out.width = place.integer("width", 0);
  if (out.type == Type::dictionary) {
    out.index = type_named(place.text("index", "int32"));
    const int64_t which = place.integer("dictionary", -1);
    expect(which >= 0 && which < static_cast<int64_t>(dictionaries.size()), "bad-shard", "expected one of ", dictionaries.size(),
           " dictionaries but got number ", which);
    out.dictionary = dictionaries[static_cast<size_t>(which)];
  }
  if (const Value* children = place.find("children"); children && !children->is_null())
    for (const auto& [name, child] : children->object()) out.children.emplace_back(name, from(child, dictionaries));
  return out;
}

void check_places(const Shard& shard) {
  for (const auto& batch : shard.batches)
    for (const auto& [name, place] : batch.columns) Checker{shard, name}.check(place, batch.rows);
}

bool Cell::is_null() const {
  if (place_->validity < 0) return false;
  return !(shard_->bytes[static_cast<size_t>(place_->validity + at_ / 8)] >> (at_ % 8) & 1);
}

Type Cell::type() const { return place_->type; }
bool Cell::is_list() const {
  return place_->type == Type::list || place_->type == Type::large_list || place_->type == Type::fixed_list;
}

bool Cell::has(std::string_view name) const {
  if (place_->type != Type::structure) return false;
  for (const auto& [known, child] : place_->children)
    if (known == name) return true;
  return false;
}

Cell Cell::field(std::string_view name) const {
  if (place_->type != Type::structure)
    fail("bad-shard", "expected a struct with the field '", name, "' at ", where(), " but got ", name_of(place_->type));
  std::string names;
  for (const auto& [known, child] : place_->children) {
    if (known == name) {
      Cell out = *this;
      out.place_ = &child;
      out.at_ = at_ + child.offset;
      return out;
    }
    names += (names.empty() ? "" : ", ") + known;
  }
  fail("bad-shard", "expected the field '", name, "' at ", where(), " but there is only: ", names);
}

// First and one-past-last of a list or of bytes; checked against `bound`.
static std::pair<int64_t, int64_t> range(const Shard& shard, const ColumnPlace& place, int64_t at, int64_t bound,
                                         const Cell& cell) {
  const uint8_t* offsets = shard.bytes.data() + place.offsets;
  const bool wide = long_offsets(place.type);
  const int64_t from = wide ? load<int64_t>(offsets + 8 * at) : load<int32_t>(offsets + 4 * at);
  const int64_t to = wide ? load<int64_t>(offsets + 8 * (at + 1)) : load<int32_t>(offsets + 4 * (at + 1));
  if (from < 0 || to < from || to > bound)
    fail("bad-shard", "expected offsets within 0 and ", bound, " at ", cell.where(), " but got ", from, " to ", to,
         "; the file is damaged");
  return {from, to};
}

int64_t Cell::size() const {
  if (!is_list()) fail("bad-shard", "expected a list at ", where(), " but got ", name_of(place_->type));
  if (is_null()) return 0;
  if (place_->type == Type::fixed_list) return place_->width;
  const auto [from, to] = range(*shard_, *place_, at_, place_->children.front().second.length, *this);
  return to - from;
}

Cell Cell::item(int64_t i) const {
  const int64_t count = size();
  if (i < 0 || i >= count) fail("bad-shard", "expected an item below ", count, " at ", where(), " but got number ", i);
  Cell out = *this;
  out.place_ = &place_->children.front().second;
  const int64_t first =
      place_->type == Type::fixed_list ? at_ * place_->width : range(*shard_, *place_, at_, out.place_->length, *this).first;
  out.at_ = first + i + out.place_->offset;
  return out;
}

std::span<const uint8_t> Cell::bytes() const {
  if (!is_variable(place_->type)) fail("bad-shard", "expected bytes at ", where(), " but got ", name_of(place_->type));
  if (is_null()) return {};
  const auto [from, to] = range(*shard_, *place_, at_, place_->bytes, *this);
  return shard_->bytes.subspan(static_cast<size_t>(place_->values + from), static_cast<size_t>(to - from));
}

std::string_view Cell::text() const {
  if (is_null()) return {};
  if (place_->type == Type::dictionary) {
    const int64_t index = integer_at(place_->index, shard_->bytes.data() + place_->values, at_);
    if (index < 0 || index >= static_cast<int64_t>(place_->dictionary->size()))
      fail("bad-shard", "expected an index below ", place_->dictionary->size(), " at ", where(), " but got ", index,
           "; the file is damaged");
    return (*place_->dictionary)[static_cast<size_t>(index)];
  }
  const auto view = bytes();
  return {reinterpret_cast<const char*>(view.data()), view.size()};
}

double Cell::number() const {
  if (is_null()) fail("bad-shard", "expected a number at ", where(), " but got null");
  if (place_->type == Type::boolean) return shard_->bytes[static_cast<size_t>(place_->values + at_ / 8)] >> (at_ % 8) & 1;
  if (width_of(place_->type) == 0) fail("bad-shard", "expected a number at ", where(), " but got ", name_of(place_->type));
  return number_at(place_->type, shard_->bytes.data() + place_->values, at_);
}

int64_t Cell::integer() const {
  const double value = number();
  if (value != std::floor(value)) fail("bad-shard", "expected an integer at ", where(), " but got ", value);
  if (place_->type == Type::boolean) return static_cast<int64_t>(value);
  return integer_at(place_->type, shard_->bytes.data() + place_->values, at_);
}

double Cell::number(std::string_view name, double fallback) const {
  if (!has(name)) return fallback;
  const Cell child = field(name);
  return child.is_null() ? fallback : child.number();
}

std::string_view Cell::text(std::string_view name) const { return has(name) ? field(name).text() : std::string_view(); }

std::vector<int32_t> Cell::integers(int64_t limit) const {
  const int64_t count = std::min(size(), limit);
  std::vector<int32_t> out(static_cast<size_t>(std::max<int64_t>(count, 0)));
  if (out.empty()) return out;
  const Cell first = item(0);
  if (first.place_->type == Type::int32 && first.place_->validity < 0) {
    std::memcpy(out.data(), shard_->bytes.data() + first.place_->values + 4 * first.at_, out.size() * 4);
    return out;
  }
  for (int64_t i = 0; i < count; ++i) {
    Cell at = first;
    at.at_ += i;
    const int64_t value = at.integer();
    if (value < INT32_MIN || value > INT32_MAX) fail("bad-shard", "expected 32 bits at ", at.where(), " but got ", value);
    out[static_cast<size_t>(i)] = static_cast<int32_t>(value);
  }
  return out;
}

std::string Cell::where() const {
  std::string field;
  const int64_t first = shard_->first_row;
  for (const auto& batch : shard_->batches) {
    if (row_ < first + batch.first_row || row_ >= first + batch.first_row + batch.rows) continue;
    for (const auto& [name, place] : batch.columns) {
      std::string path = name;
      if (!path_to(place, place_, path)) continue;
      field = path;
      break;
    }
  }
  return shard_->name + " row " + std::to_string(row_ - first) + ", field '" + field + "'";
}

}  // namespace gd
