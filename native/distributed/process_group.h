// The ranks' connection: libtorch's TCPStore for meeting, its Gloo (CPU tensors) and NCCL (CUDA tensors) for collectives.
#pragma once

#include "core/group.h"

#include <c10/core/Device.h>
#include <c10/util/intrusive_ptr.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace c10d {
class ProcessGroup;
class Store;
}  // namespace c10d

namespace gd {

struct Meeting {
  int64_t rank = 0, size = 1;
  std::string address;   // of rank 0
  uint16_t port = 0;     // where its store listens
  int64_t restart = 0;   // how often the ranks met before: their words may still lie in a store that outlives them
  double timeout = 300;  // seconds that a rank waits for the others, when meeting and in every collective
  c10::Device device{c10::kCPU};
};

// Rank 0 before the others can join: the store that all meet at. port 0 lets the system choose a free one.
class MeetingPoint {
 public:
  MeetingPoint(uint16_t port, double timeout);
  ~MeetingPoint();
  uint16_t port() const;

 private:
  friend class ProcessGroup;
  c10::intrusive_ptr<c10d::Store> store_;
};

class ProcessGroup final : public Group {
 public:
  // Joins and waits until all ranks have. `point`: rank 0's, made before; null on other ranks, and where the launcher serves the
  // store. Throws Error("no-meeting"), and Error("no-nccl") for a CUDA device in a build or on a machine without.
  ProcessGroup(const Meeting& meeting, std::shared_ptr<MeetingPoint> point);
  ~ProcessGroup() override;

  int64_t rank() const override { return meeting_.rank; }
  int64_t size() const override { return meeting_.size; }
  void sum(Tensor x) override;
  void largest(Tensor x) override;
  void broadcast(Tensor x) override;
  Tensor gather(const Tensor& mine) override;
  Tensor from_next(const Tensor& mine) override;

  struct Held {
    Tensor tensor;
    int64_t rank;  // who has the values
  };
  void broadcast(const std::vector<Held>& all);  // in place, all under way at once
  // Contiguous, from one rank to another; the two call in the same order.
  void send(Tensor x, int64_t to);
  void receive(Tensor x, int64_t from);

  const c10::intrusive_ptr<c10d::ProcessGroup>& handle() const { return handle_; }

 private:
  const Meeting meeting_;
  std::shared_ptr<MeetingPoint> point_;  // rank 0's store must outlive everybody's use of it
  c10::intrusive_ptr<c10d::ProcessGroup> handle_;
};

}  // namespace gd
