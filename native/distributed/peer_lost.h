// What a collective throws when another rank is gone. Gloo throws exceptions of its own, not libtorch's: all are caught.
#pragma once

#include "core/error.h"

#include <c10/util/Exception.h>

#include <exception>
#include <string>

namespace gd {

// Without the stack that libtorch appends, and the place in the source that Gloo begins with.
inline std::string first_line(const std::exception& error) {
  const auto* ours = dynamic_cast<const c10::Error*>(&error);
  const std::string text = ours ? ours->what_without_backtrace() : error.what();
  const size_t place = text.starts_with('[') ? text.find("] ") : std::string::npos;
  const size_t from = place == std::string::npos ? 0 : place + 2;
  return text.substr(from, text.find('\n') - from);
}

// Runs a collective; whatever it throws becomes Error("peer-lost") that says what was waited for.
template <typename Call>
auto waiting_for(const char* what, Call call) {
  try {
    return call();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error("peer-lost", c10::str("expected ", what, " but another rank is gone or did not answer: ", first_line(error)),
                "see which rank failed first; resume from the last checkpoint");
  }
}

}  // namespace gd
