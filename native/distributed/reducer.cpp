#include "distributed/reducer.h"

#include "core/error.h"
#include "distributed/peer_lost.h"

#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/default_comm_hooks.hpp>
#include <torch/csrc/distributed/c10d/logger.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

namespace gd {

namespace {

constexpr int64_t bucket_bytes = int64_t{25} << 20, first_bucket_bytes = int64_t{1} << 20;  // as DistributedDataParallel's

// Half the bytes: divided by the number of ranks before rounding, so that the sum cannot overflow.
class HalfBytes : public c10d::CppCommHookInterface<c10::intrusive_ptr<c10d::ProcessGroup>> {
 public:
  HalfBytes(const c10::intrusive_ptr<c10d::ProcessGroup>& group, at::ScalarType type)
      : c10d::CppCommHookInterface<c10::intrusive_ptr<c10d::ProcessGroup>>(group), type_(type) {}

  c10::intrusive_ptr<c10::ivalue::Future> runHook(c10d::GradBucket& bucket) override {
    const Tensor whole = bucket.getBuffer();
    std::vector<Tensor> half{(whole / static_cast<double>(state_->getSize())).to(type_)};
    return state_->allreduce(half)->getFuture()->then(
        [whole](c10::ivalue::Future& future) {
          const Tensor sum = future.value().toTensorVector()[0];
          Tensor(whole).copy_(sum);
          return c10::IValue(whole);
        },
        c10::TensorType::get());
  }

 private:
  const at::ScalarType type_;
};

std::vector<std::vector<size_t>> buckets_of(const std::vector<Tensor>& parameters) {
  expect(!parameters.empty(), "bad-recipe", "expected at least one trainable parameter but all are frozen");
  auto buckets = std::get<0>(c10d::compute_bucket_assignment_by_size(
      parameters, {static_cast<size_t>(first_bucket_bytes), static_cast<size_t>(bucket_bytes)}));
  std::reverse(buckets.begin(), buckets.end());
  return buckets;
}

}  // namespace

GradientCompression gradient_compression_of(std::string_view name) {
  if (name == "none") return GradientCompression::none;
  if (name == "bf16") return GradientCompression::bf16;
  if (name == "fp16") return GradientCompression::fp16;
  fail("bad-option", "expected none, bf16 or fp16 for train.gradientCompression but got '", name, "'");
}

GradientReducer::GradientReducer(std::vector<Tensor> parameters, ProcessGroup& group, GradientCompression compression)
    : parameters_(std::move(parameters)), buckets_(buckets_of(parameters_)), group_(group) {
  waiting_for("the other ranks' buckets", [&] {
    // Parameters that a step does not reach are looked for each time: recipes have parts that only some batches use. With it the
    // reducer also keeps its first layout of buckets.
    reducer_ = std::make_shared<c10d::Reducer>(
        parameters_, buckets_, group_.handle(), std::vector<bool>(parameters_.size(), false), bucket_bytes,
        /*find_unused_parameters=*/true, /*gradient_as_bucket_view=*/true, std::unordered_map<size_t, std::string>(),
        first_bucket_bytes, /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false, std::vector<int64_t>());
    logger_ = std::make_shared<c10d::Logger>(reducer_);
    reducer_->set_logger(logger_);
    if (compression != GradientCompression::none)
      reducer_->register_comm_hook(
          std::make_unique<HalfBytes>(group_.handle(), compression == GradientCompression::bf16 ? at::kBFloat16 : at::kHalf));
  });
}

GradientReducer::~GradientReducer() {
  // The hooks on the parameters point at the reducer, and the parameters outlive it.
  reducer_->remove_autograd_hooks();
}

void GradientReducer::before_forward() { reducer_->prepare_for_forward(); }

void GradientReducer::before_backward(const Tensor& loss) { reducer_->prepare_for_backward({loss}); }

void GradientReducer::average_now() {
  NoGradGuard no_grad;
  const double size = static_cast<double>(group_.size());
  // A parameter that this rank's rows did not reach still takes its place in the sum.
  for (const auto& bucket : buckets_) {
    std::vector<Tensor> parts, there;
    for (const size_t i : bucket) {
      const Tensor& p = parameters_[i];
      there.push_back(at::full({1}, p.grad().defined() ? 1.0 : 0.0, p.options().requires_grad(false)));
      parts.push_back(p.grad().defined() ? p.grad().reshape({-1}) : at::zeros({p.numel()}, p.options().requires_grad(false)));
    }
    const int64_t flags = static_cast<int64_t>(there.size());
    there.insert(there.end(), parts.begin(), parts.end());
    const Tensor whole = at::cat(there);
    group_.sum(whole);
    const Tensor reached = whole.narrow(0, 0, flags).to(at::kCPU);
    int64_t at = flags;
    for (size_t k = 0; k < bucket.size(); ++k) {
      const Tensor& p = parameters_[bucket[k]];
      const Tensor mean = (whole.narrow(0, at, p.numel()) / size).view(p.sizes());
      at += p.numel();
      if (reached[static_cast<int64_t>(k)].item<double>() == 0) continue;
      if (p.grad().defined()) {
        p.grad().copy_(mean);
      } else {
        p.mutable_grad() = mean.clone();
      }
    }
  }
}

}  // namespace gd
