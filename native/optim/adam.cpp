// Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019) by libtorch's fused kernels: one pass over parameter,
// gradient and both moments.
#include "optim/optimiser.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

struct Moments {
  std::vector<Tensor> first, second, steps;
};

class AdamBase : public Optimiser {
 public:
  AdamBase(const Options& options, bool decoupled)
      : decoupled_(decoupled),
        beta1_(options.number("beta1")),
        beta2_(options.number("beta2")),
        epsilon_(options.number("epsilon")) {
    expect(beta1_ >= 0 && beta1_ < 1 && beta2_ >= 0 && beta2_ < 1, "bad-option",
           "expected beta1 and beta2 in [0, 1) for adam but got ", beta1_, " and ", beta2_);
  }

  static OptionList options() {
    return {number_option("beta1", 0.9, "decay of the first moment"),
            number_option("beta2", 0.999, "decay of the second moment; CLIP's ViT runs use 0.98"),
            number_option("epsilon", 1e-8, "added to the root of the second moment; CLIP's ViT runs use 1e-6")};
  }

  void prepare(const std::vector<ParameterGroup>& groups) override {
    groups_.clear();
    state_.clear();
    for (const auto& group : groups) {
      Moments m;
      for (size_t i = 0; i < group.parameters.size(); ++i) {
        const Tensor& p = group.parameters[i];
        m.first.push_back(at::zeros_like(p).detach());
        m.second.push_back(at::zeros_like(p).detach());
        m.steps.push_back(at::zeros({}, p.options().dtype(at::kFloat).requires_grad(false)));
        state_.emplace_back(group.names[i] + ".exp_avg", m.first.back());
        state_.emplace_back(group.names[i] + ".exp_avg_sq", m.second.back());
        state_.emplace_back(group.names[i] + ".step", m.steps.back());
      }
      groups_.push_back(std::move(m));
    }
  }

  void step(const std::vector<ParameterGroup>& groups, const StepScale& scale) override {
    NoGradGuard no_grad;
    for (size_t g = 0; g < groups.size(); ++g) {
      const auto& group = groups[g];
      // A parameter that no loss of this step reached keeps its moments, as in torch.
      std::vector<Tensor> parameters, gradients, first, second, steps;
      for (size_t i = 0; i < group.parameters.size(); ++i) {
        if (!group.parameters[i].grad().defined()) continue;
        parameters.push_back(group.parameters[i]);
        gradients.push_back(group.parameters[i].grad());
        first.push_back(groups_[g].first[i]);
        second.push_back(groups_[g].second[i]);
        steps.push_back(groups_[g].steps[i]);
      }
      if (parameters.empty()) continue;
      // The kernel reads the count after the increment and skips with `bad`; the increment must then be skipped too.
      at::_foreach_add_(steps, at::rsub(scale.bad, 1));
      const double lr = scale.lr * group.rate;
      if (decoupled_) {
        at::_fused_adamw_(parameters, gradients, first, second, {}, steps, lr, beta1_, beta2_, group.decay, epsilon_,
                          /*amsgrad=*/false, /*maximize=*/false, scale.divisor(), scale.bad);
      } else {
        at::_fused_adam_(parameters, gradients, first, second, {}, steps, lr, beta1_, beta2_, group.decay, epsilon_,
                         /*amsgrad=*/false, /*maximize=*/false, scale.divisor(), scale.bad);
      }
    }
  }

  std::vector<std::pair<std::string, Tensor>> state() const override { return state_; }

 private:
  const bool decoupled_;
  const double beta1_, beta2_, epsilon_;
  std::vector<Moments> groups_;
  std::vector<std::pair<std::string, Tensor>> state_;
};

struct AdamW : AdamBase {
  static constexpr const char* help = "AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019), fused kernel";
  AdamW(Scope, const Options& options) : AdamBase(options, true) {}
};

struct Adam : AdamBase {
  static constexpr const char* help = "Adam (Kingma and Ba 2015); weight decay is added to the gradient; fused kernel";
  Adam(Scope, const Options& options) : AdamBase(options, false) {}
};

}  // namespace

GD_REGISTER(Optimiser, "adamw", AdamW)
GD_REGISTER(Optimiser, "adam", Adam)

}  // namespace gd
