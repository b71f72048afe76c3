#include "data/input.h"

#include <cstring>

namespace gd {

void Input::clear(int64_t slot, Features& out) const {
  for (const auto& [name, field] : out) {
    const auto bytes = static_cast<size_t>(field.stride(0)) * field.element_size();
    std::memset(static_cast<char*>(field.data_ptr()) + static_cast<size_t>(slot) * bytes, 0, bytes);
  }
}

OptionList input_options(OptionList own) {
  own.push_back(
      integer_option("stream", 0, "which row stream of the plan is read; inputs on different streams see different rows"));
  return own;
}

std::vector<NamedInput> make_inputs(const Value& data) {
  expect(data.is_object() && !data.object().empty(), "bad-option", "expected at least one input for data but got ", data.kind());
  // Inputs hold no learned tensors; the registry's constructors ask for a scope all the same.
  State state(c10::Device(c10::kCPU), c10::kFloat, 0);
  std::vector<std::shared_ptr<Input>> made;
  std::vector<NamedInput> out;
  for (const auto& [modality, section] : data.object()) {
    expect(section.is_object(), "bad-option", "expected {input, options} for data.", modality, " but got ", section.kind());
    for (const auto& [name, unused] : section.object())
      expect(name == "input" || name == "options", "bad-option", "expected 'input' or 'options' in data.", modality, " but got '",
             name, "'");
    const std::string kind = section.at("input").text();
    const Value* options = section.find("options");
    const Value none;
    made.push_back(Registry<Input>::instance().make(kind, Scope(state, modality), options ? *options : none));
    const int64_t stream = options ? options->integer("stream", 0) : 0;
    expect(stream >= 0, "bad-option", "expected a stream of at least 0 for data.", modality, " but got ", stream);
    out.push_back({modality, stream, made.back()});
  }
  for (const auto& input : made) input->meet(out);
  return out;
}

}  // namespace gd
