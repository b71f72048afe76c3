#include "optim/groups.h"

#include <algorithm>

namespace gd {

bool matches(std::string_view pattern, std::string_view name) {
  // Greedy with one point to come back to: linear in practice, never recursive.
  size_t p = 0, n = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

GroupRules GroupRules::from(const Value& config) {
  GroupRules out;
  out.decay = config.number("decay", 0);
  out.decay_norms_and_biases = config.flag("decayNormsAndBiases", false);
  if (const Value* groups = config.find("groups"); groups && !groups->is_null())
    for (const auto& rule : groups->array())
      out.rules.push_back(
          {rule.at("match").text(), rule.number("rate", 1), rule.number("decay", -1), rule.flag("frozen", false)});
  return out;
}

std::vector<ParameterGroup> make_groups(State& state, const GroupRules& rules) {
  std::vector<size_t> hits(rules.rules.size(), 0);
  std::vector<ParameterGroup> groups;
  for (auto& slot : state.slots()) {
    if (slot.buffer) continue;
    double rate = 1;
    double decay = slot.tensor.dim() > 1 || rules.decay_norms_and_biases ? rules.decay : 0;
    bool frozen = false;
    std::string name = "base";
    for (size_t i = 0; i < rules.rules.size(); ++i) {
      const auto& rule = rules.rules[i];
      if (!matches(rule.match, slot.name)) continue;
      ++hits[i];
      rate *= rule.rate;
      if (rule.decay >= 0) decay = rule.decay;
      frozen = rule.frozen;
      name = rule.match;
    }
    if (rules.layer_rate) rate *= rules.layer_rate(slot.name);
    slot.trainable = !frozen;
    slot.tensor.set_requires_grad(slot.trainable);
    if (frozen) continue;
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&](const ParameterGroup& g) { return g.rate == rate && g.decay == decay && g.rule == name; });
    if (group == groups.end()) {
      // The first group of a rule bears its name; further ones say what sets them apart.
      const bool taken = std::any_of(groups.begin(), groups.end(), [&](const ParameterGroup& g) { return g.rule == name; });
      groups.push_back({taken ? c10::str(name, " (rate ", rate, ", decay ", decay, ")") : name, name, rate, decay, {}, {}});
      group = std::prev(groups.end());
    }
    group->names.push_back(slot.name);
    group->parameters.push_back(slot.tensor);
  }
  for (size_t i = 0; i < hits.size(); ++i)
    expect(hits[i] > 0, "bad-group", "expected parameters for the pattern '", rules.rules[i].match, "' but none matches");
  return groups;
}

}  // namespace gd
