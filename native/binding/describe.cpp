#include "binding/describe.h"

#include "core/parts.h"
#include "core/registry.h"
#include "data/input.h"
#include "optim/optimiser.h"
#include "optim/schedule.h"

namespace gd {

namespace {

const char* name_of(OptionKind kind) {
  static constexpr const char* names[] = {"number", "integer", "flag", "text", "choice", "feature", "output", "numbers", "texts"};
  return names[static_cast<int>(kind)];
}

template <class Part>
Value parts() {
  Value out{Value::Object{}};
  for (const auto& [name, entry] : Registry<Part>::instance().entries()) {
    Value::Array options;
    for (const auto& option : entry.options) {
      Value described;
      described.set("name", option.name);
      described.set("kind", name_of(option.kind));
      described.set("fallback", option.fallback);
      described.set("help", option.help);
      if (!option.choices.empty()) described.set("choices", Value::Array(option.choices.begin(), option.choices.end()));
      options.push_back(std::move(described));
    }
    Value part;
    part.set("help", entry.help);
    part.set("options", std::move(options));
    part.set("gives", Value::Array(entry.gives.begin(), entry.gives.end()));
    out.set(name, std::move(part));
  }
  return out;
}

}  // namespace

Value describe() {
  Value out;
  out.set("encoders", parts<Encoder>());
  out.set("heads", parts<Head>());
  out.set("relations", parts<RelationRule>());
  out.set("objectives", parts<Objective>());
  out.set("optimisers", parts<Optimiser>());
  out.set("schedules", parts<Schedule>());
  out.set("inputs", parts<Input>());
  return out;
}

}  // namespace gd
