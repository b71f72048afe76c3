// All registered parts with their options, as data: what src/native/generate.ts writes the TypeScript face from.
#pragma once

#include "core/value.h"

namespace gd {

// { encoders, heads, relations, objectives, optimisers, schedules, inputs }, each { name: { help, options, gives } }
Value describe();

}  // namespace gd
