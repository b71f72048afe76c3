#include "core/options.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>

namespace gd {

Option number_option(std::string name, double fallback, std::string help) {
  return {std::move(name), OptionKind::number, Value(fallback), std::move(help)};
}
Option integer_option(std::string name, int64_t fallback, std::string help) {
  return {std::move(name), OptionKind::integer, Value(fallback), std::move(help)};
}
Option flag_option(std::string name, bool fallback, std::string help) {
  return {std::move(name), OptionKind::flag, Value(fallback), std::move(help)};
}
Option text_option(std::string name, std::string fallback, std::string help) {
  return {std::move(name), OptionKind::text, Value(std::move(fallback)), std::move(help)};
}
Option choice_option(std::string name, std::vector<std::string> choices, std::string help) {
  Value first(choices.front());
  return {std::move(name), OptionKind::choice, std::move(first), std::move(help), std::move(choices)};
}
Option feature_option(std::string name, std::string fallback, std::string help) {
  return {std::move(name), OptionKind::feature, Value(std::move(fallback)), std::move(help)};
}
Option output_option(std::string name, std::string fallback, std::string help) {
  return {std::move(name), OptionKind::output, Value(std::move(fallback)), std::move(help)};
}
Option numbers_option(std::string name, std::vector<double> fallback, std::string help) {
  return {std::move(name), OptionKind::numbers, Value(Value::Array(fallback.begin(), fallback.end())), std::move(help)};
}
Option texts_option(std::string name, std::vector<std::string> fallback, std::string help) {
  return {std::move(name), OptionKind::texts, Value(Value::Array(fallback.begin(), fallback.end())), std::move(help)};
}
Option required(Option option) {
  option.fallback = Value();
  return option;
}

namespace {

bool fits(const Option& option, const Value& v) {
  switch (option.kind) {
    case OptionKind::number: return v.is_number() && std::isfinite(v.number());
    case OptionKind::integer: return v.is_number() && v.number() == std::floor(v.number());
    case OptionKind::flag: return v.is_flag();
    case OptionKind::text:
    case OptionKind::feature:
    case OptionKind::output: return v.is_text();
    case OptionKind::choice:
      return v.is_text() && std::find(option.choices.begin(), option.choices.end(), v.text()) != option.choices.end();
    case OptionKind::numbers:
      return v.is_array() && std::all_of(v.array().begin(), v.array().end(), [](const Value& i) { return i.is_number(); });
    case OptionKind::texts:
      return v.is_array() && std::all_of(v.array().begin(), v.array().end(), [](const Value& i) { return i.is_text(); });
  }
  return false;
}

std::string wanted(const Option& option) {
  switch (option.kind) {
    case OptionKind::number: return "a number";
    case OptionKind::integer: return "an integer";
    case OptionKind::flag: return "true or false";
    case OptionKind::text: return "text";
    case OptionKind::feature: return "a feature name";
    case OptionKind::output: return "a feature name to write";
    case OptionKind::numbers: return "a list of numbers";
    case OptionKind::texts: return "a list of texts";
    case OptionKind::choice: {
      std::string out = "one of";
      for (const auto& choice : option.choices) out += " '" + choice + "'";
      return out;
    }
  }
  return {};
}

}  // namespace

Options::Options(const OptionList& list, const Value& given, std::string_view owner) {
  if (!given.is_null()) {
    for (const auto& [name, value] : given.object()) {
      const auto known = std::find_if(list.begin(), list.end(), [&](const Option& o) { return o.name == name; });
      if (known != list.end()) continue;
      std::string names;
      for (const auto& option : list) names += (names.empty() ? "" : ", ") + option.name;
      fail("bad-option", "expected an option of ", owner, " but got '", name, "'; it has: ", names.empty() ? "none" : names);
    }
  }
  for (const auto& option : list) {
    const Value* value = given.find(option.name);
    if (!value || value->is_null()) {
      expect(!option.fallback.is_null(), "bad-option", "expected ", wanted(option), " for ", owner, ".", option.name,
             " but it was not given");
      values_.emplace_back(option.name, option.fallback);
      continue;
    }
    expect(fits(option, *value), "bad-option", "expected ", wanted(option), " for ", owner, ".", option.name, " but got ",
           value->dump());
    values_.emplace_back(option.name, *value);
  }
}

const Value& Options::value(std::string_view name) const {
  for (const auto& [key, value] : values_)
    if (key == name) return value;
  fail("bad-option", "expected a declared option but the code asks for '", name, "'");
}

std::vector<double> Options::numbers(std::string_view name) const {
  std::vector<double> out;
  for (const auto& v : value(name).array()) out.push_back(v.number());
  return out;
}
std::vector<int64_t> Options::integers(std::string_view name) const {
  std::vector<int64_t> out;
  for (const auto& v : value(name).array()) out.push_back(v.integer());
  return out;
}
std::vector<std::string> Options::texts(std::string_view name) const {
  std::vector<std::string> out;
  for (const auto& v : value(name).array()) out.push_back(v.text());
  return out;
}

}  // namespace gd
