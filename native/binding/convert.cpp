#include "binding/convert.h"

#include "core/error.h"

#include <cstring>

namespace gd {

Value from_js(const Napi::Value& value) {
  if (value.IsUndefined() || value.IsNull()) return Value();
  if (value.IsBoolean()) return Value(value.As<Napi::Boolean>().Value());
  if (value.IsNumber()) return Value(value.As<Napi::Number>().DoubleValue());
  if (value.IsString()) return Value(value.As<Napi::String>().Utf8Value());
  if (value.IsTypedArray()) {
    const auto array = value.As<Napi::TypedArray>();
    const auto* at = static_cast<const uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset();
    return Value(std::make_shared<const std::vector<uint8_t>>(at, at + array.ByteLength()));
  }
  if (value.IsArrayBuffer()) {
    auto buffer = value.As<Napi::ArrayBuffer>();
    const auto* at = static_cast<const uint8_t*>(buffer.Data());
    return Value(std::make_shared<const std::vector<uint8_t>>(at, at + buffer.ByteLength()));
  }
  if (value.IsArray()) {
    const auto array = value.As<Napi::Array>();
    Value::Array out;
    out.reserve(array.Length());
    for (uint32_t i = 0; i < array.Length(); ++i) {
      Napi::HandleScope scope(value.Env());
      out.push_back(from_js(array.Get(i)));
    }
    return Value(std::move(out));
  }
  if (value.IsObject() && !value.IsFunction()) {
    const auto object = value.As<Napi::Object>();
    const auto names = object.GetPropertyNames();
    Value::Object out;
    out.reserve(names.Length());
    for (uint32_t i = 0; i < names.Length(); ++i) {
      Napi::HandleScope scope(value.Env());
      const Napi::Value name = names.Get(i);
      const Napi::Value held = object.Get(name);
      if (!held.IsUndefined()) out.emplace_back(name.ToString().Utf8Value(), from_js(held));
    }
    return Value(std::move(out));
  }
  fail("bad-value", "expected plain data from JavaScript but got a function, symbol or big integer");
}

Napi::Value to_js(Napi::Env env, const Value& value) {
  if (value.is_null()) return env.Null();
  if (value.is_flag()) return Napi::Boolean::New(env, value.flag());
  if (value.is_number()) return Napi::Number::New(env, value.number());
  if (value.is_text()) return Napi::String::New(env, value.text());
  if (value.is_bytes()) {
    // Copied: an external buffer would tie native memory to the collector's mood.
    const auto& bytes = *value.bytes();
    Napi::ArrayBuffer out = Napi::ArrayBuffer::New(env, bytes.size());
    if (!bytes.empty()) std::memcpy(out.Data(), bytes.data(), bytes.size());
    return out;
  }
  if (value.is_array()) {
    const auto& array = value.array();
    Napi::Array out = Napi::Array::New(env, array.size());
    for (uint32_t i = 0; i < array.size(); ++i) {
      Napi::HandleScope scope(env);
      out.Set(i, to_js(env, array[i]));
    }
    return out;
  }
  Napi::Object out = Napi::Object::New(env);
  for (const auto& [name, held] : value.object()) {
    Napi::HandleScope scope(env);
    out.Set(name, to_js(env, held));
  }
  return out;
}

}  // namespace gd
