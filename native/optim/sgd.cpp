// Stochastic gradient descent with (Nesterov) momentum, libtorch's fused kernel.
#include "optim/optimiser.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

class Sgd : public Optimiser {
 public:
  static constexpr const char* help = "Stochastic gradient descent with optional (Nesterov) momentum; fused kernel";
  static OptionList options() {
    return {number_option("momentum", 0.9, "factor on the running gradient; 0 switches it off"),
            flag_option("nesterov", false, "look ahead along the momentum")};
  }
  Sgd(Scope, const Options& options) : momentum_(options.number("momentum")), nesterov_(options.flag("nesterov")) {
    expect(!nesterov_ || momentum_ > 0, "bad-option", "expected momentum above 0 for nesterov but got ", momentum_);
  }

  void prepare(const std::vector<ParameterGroup>& groups) override {
    buffers_.clear();
    state_.clear();
    for (const auto& group : groups) {
      std::vector<Tensor> buffers;
      for (size_t i = 0; i < group.parameters.size(); ++i) {
        buffers.push_back(at::zeros_like(group.parameters[i]).detach());
        state_.emplace_back(group.names[i] + ".momentum", buffers.back());
      }
      buffers_.push_back(std::move(buffers));
    }
  }

  void step(const std::vector<ParameterGroup>& groups, const StepScale& scale) override {
    NoGradGuard no_grad;
    for (size_t g = 0; g < groups.size(); ++g) {
      const auto& group = groups[g];
      std::vector<Tensor> parameters, gradients, buffers;
      for (size_t i = 0; i < group.parameters.size(); ++i) {
        if (!group.parameters[i].grad().defined()) continue;
        parameters.push_back(group.parameters[i]);
        gradients.push_back(group.parameters[i].grad());
        if (momentum_ > 0) buffers.push_back(buffers_[g][i]);
      }
      if (parameters.empty()) continue;
      // Momentum starts from zeros: with dampening 0 the first step equals torch's, which starts from the gradient.
      at::_fused_sgd_(parameters, gradients, buffers, group.decay, momentum_, scale.lr * group.rate, /*dampening=*/0, nesterov_,
                      /*maximize=*/false, /*is_first_step=*/false, scale.divisor(), scale.bad);
    }
  }

  std::vector<std::pair<std::string, Tensor>> state() const override { return state_; }

 private:
  const double momentum_;
  const bool nesterov_;
  std::vector<std::vector<Tensor>> buffers_;
  std::vector<std::pair<std::string, Tensor>> state_;
};

}  // namespace

GD_REGISTER(Optimiser, "sgd", Sgd)

}  // namespace gd
