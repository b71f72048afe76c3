#include "core/recompute.h"

#include "core/error.h"
#include "core/range.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

namespace gd {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Block = std::function<Tensor(const Tensor&, Pass&)>;

// Autocast as it is on this thread. Needed because the backward runs with autocast off, and on cards in another thread.
struct AutocastState {
  explicit AutocastState(at::DeviceType device)
      : device(device),
        enabled(at::autocast::is_autocast_enabled(device)),
        dtype(at::autocast::get_autocast_dtype(device)),
        cache(at::autocast::is_autocast_cache_enabled()) {}
  void apply() const {
    at::autocast::set_autocast_enabled(device, enabled);
    at::autocast::set_autocast_dtype(device, dtype);
    at::autocast::set_autocast_cache_enabled(cache);
  }
  at::DeviceType device;
  bool enabled;
  at::ScalarType dtype;
  bool cache;
};

// Autocast as it was in the forward, but without its cache of cast weights: the backward lies outside every autocast region,
// where nobody clears the cache, and the next step would compute with the weights of this one.
class AutocastGuard {
 public:
  explicit AutocastGuard(AutocastState wanted) : before_(wanted.device) {
    wanted.cache = false;
    wanted.apply();
  }
  ~AutocastGuard() { before_.apply(); }
  AutocastGuard(const AutocastGuard&) = delete;

 private:
  AutocastState before_;
};

// What the second run needs besides the tensors.
struct Job : torch::CustomClassHolder {
  Job(Block block, const Pass& pass, AutocastState autocast) : block(std::move(block)), pass(pass), autocast(autocast) {}
  Block block;
  Pass pass;  // as it was before the first run: the same dropout sites
  AutocastState autocast;
};

struct Recomputed : torch::autograd::Function<Recomputed> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, at::TensorList parameters, const c10::intrusive_ptr<Job>& job,
                        Pass* pass) {
    variable_list inputs{x};
    inputs.insert(inputs.end(), parameters.begin(), parameters.end());
    ctx->save_for_backward(std::move(inputs));
    ctx->saved_data["job"] = c10::IValue::make_capsule(job);
    const AutocastGuard autocast(job->autocast);
    return job->block(x, *pass);  // a Function's forward runs without a graph
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& output_gradients) {
    expect(!at::GradMode::is_enabled(), "no-second-derivative",
           "expected first derivatives through a recomputed block but got a request for a graph of the gradient");
    variable_list inputs = ctx->get_saved_variables();
    const auto capsule = ctx->saved_data["job"].toCapsule();
    auto& job = static_cast<Job&>(*capsule);

    const Tensor x = inputs[0].detach().set_requires_grad(inputs[0].requires_grad());
    inputs[0] = x;
    variable_list wanted;
    std::vector<size_t> places;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i].requires_grad()) wanted.push_back(inputs[i]), places.push_back(i);

    Tensor y;
    {
      const at::AutoGradMode graph(true);
      const AutocastGuard autocast(job.autocast);
      const Range range(Range::again);
      Pass pass = job.pass;
      pass.update_statistics = false;
      y = job.block(x, pass);
    }
    const auto gradients = torch::autograd::grad({y}, wanted, {output_gradients[0]}, /*retain_graph=*/std::nullopt,
                                                 /*create_graph=*/false, /*allow_unused=*/true);
    variable_list out(inputs.size() + 2);  // two inputs that are no tensors
    for (size_t i = 0; i < places.size(); ++i) out[places[i]] = gradients[i];
    return out;
  }
};

}  // namespace

Tensor recompute(const Tensor& x, Pass& pass, const std::vector<Tensor>& parameters, const Block& block) {
  if (!pass.recompute || !at::GradMode::is_enabled()) return block(x, pass);
  const auto job = c10::make_intrusive<Job>(block, pass, AutocastState(x.device().type()));
  // A TensorList: a vector would pass for an argument that is no tensor, and its gradients would be lost.
  return Recomputed::apply(x, at::TensorList(parameters), job, &pass);
}

}  // namespace gd
