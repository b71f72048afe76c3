// Which parameter learns how fast, decays how much, or not at all.
#pragma once

#include "optim/optimiser.h"

#include <functional>

namespace gd {

// `*` stands for any run of characters; everything else for itself.
bool matches(std::string_view pattern, std::string_view name);

struct GroupRules {
  double decay = 0;
  bool decay_norms_and_biases = false;  // tensors of at most one dimension
  struct Rule {
    std::string match;  // pattern over full parameter names
    double rate = 1;    // factor on the learning rate
    double decay = -1;  // weight decay; below 0: not changed
    bool frozen = false;
  };
  std::vector<Rule> rules;  // all that match apply, in order: rates multiply, the last decay and the last frozen hold
  // Factor by layer-wise decay for a parameter name; may be empty.
  std::function<double(const std::string&)> layer_rate;

  static GroupRules from(const Value& config);  // { decay, decayNormsAndBiases, groups: [{match, rate, decay, frozen}] }
};

// Sets `trainable` and requires_grad of the slots and sorts the trainable parameters into groups of equal (rate, decay), in
// order of first appearance. Throws Error("bad-group") when a rule matches no parameter: a typing error must not train
// another model than the recipe says.
std::vector<ParameterGroup> make_groups(State& state, const GroupRules& rules);

}  // namespace gd
