#include "profile/counter.h"

#include "core/range.h"
#include "profile/operators.h"

#include <ATen/SequenceNumber.h>
#include <ATen/core/Tensor.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <mutex>
#include <string_view>
#include <vector>

namespace gd {

double Work::model() const {
  double out = 0;
  for (const auto& [name, part] : parts) out += part.forward + part.backward;
  return out;
}

double Work::again() const {
  double out = 0;
  for (const auto& [name, part] : parts) out += part.again;
  return out;
}

namespace {

constexpr const char* outside = "other";

// Where a thread is: the parts, directions and kernels that it has entered.
struct Place {
  std::string part = outside;
  bool backward = false, again = false;
  int64_t kernels = 0;  // inside of kernels that state their own work
};

thread_local std::vector<Place> places;

Place place() { return places.empty() ? Place() : places.back(); }

// The end of what start() entered.
struct Entered : at::ObserverContext {
  uint64_t from = 0;  // sequence number of the first autograd node, for a part
  bool part = false;
};

std::string_view collective_of(std::string_view name) {
  if (name == "allreduce_" || name == "allreduce_coalesced_") return "all-reduce";
  if (name == "allgather_" || name == "_allgather_base_" || name == "allgather_into_tensor_coalesced_") return "all-gather";
  if (name == "reduce_scatter_" || name == "_reduce_scatter_base_" || name == "reduce_scatter_tensor_coalesced_")
    return "reduce-scatter";
  if (name == "broadcast_") return "broadcast";
  if (name == "alltoall_" || name == "alltoall_base_") return "all-to-all";
  if (name == "send" || name == "recv_") return name == "send" ? "send" : "receive";
  return {};
}

// Of the gathers and scatters the first argument is the output, the second the input.
double bytes_of_input(std::string_view name, c10::ArrayRef<const c10::IValue> inputs) {
  const bool second = name.find("gather") != name.npos || name.find("scatter") != name.npos || name.starts_with("alltoall");
  const c10::IValue& given = inputs[second ? 1 : 0];
  double out = 0;
  if (given.isTensor()) return static_cast<double>(given.toTensor().nbytes());
  if (given.isTensorList())
    for (const at::Tensor& tensor : given.toTensorVector()) out += static_cast<double>(tensor.nbytes());
  return out;
}

}  // namespace

struct Counter::State : c10::DebugInfoBase {
  struct Interval {
    uint64_t thread, from, to;
    std::string part;
  };
  explicit State(int64_t replicas) : replicas(static_cast<double>(replicas)) {}
  const double replicas;
  std::mutex mutex;
  Work work;
  std::vector<Interval> intervals;  // autograd nodes of the parts' forwards

  std::string part_of(uint64_t thread, uint64_t node, const std::string& otherwise) {
    const std::lock_guard lock(mutex);
    for (auto one = intervals.rbegin(); one != intervals.rend(); ++one)
      if (one->thread == thread && one->from <= node && node < one->to) return one->part;
    return otherwise;
  }

  void add(double flops, double again, bool divided) {
    const Place at = place();
    // What ranks compute whole, each for itself, is the model's once.
    const double once = !divided && replicas > 1 && at.part.starts_with("objectives.") ? flops / replicas : flops;
    const std::lock_guard lock(mutex);
    PartWork& part = work.parts[at.part];
    if (at.again) {
      part.again += flops + again;
      return;
    }
    (at.backward ? part.backward : part.forward) += once;
    part.again += again + (flops - once);
  }

  void collective(std::string_view kind, double bytes) {
    const Place at = place();
    const std::lock_guard lock(mutex);
    Traffic& traffic = work.collectives[{at.part, std::string(kind)}];
    ++traffic.calls;
    traffic.bytes += bytes;
  }

  static State* here() { return static_cast<State*>(c10::ThreadLocalDebugInfo::get(c10::DebugInfoKind::PRODUCER_INFO)); }

  static std::unique_ptr<at::ObserverContext> start(const at::RecordFunction& function) {
    State* state = here();
    if (state == nullptr) return nullptr;
    const std::string_view name = function.name();
    switch (function.scope()) {
      case at::RecordScope::FUNCTION: state->one_operator(name, function); return nullptr;
      case at::RecordScope::BACKWARD_FUNCTION: {
        Place next = place();
        next.part = state->part_of(function.forwardThreadId(), static_cast<uint64_t>(function.seqNr()), next.part);
        next.backward = true;
        places.push_back(std::move(next));
        return std::make_unique<Entered>();
      }
      case at::RecordScope::USER_SCOPE: {
        Place next = place();
        auto entered = std::make_unique<Entered>();
        // Ours are told by their arguments (core/range.h); libtorch has scopes of its own, some on threads of its own.
        const auto inputs = function.inputs();
        const bool known = inputs.size() == 1 ? inputs[0].isString() || inputs[0].isDouble()
                                              : inputs.size() == 3 && inputs[0].isDouble() && inputs[1].isDouble();
        if (!known) return nullptr;
        if (inputs[0].isDouble() && inputs.size() == 1) {
          state->collective(name, inputs[0].toDouble());
        } else if (inputs.size() == 3) {
          if (next.kernels == 0) state->add(inputs[0].toDouble(), inputs[1].toDouble(), inputs[2].toBool());
          ++next.kernels;
        } else if (name == Range::again) {
          next.again = true;
        } else if (!next.backward) {
          next.part = name;
          entered->part = true;
          entered->from = at::sequence_number::peek();
        }
        places.push_back(std::move(next));
        return entered;
      }
      default: return nullptr;
    }
  }

  static void end(const at::RecordFunction&, at::ObserverContext* context) {
    if (context == nullptr || places.empty()) return;
    const auto* entered = static_cast<const Entered*>(context);
    if (State* state = here(); state && entered->part) {
      const std::lock_guard lock(state->mutex);
      state->intervals.push_back(
          {at::RecordFunction::currentThreadId(), entered->from, at::sequence_number::peek(), places.back().part});
    }
    places.pop_back();
  }

  void one_operator(std::string_view name, const at::RecordFunction& function) {
    if (name.starts_with("c10d::")) {
      const std::string_view operation = name.substr(6), kind = collective_of(operation);
      if (kind.empty()) return;
      collective(kind, bytes_of_input(operation, function.inputs()));
      return;
    }
    if (places.size() > 0 && places.back().kernels > 0) return;
    if (const OperatorFormula formula = formula_of(name)) {
      const OperatorWork found = formula(function.inputs());
      add(found.flops, found.again, false);
    }
  }
};

Counter::Counter(int64_t replicas) : state_(std::make_shared<State>(replicas)) {
  c10::ThreadLocalDebugInfo::_push(c10::DebugInfoKind::PRODUCER_INFO, state_);
  handle_ = at::addThreadLocalCallback(
      at::RecordFunctionCallback(&State::start, &State::end)
          .needsInputs(true)
          .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION, at::RecordScope::USER_SCOPE}));
}

Counter::~Counter() {
  at::removeCallback(handle_);
  c10::ThreadLocalDebugInfo::_pop(c10::DebugInfoKind::PRODUCER_INFO);
}

Work Counter::work() const {
  const std::lock_guard lock(state_->mutex);
  return state_->work;
}

}  // namespace gd
