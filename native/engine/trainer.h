// Everything that one optimiser step needs: model, optimiser, precision; and what a checkpoint holds of it.
#pragma once

#include "core/batch.h"
#include "distributed/gather.h"
#include "distributed/reducer.h"
#include "engine/model.h"
#include "engine/precision.h"
#include "engine/stopwatch.h"
#include "optim/clip.h"
#include "optim/ema.h"
#include "optim/groups.h"
#include "optim/optimiser.h"
#include "optim/schedule.h"
#include "profile/known_work.h"

#include <map>
#include <optional>

namespace gd {

// What one step measured, still on the device: read by StepRecord (engine/step_record.h) a step later.
struct StepOutcome {
  Tensor loss, bad;  // 0-d
  std::vector<std::pair<std::string, Tensor>> terms, measures;
  GradientNorms norms;
  std::vector<std::pair<std::string, double>> rates;  // learning rate by group
  const Work* work = nullptr;                         // what the step cost this rank; the trainer's
};

class Trainer {
 public:
  // config: the whole resolved native configuration { encoders, …, optimise, precision, seed }.
  Trainer(const Value& config, c10::Device device);

  Model& model() { return model_; }
  Schedule& schedule() { return *schedule_; }
  Precision precision() const { return precision_; }
  c10::Device device() const { return device_; }
  const std::vector<ParameterGroup>& groups() const { return groups_; }

  // From now on a batch is this rank's share of the global one, and gradients are averaged over the ranks; with optimise.sharded
  // each rank's optimiser keeps and updates a share of the parameters.
  void join(std::shared_ptr<ProcessGroup> group, GradientCompression compression, Negatives negatives);
  // Rank 0's weights, moments and averages on every rank.
  void share();
  ProcessGroup* group() const { return group_.get(); }

  // One optimiser step (number `step` from 0, of `total`) on a batch already on the device. `first_row` is the place of the
  // batch's first sample in the global batch.
  StepOutcome step(Features fields, int64_t batch, int64_t step, int64_t total, int64_t first_row, Stopwatch& watch);

  // Evaluation mode, no gradients: adds the features of the towers whose fields are there.
  void embed(Features& features, bool averaged);

  // Weights, buffers, moments, averages, loss scale, under the keys of a checkpoint file. Sharded moments are not among them.
  std::vector<std::pair<std::string, Tensor>> tensors() const;
  // Moments of which each rank keeps a piece.
  struct Sharded {
    std::string name;      // in a checkpoint file
    size_t parameter = 0;  // place in the reducer's list
    Tensor piece;          // of this rank, [n]
  };
  const std::vector<Sharded>& sharded() const { return sharded_; }
  c10::IntArrayRef sizes(const Sharded& moment) const { return parameters_[moment.parameter].sizes(); }
  // On rank 0 before share(): what it will hand out of a sharded moment. `whole` may be a view of a file.
  void restore(const Sharded& moment, Tensor whole) { restored_[moment.name] = std::move(whole); }
  // Everything, on rank 0; on other ranks their moments go there. All ranks call it.
  std::vector<std::pair<std::string, Tensor>> gathered();
  // Of what the optimiser keeps on this rank.
  int64_t optimiser_bytes() const;

 private:
  Tensor laid_out(size_t parameter) const;  // empty, as the parameter
  std::vector<std::pair<std::string, Tensor>> listed(const std::map<std::string, Tensor>& wholes) const;
  Optimiser& optimiser() const;
  const std::vector<ParameterGroup>& updated();
  Features of_all_ranks(const Features& features, Pass& pass, Stopwatch& watch);
  Model::Outcome forward_backward(Features& fields, int64_t batch, Pass pass, Stopwatch& watch);
  Model::Outcome cached_forward_backward(Features& fields, int64_t batch, Pass pass, Stopwatch& watch);

  const c10::Device device_;
  const Precision precision_;
  const uint64_t seed_;
  Model model_;
  double lr_ = 0, clip_ = 0;
  bool shard_ = false;  // optimise.sharded
  std::vector<ParameterGroup> groups_;
  std::vector<Tensor> parameters_;      // of all groups, in order
  std::vector<ParameterGroup> pieces_;  // of groups_: this rank's, where the optimiser's state is sharded
  std::vector<Sharded> sharded_;
  std::map<std::string, Tensor> restored_;
  std::unique_ptr<Optimiser> optimiser_;
  mutable bool prepared_ = false;
  std::unique_ptr<Schedule> schedule_;
  std::unique_ptr<Ema> ema_;
  LossScale loss_scale_;
  KnownWork known_work_;
  std::shared_ptr<ProcessGroup> group_;
  Negatives negatives_ = Negatives::global;
  std::unique_ptr<GradientReducer> reducer_;  // after what it points at
};

}  // namespace gd
