#include "engine/model.h"

#include "core/range.h"
#include "core/registry.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace gd {

namespace {

std::string modality_of(const std::string& feature) { return feature.substr(0, feature.find('.')); }

// Modalities that a head reads or writes, from its own option list.
std::set<std::string> modalities(const OptionList& list, const Options& options) {
  std::set<std::string> out;
  for (const auto& option : list)
    if ((option.kind == OptionKind::feature || option.kind == OptionKind::output) && !options.text(option.name).empty())
      out.insert(modality_of(options.text(option.name)));
  return out;
}

// The features that a part's options name, and whether each sample has their modality.
template <class Part>
void add_asked(std::set<std::string>& all, const std::string& kind, const Value& given) {
  const auto& entry = Registry<Part>::instance().entry(kind);
  const Options options(entry.options, given, kind);
  for (const auto& option : entry.options) {
    if (option.kind != OptionKind::feature || options.text(option.name).empty()) continue;
    all.insert(options.text(option.name));
    all.insert(modality_of(options.text(option.name)) + ".present");
  }
}

// A head of another modality, weights and all: it sees this modality's features under that one's name.
class HeadOfAnother : public Head {
 public:
  HeadOfAnother(std::shared_ptr<Head> head, std::string from, std::string to)
      : head_(std::move(head)), other_(std::move(from)), own_(std::move(to)) {}

  void operator()(Features& features, Pass& pass) override {
    Features seen;
    seen.merge(other_, features.under(own_));
    (*head_)(seen, pass);
    features.merge(own_, seen.under(other_));
  }

 private:
  std::shared_ptr<Head> head_;
  std::string other_, own_;
};

const Value& or_null(const Value* value) {
  static const Value null;
  return value ? *value : null;
}

}  // namespace

Model::Model(const Value& config, c10::Device device, c10::ScalarType dtype, uint64_t seed) : state_(device, dtype, seed) {
  const Scope root(state_, "");
  for (const auto& [modality, given] : config.at("encoders").object()) {
    Tower tower;
    tower.modality = modality;
    tower.site = static_cast<uint64_t>(towers_.size() + 1) << 32;
    tower.recompute = given.flag("recompute", false);
    tower.chunks = given.integer("chunks", 1);
    if (const Value* share = given.find("share"); share && !share->is_null()) {
      const auto other =
          std::find_if(towers_.begin(), towers_.end(), [&](const Tower& t) { return t.modality == share->text(); });
      expect(other != towers_.end(), "bad-recipe", "expected an earlier encoder for encoders.", modality, ".share but got '",
             share->text(), "'");
      tower.encoder = other->encoder;
      tower.prefix = other->prefix;
    } else {
      tower.prefix = "encoders." + modality;
      tower.encoder =
          Registry<Encoder>::instance().make(given.at("encoder").text(), root / tower.prefix, or_null(given.find("options")));
    }
    towers_.push_back(std::move(tower));
  }
  int64_t number = 0;
  if (const Value* heads = config.find("heads"); heads && !heads->is_null()) {
    for (const auto& given : heads->array()) {
      const std::string kind = given.at("head").text();
      const auto& entry = Registry<Head>::instance().entry(kind);
      const Options options(entry.options, or_null(given.find("options")), kind);
      const std::string prefix = "heads." + given.text("name", c10::str(kind, "-", number));
      ++number;
      std::shared_ptr<Head> head = entry.make(root / prefix, options);
      const auto reads = modalities(entry.options, options);
      const auto tower =
          std::find_if(towers_.begin(), towers_.end(), [&](const Tower& t) { return reads == std::set{t.modality}; });
      if (tower == towers_.end()) {
        joint_heads_.emplace_back(prefix, std::move(head));
      } else {
        tower->heads.push_back(std::move(head));
        tower->head_prefixes.push_back(prefix);
      }
    }
  }
  for (auto& tower : towers_) {
    const Value& given = config.at("encoders").at(tower.modality);
    if (!given.flag("heads", false)) continue;
    const std::string other = given.at("share").text();
    for (const auto& owner : towers_) {
      if (owner.modality != other) continue;
      for (size_t i = 0; i < owner.heads.size(); ++i) {
        tower.heads.push_back(std::make_shared<HeadOfAnother>(owner.heads[i], other, tower.modality));
        tower.head_prefixes.push_back(owner.head_prefixes[i]);
      }
    }
  }
  const Value& relation = config.at("relation");
  relation_ = Registry<RelationRule>::instance().make(relation.at("relation").text(), root / "relation",
                                                      or_null(relation.find("options")));
  std::set<std::string> asked;
  add_asked<RelationRule>(asked, relation.at("relation").text(), or_null(relation.find("options")));
  for (const auto& given : config.at("objectives").array()) {
    const std::string kind = given.at("objective").text();
    const std::string name = given.text("name", kind);
    objectives_.push_back(
        {name, given.number("weight", 1),
         Registry<Objective>::instance().make(kind, root / ("objectives." + name), or_null(given.find("options")))});
    if (!objectives_.back().objective->in_blocks()) add_asked<Objective>(asked, kind, or_null(given.find("options")));
  }
  expect(!objectives_.empty() || !config.find("optimise"), "bad-recipe",
         "expected at least one objective but the recipe has none");
  asked_.assign(asked.begin(), asked.end());
}

