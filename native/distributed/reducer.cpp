#include "distributed/reducer.h"

#include "core/error.h"
#include "distributed/peer_lost.h"

#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <torch/csrc/distributed/c10d/logger.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <algorithm>

namespace gd {

namespace {

constexpr int64_t bucket_bytes = int64_t{25} << 20, first_bucket_bytes = int64_t{1} << 20;  // as DistributedDataParallel's

std::vector<std::vector<size_t>> buckets_of(const std::vector<Tensor>& parameters) {
  expect(!parameters.empty(), "bad-recipe", "expected at least one trainable parameter but all are frozen");
  auto buckets = std::get<0>(c10d::compute_bucket_assignment_by_size(
      parameters, {static_cast<size_t>(first_bucket_bytes), static_cast<size_t>(bucket_bytes)}));
  std::reverse(buckets.begin(), buckets.end());
  return buckets;
}

at::ScalarType type_of(GradientCompression compression) {
  switch (compression) {
    case GradientCompression::bf16: return at::kBFloat16;
    case GradientCompression::fp16: return at::kHalf;
    default: return at::kFloat;
  }
}

}  // namespace

GradientCompression gradient_compression_of(std::string_view name) {
  if (name == "none") return GradientCompression::none;
  if (name == "bf16") return GradientCompression::bf16;
  if (name == "fp16") return GradientCompression::fp16;
  fail("bad-option", "expected none, bf16 or fp16 for train.gradientCompression but got '", name, "'");
}

// How one bucket's gradients become their mean over the ranks.
class GradientReducer::Travel {
 public:
  using Future = c10::intrusive_ptr<c10::ivalue::Future>;

  Travel(const c10::intrusive_ptr<c10d::ProcessGroup>& group, at::ScalarType type, const Shards* shards)
      : group_(group), type_(type), shards_(shards) {}
  bool plain() const { return type_ == at::kFloat && !shards_; }  // what the reducer does by itself

  Future average(size_t bucket, const Tensor& whole) const {
    const double size = group_->getSize();
    if (shards_) return to_owners(shards_->cuts(bucket), whole, size);
    std::vector<Tensor> sent{type_ == at::kFloat ? Tensor(whole).div_(size) : rounded(whole, size)};
    return group_->allreduce(sent)->getFuture()->then(
        [whole, sent](c10::ivalue::Future&) {
          if (!sent[0].is_same(whole)) Tensor(whole).copy_(sent[0]);
          return c10::IValue(whole);
        },
        c10::TensorType::get());
  }

 private:
  // Calls work(from, length) for all of `length` elements, on the CPU in blocks that stay in a core's cache: what is made of several
  // operations then passes over memory once.
  template <typename Work>
  static void in_blocks(const Tensor& x, Work work) {
    const int64_t length = x.numel(), block = x.is_cpu() ? int64_t{1} << 16 : std::max<int64_t>(length, 1);
    for (int64_t from = 0; from < length; from += block) work(from, std::min(block, length - from));
  }

  // Divided before it is rounded, so that the sum cannot overflow.
  Tensor rounded(const Tensor& whole, double size) const {
    const Tensor out = at::empty_like(whole, whole.options().dtype(type_));
    in_blocks(whole,
              [&](int64_t from, int64_t length) { out.narrow(0, from, length).copy_(whole.narrow(0, from, length) / size); });
    return out;
  }

