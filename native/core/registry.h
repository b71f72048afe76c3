// Parts by name. A part registers itself at load time with a file-level object, so a new file is a new entry and no list is
// edited. (Object libraries only: the linker drops such files from a static archive.)
#pragma once

#include "core/error.h"
#include "core/example.h"
#include "core/options.h"
#include "core/scope.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gd {

template <class Part>
struct Entry {
  std::string name;  // kebab-case, as in recipes
  std::string help;  // one or two sentences: what it is, source
  OptionList options;
  std::vector<std::string> gives;  // encoders: grains; inputs: fields; else empty
  std::function<std::unique_ptr<Part>(Scope, const Options&)> make;
  Example example;  // a small instance for the law tests
};

template <class Part>
class Registry {
 public:
  static Registry& instance() {
    static Registry registry;
    return registry;
  }
  const std::map<std::string, Entry<Part>>& entries() const { return entries_; }
  void add(Entry<Part> entry) { entries_.emplace(entry.name, std::move(entry)); }
  const Entry<Part>& entry(const std::string& name) const {
    const auto found = entries_.find(name);
    if (found != entries_.end()) return found->second;
    std::string names;
    for (const auto& [known, unused] : entries_) names += (names.empty() ? "" : ", ") + known;
    fail("unknown-part", "expected a registered part but got '", name, "'; known: ", names);
  }
  // Options are checked first, so that a wrong recipe fails before anything is allocated.
  std::unique_ptr<Part> make(const std::string& name, Scope scope, const Value& options) const {
    const auto& found = entry(name);
    return found.make(scope, Options(found.options, options, name));
  }

 private:
  std::map<std::string, Entry<Part>> entries_;
};

// Registers `Class` (a subclass of Part with `static constexpr const char* help`, `static OptionList options()`, a
// constructor (Scope, const Options&), for encoders and inputs `static std::vector<std::string> gives()`, and for encoders,
// heads, relations and objectives `static Example example()`, without which the law tests fail).
template <class Part, class Class>
struct Registration {
  explicit Registration(const char* name) {
    Entry<Part> entry{
        name,
        Class::help,
        Class::options(),
        {},
        [](Scope scope, const Options& options) { return std::unique_ptr<Part>(std::make_unique<Class>(scope, options)); },
        {}};
    if constexpr (requires { Class::example(); }) entry.example = Class::example();
    if constexpr (requires { Class::gives(); }) entry.gives = Class::gives();
    Registry<Part>::instance().add(std::move(entry));
  }
};

}  // namespace gd

#define GD_REGISTER(Part, name, Class)                                 \
  namespace {                                                          \
  const ::gd::Registration<Part, Class> registration_of_##Class(name); \
  }
