#include "engine/tensor_bytes.h"

#include <ATen/ATen.h>

namespace gd {

Value::Bytes bytes_of(const Tensor& tensor) {
  const Tensor flat = tensor.detach().to(at::kCPU).contiguous();
  const auto* at = static_cast<const uint8_t*>(flat.const_data_ptr());
  return std::make_shared<const std::vector<uint8_t>>(at, at + flat.nbytes());
}

}  // namespace gd
