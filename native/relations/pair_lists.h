// Lists of the pairs that belong together, made without an N×M matrix.
#pragma once

#include "core/relation.h"

#include <functional>

namespace gd {

// Pairs of which `holds(first row, rows)` says so, bool [rows, M], asked for blocks of rows. Time grows with N·M.
PairList pairs_where(int64_t rows, int64_t columns, const std::function<Tensor(int64_t, int64_t)>& holds);

// Pairs with the same key: int64 [N], [M]. Time grows with the pairs and N·log N.
PairList pairs_of_keys(const Tensor& rows, const Tensor& columns);

}  // namespace gd
