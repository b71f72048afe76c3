// The one constant of Gloo's that libtorch's header names. See README.md.
#pragma once

#include <chrono>

namespace gloo {

constexpr std::chrono::milliseconds kNoTimeout{0};

}  // namespace gloo
