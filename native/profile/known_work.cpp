#include "profile/known_work.h"

namespace gd {

namespace {

std::string shapes_of(const Features& fields) {
  std::string out;
  for (const auto& [name, tensor] : fields) {
    for (const int64_t size : tensor.sizes()) out += std::to_string(size) + ",";
    out += ";";
  }
  return out;
}

}  // namespace

KnownWork::Step::Step(KnownWork& known, const Features& fields, int64_t replicas) : work_(known.by_shapes_[shapes_of(fields)]) {
  if (work_.parts.empty()) counter_ = std::make_unique<Counter>(replicas);
}

const Work& KnownWork::Step::end() {
  if (counter_) {
    work_ = counter_->work();
    counter_.reset();
  }
  return work_;
}

}  // namespace gd
