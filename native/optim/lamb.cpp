// LAMB (You et al. 2020, algorithm 2): Adam's direction scaled per tensor by ‖w‖ / ‖direction‖, for large batches.
#include "optim/optimiser.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

class Lamb : public Optimiser {
 public:
  static constexpr const char* help = "LAMB (You et al. 2020): layer-wise trust ratio on Adam's direction, for large batches";
  static OptionList options() {
    return {number_option("beta1", 0.9, "decay of the first moment"), number_option("beta2", 0.999, "decay of the second moment"),
            number_option("epsilon", 1e-6, "added to the root of the second moment"),
            number_option("maximumTrust", 10, "largest trust ratio")};
  }
  Lamb(Scope, const Options& options)
      : beta1_(options.number("beta1")),
        beta2_(options.number("beta2")),
        epsilon_(options.number("epsilon")),
        maximum_(options.number("maximumTrust")) {}

  void prepare(const std::vector<ParameterGroup>& groups) override {
    moments_.clear();
    state_.clear();
    for (const auto& group : groups) {
      for (size_t i = 0; i < group.parameters.size(); ++i) {
        const Tensor& p = group.parameters[i];
        moments_.push_back({at::zeros_like(p).detach(), at::zeros_like(p).detach(),
                            at::zeros({}, p.options().dtype(at::kFloat).requires_grad(false))});
        state_.emplace_back(group.names[i] + ".exp_avg", moments_.back().first);
        state_.emplace_back(group.names[i] + ".exp_avg_sq", moments_.back().second);
        state_.emplace_back(group.names[i] + ".step", moments_.back().step);
      }
    }
  }

  void step(const std::vector<ParameterGroup>& groups, const StepScale& scale) override {
    NoGradGuard no_grad;
    // Every direction first, in the place of the gradient; then the ratios, which pieces of a parameter have in common.
    std::vector<Change> changes;
    size_t at = 0;
    for (const auto& group : groups) {
      for (const Tensor& p : group.parameters) {
        Moments& m = moments_[at++];
        if (!p.grad().defined()) continue;
        const Tensor good = at::rsub(scale.bad, 1).to(p.scalar_type());
        Tensor gradient = p.grad();
        if (scale.gradient.defined()) gradient = gradient / scale.gradient.to(p.scalar_type());
        // A bad step multiplies every change by zero; nan·0 is nan, so the gradient is cleaned first.
        gradient = at::where(good > 0, gradient, at::zeros_like(gradient));
        m.step.add_(at::rsub(scale.bad, 1));
        m.first.add_((gradient - m.first) * (1 - beta1_) * good);
        m.second.add_((gradient * gradient - m.second) * (1 - beta2_) * good);
        const Tensor count = m.step.clamp_min(1).to(p.scalar_type());
        const Tensor first = m.first / (1 - at::pow(Scalar(beta1_), count));
        const Tensor second = m.second / (1 - at::pow(Scalar(beta2_), count));
        const Tensor direction = p.grad().copy_(first / (second.sqrt() + epsilon_) + p * group.decay);
        changes.push_back({&group, p, direction, p.norm(), direction.norm(), good});
      }
    }
    if (scale.group) whole_norms(changes, *scale.group);
    for (const auto& [group, p, direction, weight, length, good] : changes) {
      // Tensors without decay (norms, biases) keep ratio 1, as the authors' code does.
      Tensor trust = at::ones_like(weight);
      if (group->decay > 0) trust = at::where((weight > 0) & (length > 0), (weight / length).clamp_max(maximum_), trust);
      p.sub_(direction * (trust * good * (scale.lr * group->rate)));
    }
  }

  std::vector<std::pair<std::string, Tensor>> state() const override { return state_; }

 private:
  using Scalar = at::Scalar;
  struct Moments {
    Tensor first, second, step;
  };
  struct Change {
    const ParameterGroup* group;
    Tensor parameter, direction;
    Tensor weight, length;  // norms of the two
    Tensor good;            // 0 on a bad step, else 1
  };

  // Norms of pieces become those of the whole parameters.
  static void whole_norms(std::vector<Change>& changes, Group& group) {
    if (changes.empty()) return;
    std::vector<Tensor> norms;
    for (const auto& change : changes) norms.insert(norms.end(), {change.weight, change.length});
    const Tensor squares = at::stack(norms).to(at::kDouble).square();
    group.sum(squares);
    const auto whole = squares.sqrt().to(norms[0].scalar_type()).unbind();
    for (size_t i = 0; i < changes.size(); ++i) {
      changes[i].weight = whole[2 * i];
      changes[i].length = whole[2 * i + 1];
    }
  }

  const double beta1_, beta2_, epsilon_, maximum_;
  std::vector<Moments> moments_;
  std::vector<std::pair<std::string, Tensor>> state_;
};

}  // namespace

GD_REGISTER(Optimiser, "lamb", Lamb)

}  // namespace gd
