// Between JavaScript values and native ones. Typed arrays and buffers become bytes and come back as ArrayBuffers.
#pragma once

#include "core/value.h"

#include <napi.h>

namespace gd {

Value from_js(const Napi::Value& value);
Napi::Value to_js(Napi::Env env, const Value& value);

}  // namespace gd
