#include "core/value.h"

#include "core/error.h"

#include <charconv>
#include <cmath>

namespace gd {

const char* Value::kind() const {
  static constexpr const char* names[] = {"null", "flag", "number", "text", "array", "object", "bytes"};
  return names[held_.index()];
}

bool Value::flag() const {
  expect(is_flag(), "bad-value", "expected a flag but got ", kind());
  return std::get<bool>(held_);
}
double Value::number() const {
  expect(is_number(), "bad-value", "expected a number but got ", kind());
  return std::get<double>(held_);
}
int64_t Value::integer() const {
  const double v = number();
  expect(v == std::floor(v) && std::abs(v) <= 9007199254740992.0, "bad-value", "expected an integer but got ", v);
  return static_cast<int64_t>(v);
}
const std::string& Value::text() const {
  expect(is_text(), "bad-value", "expected text but got ", kind());
  return std::get<std::string>(held_);
}
const Value::Array& Value::array() const {
  expect(is_array(), "bad-value", "expected an array but got ", kind());
  return std::get<Array>(held_);
}
const Value::Object& Value::object() const {
  expect(is_object(), "bad-value", "expected an object but got ", kind());
  return std::get<Object>(held_);
}
const Value::Bytes& Value::bytes() const {
  expect(is_bytes(), "bad-value", "expected bytes but got ", kind());
  return std::get<Bytes>(held_);
}
Value::Array& Value::array() {
  expect(is_array(), "bad-value", "expected an array but got ", kind());
  return std::get<Array>(held_);
}
Value::Object& Value::object() {
  expect(is_object(), "bad-value", "expected an object but got ", kind());
  return std::get<Object>(held_);
}

const Value* Value::find(std::string_view key) const {
  if (!is_object()) return nullptr;
  for (const auto& [name, value] : std::get<Object>(held_))
    if (name == key) return &value;
  return nullptr;
}
const Value& Value::at(std::string_view key) const {
  const Value* found = find(key);
  expect(found != nullptr, "bad-value", "expected the key '", key, "' but it is absent");
  return *found;
}
double Value::number(std::string_view key, double fallback) const {
  const Value* v = find(key);
  return v && !v->is_null() ? v->number() : fallback;
}
int64_t Value::integer(std::string_view key, int64_t fallback) const {
  const Value* v = find(key);
  return v && !v->is_null() ? v->integer() : fallback;
}
bool Value::flag(std::string_view key, bool fallback) const {
  const Value* v = find(key);
  return v && !v->is_null() ? v->flag() : fallback;
}
std::string Value::text(std::string_view key, std::string fallback) const {
  const Value* v = find(key);
  return v && !v->is_null() ? v->text() : std::move(fallback);
}
Value& Value::set(std::string key, Value value) {
  if (is_null()) held_ = Object{};
  for (auto& [name, held] : object())
    if (name == key) return held = std::move(value);
  return object().emplace_back(std::move(key), std::move(value)).second;
}

namespace {

struct Parser {
  std::string_view s;
  size_t at = 0;
  int depth = 0;

