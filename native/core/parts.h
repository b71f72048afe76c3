// The kinds of part that a recipe is made of. Each part is one class in one file that registers itself (core/registry.h).
#pragma once

#include "core/features.h"
#include "core/losses.h"
#include "core/options.h"
#include "core/pass.h"
#include "core/relation.h"
#include "core/scope.h"

namespace gd {

// fields of one modality → its grains. Names on both sides are without the modality: in "pixels", out "global", "patches".
struct Encoder {
  virtual ~Encoder() = default;
  virtual Features operator()(const Features& fields, Pass& pass) = 0;
  // Depth of a parameter for layer-wise learning rate decay: 0 = stem or embeddings, depth() = after the last block.
  virtual int64_t depth() const { return 0; }
  virtual int64_t depth_of(std::string_view) const { return 0; }  // key without the encoder's prefix
};

// Reads features (its `feature` options) and writes one (its `output` option), e.g. a projection or a pooling.
struct Head {
  virtual ~Head() = default;
  virtual void operator()(Features& features, Pass& pass) = 0;
};

// Says which samples belong together, from labels or nothing.
struct RelationRule {
  virtual ~RelationRule() = default;
  virtual Relation operator()(const Features& features) = 0;
};

// features + relation → named losses. Its learned parts (queries, prototypes, temperature) are members.
struct Objective {
  virtual ~Objective() = default;
  virtual Losses operator()(const Features& features, const Relation& relation, Pass& pass) = 0;
  // Whether it takes this rank's own features (Pass::mine) and meets the other ranks by itself: nobody gathers them for it.
  virtual bool in_blocks() const { return false; }
  // After an optimiser step, without gradients: e.g. keeps a learned temperature within its bounds.
  virtual void after_step() {}
};

}  // namespace gd
