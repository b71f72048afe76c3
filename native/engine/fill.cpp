// Where a new run's parts start from tensors of a file instead of drawn ones.
#include "core/error.h"
#include "engine/engine.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <set>

namespace gd {

namespace {

// What does not fit, as one clause of a sentence; the first few by name.
class Objections {
 public:
  explicit Objections(const char* kind) : kind_(kind) {}
  void add(const std::string& one) {
    if (++count_ <= 8) list_ += (list_.empty() ? "" : ", ") + one;
  }
  std::string clause() const {
    if (count_ == 0) return "";
    return c10::str("; ", kind_, ": ", list_, count_ > 8 ? c10::str(" and ", count_ - 8, " more") : "");
  }

 private:
  const char* kind_;
  int64_t count_ = 0;
  std::string list_;
};

}  // namespace

// arguments: { file, parts: [{ into, from, optional }] }: the tensors of the model below the prefix `into` take the values of those
// below `from` in the file, all of them and nothing else, but for left-over ones that begin with one of `optional` (a classifier
// that came with the file). Averaged weights start there too. Nothing is changed unless everything fits.
Value Engine::fill(const Value& arguments) {
  const std::string path = arguments.at("file").text();
  const SafetensorsFile file(path);
  file.verify();
  NoGradGuard no_grad;
  const auto all = trainer().tensors();
  struct Fit {
    std::string name, source;  // in the model, in the file
    Tensor tensor;
  };
  std::vector<Fit> fits;
  for (const auto& part : arguments.at("parts").array()) {
    const std::string into = part.at("into").text() + ".", from = part.at("from").text() + ".";
    Objections missing("missing in the file"), left("left over"), shapes("of another kind");
    std::set<std::string> used;
    int64_t found = 0;
    for (const auto& [name, tensor] : all) {
      if (!name.starts_with(into)) continue;
      ++found;
      const std::string source = from + name.substr(into.size());
      if (!file.has(source)) {
        // Vectors of texts are in no official file: they come from a text model (src/train/books.ts).
        if (!name.ends_with("book.vectors")) missing.add(source);
        continue;
      }
      used.insert(source);
      const Tensor stored = file.tensor(source);
      if (stored.sizes() != tensor.sizes())
        shapes.add(c10::str(source, " (expected ", tensor.sizes(), " but got ", stored.sizes(), ")"));
      else if (stored.is_floating_point() != tensor.is_floating_point())
        shapes.add(c10::str(source, " (expected ", tensor.scalar_type(), " but got ", stored.scalar_type(), ")"));
      fits.push_back({name, source, tensor});
    }
    expect(found > 0, "bad-option", "expected a part with tensors for init but ", part.at("into").text(), " has none");
    const auto& optional = part.at("optional").array();
    for (const auto& name : file.names()) {
      if (!name.starts_with(from) || used.contains(name)) continue;
      const std::string_view rest = std::string_view(name).substr(from.size());
      if (std::none_of(optional.begin(), optional.end(), [&](const Value& one) { return rest.starts_with(one.text()); }))
        left.add(name);
    }
    const std::string clauses = missing.clause() + left.clause() + shapes.clause();
    if (!clauses.empty())
      throw Error("init-mismatch",
                  c10::str("expected the tensors of ", part.at("into").text(), " below ", part.at("from").text(), " in ", path,
                           " but got others; ", clauses.substr(2)),
                  "give the part the options of the file's architecture, or another file");
  }
  std::map<std::string, Tensor> averages;
  for (const auto& [name, tensor] : all)
    if (name.starts_with("average/")) averages.emplace(name.substr(8), tensor);
  for (const auto& [name, source, tensor] : fits) {
    const Tensor stored = file.tensor(source);
    tensor.detach().copy_(stored);
    const auto average = averages.find(name);
    if (average != averages.end()) average->second.copy_(stored);
  }
  return Value(static_cast<int64_t>(fits.size()));
}

}  // namespace gd
