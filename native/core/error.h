// The one error class of the native side. `code` is what callers branch on, `what()` is a sentence of the form
// "expected X for Y but got Z", `advice` says what to do about it (may be empty).
#pragma once

#include <c10/util/StringUtil.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace gd {

struct Error : std::runtime_error {
  Error(std::string code, const std::string& sentence, std::string advice = {})
      : std::runtime_error(sentence), code(std::move(code)), advice(std::move(advice)) {}
  std::string code;
  std::string advice;
};

// Throws Error(code, parts joined). Example: fail("bad-option", "expected a positive temperature but got ", t);
template <class... Parts>
[[noreturn]] void fail(const char* code, const Parts&... parts) {
  throw Error(code, c10::str(parts...));
}

// Checks a contract of the caller; `parts` state the expectation in words.
template <class... Parts>
void expect(bool holds, const char* code, const Parts&... parts) {
  if (!holds) [[unlikely]]
    fail(code, parts...);
}

}  // namespace gd
