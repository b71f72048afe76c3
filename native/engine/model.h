// A recipe's parts, built: towers (encoder + heads of one modality), joint heads, relation, objectives.
#pragma once

#include "core/parts.h"
#include "core/value.h"

#include <memory>
#include <string>
#include <vector>

namespace gd {

// One modality's way from batch fields to features.
struct Tower {
  std::string modality;
  std::string prefix;  // of its parameters: "encoders.image"
  std::shared_ptr<Encoder> encoder;
  std::vector<std::shared_ptr<Head>> heads;  // those that read this modality alone
  std::vector<std::string> head_prefixes;
  bool recompute = false;  // activation checkpointing
  int64_t chunks = 1;      // pieces that its share of the batch is cut into (gradient caching)
  uint64_t site = 0;       // first dropout site: towers never share one
};

struct WeightedObjective {
  std::string name;
  double weight = 1;
  std::shared_ptr<Objective> objective;
};

class Model {
 public:
  // config: { encoders, heads, relation, objectives } as resolved by src/config. Throws Error before or while building.
  Model(const Value& config, c10::Device device, c10::ScalarType dtype, uint64_t seed);

  State& state() { return state_; }
  std::vector<Tower>& towers() { return towers_; }

  // Runs one tower on the fields of its modality in `features` and adds its features (encoder's and heads').
  void run(Tower& tower, Features& features, Pass pass);
  // Heads that read several modalities.
  void run_joint_heads(Features& features, Pass pass);
  // All objectives; `total` is the weighted sum, terms are named `<objective>.<term>` when an objective has several.
  struct Outcome {
    Tensor total;
    std::vector<std::pair<std::string, Tensor>> terms, measures;
  };
  Outcome losses(const Features& features, Pass pass);
  // The features that relation and objectives may read: what ranks must exchange.
  const std::vector<std::string>& asked() const { return asked_; }
  // Whether some objective meets the other ranks by itself.
  bool in_blocks() const;
  void after_step();

  // The tower (or "objectives", or a head's name) that a parameter counts under in gradient norms.
  std::string tower_of(const std::string& parameter) const;
  // Layer-wise decay: factors by modality → factor of a parameter's learning rate.
  double layer_rate(const std::string& parameter, const Value& decay) const;

 private:
  State state_;
  std::vector<Tower> towers_;
  std::vector<std::pair<std::string, std::shared_ptr<Head>>> joint_heads_;  // with their prefixes
  std::unique_ptr<RelationRule> relation_;
  std::vector<WeightedObjective> objectives_;
  std::vector<std::string> asked_;
};

}  // namespace gd
