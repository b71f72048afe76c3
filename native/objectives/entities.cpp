#include "objectives/entities.h"

#include "core/error.h"

#include <ATen/ATen.h>

namespace gd {

Tensor entities_that_count(int64_t entities, const std::vector<int64_t>& excluded, const Tensor& like) {
  const Tensor out = at::ones({1, entities}, at::kBool);
  for (const int64_t entity : excluded) {
    expect(entity >= 0 && entity < entities, "bad-option", "expected numbers from 0 to ", entities - 1,
           " for the excluded entities but got ", entity);
    out.mutable_data_ptr<bool>()[entity] = false;
  }
  return out.to(like.device());
}

}  // namespace gd
