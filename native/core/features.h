// Named tensors on their way through a step. A name is `<modality>.<grain>`: image.global, image.patches, text.tokens,
// text.mask, signal.global, labels.values … The engine knows no modality by name.
//
// Shape letters, used in every comment of the native code:
//   B samples of a batch   N patches or regions   T tokens   S sentences   D width   K classes   C channels   H W pixels
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gd {

using at::Tensor;
using c10::NoGradGuard;

// Grains that encoders give and objectives ask for:
//   global   [B, D]     one vector a sample
//   patches  [B, N, D]  image, volume or signal regions
//   tokens   [B, T, D]  words
//   mask     [B, T]     bool, true where a token is real
//   present  [B]        bool, true where the sample has this modality (made by the data path)
//   targets  [B, T]     what a hidden token was; no_target elsewhere
constexpr int64_t no_target = -100;  // the value that cross-entropy leaves out

class Features {
 public:
  bool has(std::string_view name) const { return find(name) != nullptr; }
  const Tensor* find(std::string_view name) const;
  const Tensor& at(std::string_view name) const;               // throws Error("missing-feature") listing what is there
  void set(std::string name, Tensor tensor);                   // appends or replaces
  void merge(std::string_view prefix, const Features& other);  // adds other's entries as `<prefix>.<name>`
  // The entries `<prefix>.<name>`, without the prefix.
  Features under(std::string_view prefix) const;

  size_t size() const { return entries_.size(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  auto begin() { return entries_.begin(); }
  auto end() { return entries_.end(); }

 private:
  std::vector<std::pair<std::string, Tensor>> entries_;
};

}  // namespace gd
