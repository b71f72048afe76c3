// A JSON-like tree: what crosses the boundary to JavaScript (configuration in, events out) and what the headers of
// safetensors files hold. Objects keep their insertion order, so that what is printed or saved is stable. Beside JSON's kinds
// there are bytes: typed arrays on their way between JavaScript and native code, never copied inside.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace gd {

class Value {
 public:
  using Array = std::vector<Value>;
  using Object = std::vector<std::pair<std::string, Value>>;
  using Bytes = std::shared_ptr<const std::vector<uint8_t>>;

  Value() : held_(nullptr) {}
  Value(std::nullptr_t) : held_(nullptr) {}
  Value(bool v) : held_(v) {}
  Value(double v) : held_(v) {}
  Value(int v) : held_(static_cast<double>(v)) {}
  Value(int64_t v) : held_(static_cast<double>(v)) {}
  Value(size_t v) : held_(static_cast<double>(v)) {}
  Value(const char* v) : held_(std::string(v)) {}
  Value(std::string v) : held_(std::move(v)) {}
  Value(std::string_view v) : held_(std::string(v)) {}
  Value(Array v) : held_(std::move(v)) {}
  Value(Object v) : held_(std::move(v)) {}
  Value(Bytes v) : held_(std::move(v)) {}

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(held_); }
  bool is_flag() const { return std::holds_alternative<bool>(held_); }
  bool is_number() const { return std::holds_alternative<double>(held_); }
  bool is_text() const { return std::holds_alternative<std::string>(held_); }
  bool is_array() const { return std::holds_alternative<Array>(held_); }
  bool is_object() const { return std::holds_alternative<Object>(held_); }
  bool is_bytes() const { return std::holds_alternative<Bytes>(held_); }
  const char* kind() const;  // "null", "flag", "number", "text", "array", "object", "bytes": for error sentences

  // Each throws Error("bad-value") that names what was expected and what is there.
  bool flag() const;
  double number() const;
  int64_t integer() const;
  const std::string& text() const;
  const Array& array() const;
  const Object& object() const;
  const Bytes& bytes() const;
  Array& array();
  Object& object();

  // Object access. `at` throws when the key is absent, `find` gives nullptr, `get` the fallback.
  const Value& at(std::string_view key) const;
  const Value* find(std::string_view key) const;
  double number(std::string_view key, double fallback) const;
  int64_t integer(std::string_view key, int64_t fallback) const;
  bool flag(std::string_view key, bool fallback) const;
  std::string text(std::string_view key, std::string fallback) const;
  Value& set(std::string key, Value value);  // appends or replaces; makes an object of a null

  static Value parse(std::string_view json);  // throws Error("bad-json") with the byte position
  std::string dump() const;                   // compact JSON, shortest round-trip numbers; bytes become null

 private:
  std::variant<std::nullptr_t, bool, double, std::string, Array, Object, Bytes> held_;
};

}  // namespace gd
