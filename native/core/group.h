// The processes that train together (ranks), as parts see them. A process that trains alone has none: a null pointer.
#pragma once

#include "core/features.h"

namespace gd {

// Every rank makes the same calls in the same order. All of them wait for the result, and throw Error("peer-lost") when another
// rank does not answer in time.
class Group {
 public:
  virtual ~Group() = default;
  virtual int64_t rank() const = 0;
  virtual int64_t size() const = 0;

  virtual void sum(Tensor x) = 0;                    // in place, over all ranks
  virtual void largest(Tensor x) = 0;                // in place, elementwise
  virtual void broadcast(Tensor x) = 0;              // in place, from rank 0
  virtual Tensor gather(const Tensor& mine) = 0;     // one shape on all ranks → [size, …], in the order of ranks
  virtual Tensor from_next(const Tensor& mine) = 0;  // one shape on all ranks: what rank + 1 gave; the last rank gets the first's
};

}  // namespace gd
