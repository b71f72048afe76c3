// The boundary: every C++ exception becomes a JavaScript error with `code` and `advice` (src/native/errors.ts makes it a
// GadoliniumError). A libtorch exception that left a callback would end the process.
#pragma once

#include "core/error.h"

#include <c10/util/Exception.h>
#include <napi.h>

namespace gd {

inline Napi::Error js_error(Napi::Env env, const char* code, const std::string& message, const std::string& advice = {}) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  error.Set("advice", Napi::String::New(env, advice));
  return error;
}

template <class Work>
auto guarded(Napi::Env env, Work&& work) {
  try {
    return work();
  } catch (const Napi::Error&) {
    throw;
  } catch (const Error& error) {
    throw js_error(env, error.code.c_str(), error.what(), error.advice);
  } catch (const c10::Error& error) {
    throw js_error(env, "libtorch", error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw js_error(env, "native", error.what());
  } catch (...) {
    throw js_error(env, "native", "an exception of unknown type");
  }
}

}  // namespace gd