  [[noreturn]] void stop(const char* expected) const {
    fail("bad-json", "expected ", expected, " at byte ", at, " of ", s.size());
  }
  void space() {
    while (at < s.size() && (s[at] == ' ' || s[at] == '\n' || s[at] == '\r' || s[at] == '\t')) ++at;
  }
  char peek() {
    space();
    if (at >= s.size()) stop("more text");
    return s[at];
  }
  void take(char c) {
    if (peek() != c) stop(std::string({'\'', c, '\''}).c_str());
    ++at;
  }
  bool word(std::string_view w) {
    if (s.substr(at, w.size()) != w) return false;
    at += w.size();
    return true;
  }
  unsigned hex4() {
    unsigned code = 0;
    const auto [end, err] = std::from_chars(s.data() + at, s.data() + std::min(at + 4, s.size()), code, 16);
    if (err != std::errc() || end != s.data() + at + 4) stop("four hexadecimal digits");
    at += 4;
    return code;
  }
  static void utf8(std::string& out, unsigned c) {
    if (c < 0x80) {
      out += static_cast<char>(c);
    } else if (c < 0x800) {
      out += static_cast<char>(0xC0 | (c >> 6));
      out += static_cast<char>(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
      out += static_cast<char>(0xE0 | (c >> 12));
      out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (c & 0x3F));
    } else {
      out += static_cast<char>(0xF0 | (c >> 18));
      out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
      out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (c & 0x3F));
    }
  }
  std::string text() {
    take('"');
    std::string out;
    while (true) {
      if (at >= s.size()) stop("a closing quote");
      const char c = s[at++];
      if (c == '"') return out;
      if (c != '\\') {
        out += c;
        continue;
      }
      if (at >= s.size()) stop("an escape");
      switch (s[at++]) {
        case '"': out += '"'; break;
        case '\\': out += '\\'; break;
        case '/': out += '/'; break;
        case 'b': out += '\b'; break;
        case 'f': out += '\f'; break;
        case 'n': out += '\n'; break;
        case 'r': out += '\r'; break;
        case 't': out += '\t'; break;
        case 'u': {
          unsigned code = hex4();
          if (code >= 0xD800 && code < 0xDC00 && word("\\u")) code = 0x10000 + ((code - 0xD800) << 10) + (hex4() - 0xDC00);
          utf8(out, code);
          break;
        }
        default: stop("a known escape");
      }
    }
  }
  Value value() {
    // The bound keeps a hostile file from overflowing the stack.
    if (++depth > 200) stop("at most 200 levels");
    Value out;
    switch (peek()) {
      case '{': {
        Value::Object object;
        take('{');
        if (peek() != '}') {
          do {
            space();
            std::string key = text();
            take(':');
            object.emplace_back(std::move(key), value());
          } while (peek() == ',' && ++at);
        }
        take('}');
        out = std::move(object);
        break;
      }
      case '[': {
        Value::Array array;
        take('[');
        if (peek() != ']') {
          do array.push_back(value());
          while (peek() == ',' && ++at);
        }
        take(']');
        out = std::move(array);
        break;
      }
      case '"': out = text(); break;
      case 't':
        if (!word("true")) stop("a value");
        out = true;
        break;
      case 'f':
        if (!word("false")) stop("a value");
        out = false;
        break;
      case 'n':
        if (!word("null")) stop("a value");
        break;
      default: {
        double number = 0;
        const auto [end, err] = std::from_chars(s.data() + at, s.data() + s.size(), number);
        if (err != std::errc()) stop("a value");
        at = static_cast<size_t>(end - s.data());
        out = number;
      }
    }
    --depth;
    return out;
  }
};

void write_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          static constexpr char digits[] = "0123456789abcdef";
          out += "\\u00";
          out += digits[(c >> 4) & 15];
          out += digits[c & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void write(std::string& out, const Value& v) {
  if (v.is_null() || v.is_bytes()) {
    out += "null";
  } else if (v.is_flag()) {
    out += v.flag() ? "true" : "false";
  } else if (v.is_number()) {
    // JSON has no NaN or infinity: null, as JavaScript's own writer does.
    if (!std::isfinite(v.number())) {
      out += "null";
    } else {
      char digits[32];
      const auto [end, err] = std::to_chars(digits, digits + sizeof digits, v.number());
      out.append(digits, end);
    }
  } else if (v.is_text()) {
    write_text(out, v.text());
  } else if (v.is_array()) {
    out += '[';
    for (size_t i = 0; i < v.array().size(); ++i) {
      if (i) out += ',';
      write(out, v.array()[i]);
    }
    out += ']';
  } else {
    out += '{';
    bool first = true;
    for (const auto& [key, value] : v.object()) {
      if (!first) out += ',';
      first = false;
      write_text(out, key);
      out += ':';
      write(out, value);
    }
    out += '}';
  }
}

}  // namespace

Value Value::parse(std::string_view json) {
  Parser parser{json};
  Value out = parser.value();
  parser.space();
  if (parser.at != json.size()) parser.stop("the end");
  return out;
}

std::string Value::dump() const {
  std::string out;
  write(out, *this);
  return out;
}

}  // namespace gd
