// The rate of arithmetic that this machine reaches at best.
#pragma once

#include <c10/core/ScalarType.h>

namespace gd {

// Floating-point operations a second of the best of a few large matrix products, on this thread's team or on one thread of it, in
// numbers of this type. About 0.1 s. For processors, of which no data sheet says what these cores reach at this clock beside these neighbours; a card's
// peak is a figure of its maker's.
double arithmetic_peak(c10::ScalarType type);

}  // namespace gd