  // Each rank gets all ranks' values of its own range and sums them, in the order of ranks and in float32 however they travelled.
  // Gloo's reduce-scatter is an all-reduce inside, of twice the bytes.
  Future to_owners(const std::vector<int64_t>& cuts, const Tensor& whole, double size) const {
    const size_t me = static_cast<size_t>(group_->getRank());
    const int64_t mine = cuts[me + 1] - cuts[me];
    std::vector<int64_t> out, in(cuts.size() - 1, mine);
    for (size_t r = 0; r + 1 < cuts.size(); ++r) out.push_back(cuts[r + 1] - cuts[r]);
    Tensor sent = type_ == at::kFloat ? whole : rounded(whole, size);
    Tensor got = at::empty({mine * group_->getSize()}, sent.options());
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // the newer name is missing in libtorch 2.11
    const auto work = group_->alltoall_base(got, sent, in, out);
#pragma GCC diagnostic pop
    const Tensor own = whole.narrow(0, cuts[me], mine);
    return work->getFuture()->then(
        [whole, own, sent, got, mine, size](c10::ivalue::Future&) {
          in_blocks(own, [&](int64_t from, int64_t length) {
            Tensor sum = own.narrow(0, from, length);
            sum.copy_(got.narrow(0, from, length));
            for (int64_t at = mine + from; at < got.numel(); at += mine) sum.add_(got.narrow(0, at, length));
            if (sent.is_same(whole)) sum.div_(size);
          });
          return c10::IValue(whole);
        },
        c10::TensorType::get());
  }

  const c10::intrusive_ptr<c10d::ProcessGroup> group_;
  const at::ScalarType type_;
  const Shards* shards_;
};

GradientReducer::GradientReducer(std::vector<Tensor> parameters, ProcessGroup& group, GradientCompression compression,
                                 bool sharded)
    : parameters_(std::move(parameters)), buckets_(buckets_of(parameters_)), group_(group) {
  if (sharded) shards_.emplace(parameters_, buckets_, group_);
  travel_ = std::make_unique<Travel>(group_.handle(), type_of(compression), shards());
  struct Hook : c10d::CppCommHookInterface<const Travel*> {
    using CppCommHookInterface::CppCommHookInterface;
    Travel::Future runHook(c10d::GradBucket& bucket) override { return state_->average(bucket.getIndex(), bucket.getBuffer()); }
  };
  waiting_for("the other ranks' buckets", [&] {
    // Parameters that a step does not reach are looked for each time: recipes have parts that only some batches use. With it the
    // reducer also keeps its first layout of buckets.
    reducer_ = std::make_shared<c10d::Reducer>(
        parameters_, buckets_, group_.handle(), std::vector<bool>(parameters_.size(), false), bucket_bytes,
        /*find_unused_parameters=*/true, /*gradient_as_bucket_view=*/true, std::unordered_map<size_t, std::string>(),
        first_bucket_bytes, /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false, std::vector<int64_t>());
    logger_ = std::make_shared<c10d::Logger>(reducer_);
    reducer_->set_logger(logger_);
    if (!travel_->plain()) reducer_->register_comm_hook(std::make_unique<Hook>(travel_.get()));
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
  // A parameter that this rank's rows did not reach still takes its place in the sum; one that no rank's did gets no gradient.
  std::vector<int64_t> there;
  for (const auto& p : parameters_) there.push_back(p.grad().defined() ? 1 : 0);
  Tensor reached = at::tensor(there, at::kLong).to(parameters_[0].device());
  group_.largest(reached);
  reached = reached.to(at::kCPU);
  std::vector<Travel::Future> under_way;
  waiting_for("the other ranks' gradients", [&] {
    for (size_t b = 0; b < buckets_.size(); ++b) {
      int64_t length = 0;
      for (const size_t i : buckets_[b]) length += parameters_[i].numel();
      const Tensor whole = at::zeros({length}, parameters_[buckets_[b][0]].options().requires_grad(false));
      int64_t at = 0;
      for (const size_t i : buckets_[b]) {
        const Tensor& p = parameters_[i];
        // Laid out as the reducer lays out its buckets.
        const Tensor place = p.is_non_overlapping_and_dense() ? whole.as_strided(p.sizes(), p.strides(), at)
                                                              : whole.narrow(0, at, p.numel()).view(p.sizes());
        at += p.numel();
        if (p.grad().defined()) place.copy_(p.grad());
        if (reached[static_cast<int64_t>(i)].item<int64_t>() > 0) p.mutable_grad() = place;
      }
      under_way.push_back(travel_->average(b, whole));
    }
    for (const auto& future : under_way) future->waitAndThrow();
  });
}

}  // namespace gd
