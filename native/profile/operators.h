// Floating-point operations of libtorch's operators, 2 for a multiply-add, by formula. Counted are products: matrix products,
// convolutions, attention. Element-wise work, soft-max and normalisation are left out, as in every published figure of model FLOPs.
#pragma once

#include <ATen/core/ivalue.h>

#include <string_view>

namespace gd {

struct OperatorWork {
  double flops = 0;
  double again = 0;  // of an attention's backward: the scores that its forward did not keep
};

// Null: an operator that costs nothing here, or whose cost lies in operators that it calls.
using OperatorFormula = OperatorWork (*)(c10::ArrayRef<const c10::IValue> inputs);
OperatorFormula formula_of(std::string_view operator_name);

}  // namespace gd
