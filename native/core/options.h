// Typed options of a registered part (encoder, head, relation, objective, optimiser, schedule, input). A part lists its
// options once; from that list come the checks here, the TypeScript face (src/native/generated.ts) and its doc comments.
#pragma once

#include "core/value.h"

#include <string>
#include <string_view>
#include <vector>

namespace gd {

enum class OptionKind {
  number,  // any finite number
  integer,
  flag,
  text,
  choice,   // one of `choices`
  feature,  // the name of a feature that the part reads, "<modality>.<grain>": the resolver checks that somebody gives it
  output,   // the name of a feature that the part writes
  numbers,  // a list of numbers
  texts,    // a list of texts
};

struct Option {
  std::string name;  // lowerCamelCase, as in recipes
  OptionKind kind;
  Value fallback;    // a null fallback: the option must be given
  std::string help;  // one line, with unit
  std::vector<std::string> choices = {};
};
using OptionList = std::vector<Option>;

Option number_option(std::string name, double fallback, std::string help);
Option integer_option(std::string name, int64_t fallback, std::string help);
Option flag_option(std::string name, bool fallback, std::string help);
Option text_option(std::string name, std::string fallback, std::string help);
Option choice_option(std::string name, std::vector<std::string> choices, std::string help);  // the first is the default
// A feature that may be absent: an empty name switches the use of it off.
Option feature_option(std::string name, std::string fallback, std::string help);
Option output_option(std::string name, std::string fallback, std::string help);
Option numbers_option(std::string name, std::vector<double> fallback, std::string help);
Option texts_option(std::string name, std::vector<std::string> fallback, std::string help);
Option required(Option option);  // the same without a default

// Values for one part: what was given, checked against the list, defaults filled in.
class Options {
 public:
  // Throws Error("bad-option") naming `owner`, the option, what was expected and what came; unknown names list the known.
  Options(const OptionList& list, const Value& given, std::string_view owner);

  double number(std::string_view name) const { return value(name).number(); }
  int64_t integer(std::string_view name) const { return value(name).integer(); }
  bool flag(std::string_view name) const { return value(name).flag(); }
  const std::string& text(std::string_view name) const { return value(name).text(); }  // text, choice, feature, output
  std::vector<double> numbers(std::string_view name) const;
  std::vector<int64_t> integers(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;

 private:
  const Value& value(std::string_view name) const;
  Value::Object values_;
};

}  // namespace gd
