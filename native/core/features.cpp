#include "core/features.h"

#include "core/error.h"

namespace gd {

const Tensor* Features::find(std::string_view name) const {
  for (const auto& [key, tensor] : entries_)
    if (key == name) return &tensor;
  return nullptr;
}

const Tensor& Features::at(std::string_view name) const {
  if (const Tensor* found = find(name)) return *found;
  std::string names;
  for (const auto& [key, tensor] : entries_) names += (names.empty() ? "" : ", ") + key;
  fail("missing-feature", "expected the feature '", name, "' but there is only: ", names.empty() ? "none" : names);
}

void Features::set(std::string name, Tensor tensor) {
  for (auto& [key, held] : entries_) {
    if (key != name) continue;
    held = std::move(tensor);
    return;
  }
  entries_.emplace_back(std::move(name), std::move(tensor));
}

void Features::merge(std::string_view prefix, const Features& other) {
  for (const auto& [name, tensor] : other) set(std::string(prefix) + "." + name, tensor);
}

Features Features::under(std::string_view prefix) const {
  Features out;
  for (const auto& [name, tensor] : entries_)
    if (name.size() > prefix.size() && name.compare(0, prefix.size(), prefix) == 0 && name[prefix.size()] == '.')
      out.set(name.substr(prefix.size() + 1), tensor);
  return out;
}

}  // namespace gd
