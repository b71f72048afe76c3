// The number types that kernels meet in raw memory.
#pragma once

namespace gd {

enum class ElementType { f64, f32, f16, bf16 };

}  // namespace gd