void Model::run(Tower& tower, Features& features, Pass pass) {
  pass.site = tower.site;
  pass.recompute = tower.recompute;
  {
    const Range range("encoders." + tower.modality);
    features.merge(tower.modality, (*tower.encoder)(features.under(tower.modality), pass));
  }
  for (size_t i = 0; i < tower.heads.size(); ++i) {
    const Range range(tower.head_prefixes[i]);
    (*tower.heads[i])(features, pass);
  }
}

void Model::run_joint_heads(Features& features, Pass pass) {
  pass.site = static_cast<uint64_t>(towers_.size() + 1) << 32;
  for (auto& [prefix, head] : joint_heads_) {
    const Range range(prefix);
    (*head)(features, pass);
  }
}

Model::Outcome Model::losses(const Features& features, Pass pass) {
  pass.site = static_cast<uint64_t>(towers_.size() + 2) << 32;
  const Relation relation = (*relation_)(features);
  Outcome out;
  for (auto& [name, weight, objective] : objectives_) {
    const Range range("objectives." + name);
    const Losses losses = (*objective)(features, relation, pass);
    expect(!losses.terms.empty(), "bad-objective", "expected at least one loss of the objective ", name, " but got none");
    for (const auto& [term, loss] : losses.terms) {
      const Tensor weighted = weight == 1 ? loss : loss * weight;
      out.total = out.total.defined() ? out.total + weighted : weighted;
      out.terms.emplace_back(losses.terms.size() == 1 ? name : name + "." + term, weighted.detach());
    }
    for (const auto& [measure, value] : losses.measures)
      out.measures.emplace_back(objectives_.size() == 1 ? measure : name + "." + measure, value);
  }
  return out;
}

bool Model::in_blocks() const {
  return std::any_of(objectives_.begin(), objectives_.end(), [](const auto& one) { return one.objective->in_blocks(); });
}

void Model::after_step() {
  NoGradGuard no_grad;
  for (auto& weighted : objectives_) weighted.objective->after_step();
}

std::string Model::tower_of(const std::string& parameter) const {
  const auto starts = [&](const std::string& prefix) { return parameter.compare(0, prefix.size() + 1, prefix + ".") == 0; };
  for (const auto& tower : towers_) {
    if (starts(tower.prefix)) return modality_of(tower.prefix.substr(tower.prefix.find('.') + 1));
    for (const auto& prefix : tower.head_prefixes)
      if (starts(prefix)) return tower.modality;
  }
  return parameter.substr(0, parameter.find('.'));
}

double Model::layer_rate(const std::string& parameter, const Value& decay) const {
  for (const auto& tower : towers_) {
    const double factor = decay.number(tower.modality, 1);
    if (factor == 1 || parameter.compare(0, tower.prefix.size() + 1, tower.prefix + ".") != 0) continue;
    const int64_t depth = tower.encoder->depth_of(std::string_view(parameter).substr(tower.prefix.size() + 1));
    return std::pow(factor, static_cast<double>(tower.encoder->depth() - depth));
  }
  return 1;
}

}  // namespace gd
