// A rank's share of the rows of a problem that all ranks hold whole.
#pragma once

#include "core/error.h"
#include "core/group.h"

#include <ATen/ATen.h>

namespace gd {

struct RowShare {
  Group& group;
  int64_t from, count;

  RowShare(Group& group, int64_t rows) : group(group), from(0), count(rows / group.size()) {
    expect(rows % group.size() == 0, "bad-shape", "expected a multiple of the ", group.size(), " ranks for the rows but got ",
           rows);
    from = group.rank() * count;
  }
  // This rank's rows; of offsets into a list of pairs, with the end of the last row.
  Tensor mine(const Tensor& rows, int64_t more = 0) const { return rows.defined() ? rows.narrow(0, from, count + more) : rows; }
  // Of a number for each column, which row it belongs with: counted within the share, −1 for those outside.
  Tensor partners(const Tensor& rows) const {
    if (!rows.defined()) return rows;
    const Tensor within = rows - from;
    return within.masked_fill((within < 0).logical_or(within >= count), -1);
  }
  // The rows of all ranks.
  Tensor whole(const Tensor& rows) const { return rows.defined() ? group.gather(rows).flatten(0, 1) : rows; }
};

}  // namespace gd
