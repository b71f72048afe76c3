#include "distributed/process_group.h"

#include "core/error.h"
#include "distributed/peer_lost.h"

#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cstdlib>

namespace gd {

namespace {

using std::chrono::milliseconds;

milliseconds milliseconds_of(double seconds) { return milliseconds(static_cast<int64_t>(seconds * 1000)); }

// The address of this machine on the way to rank 0: the one that the other ranks can reach. Gloo's own choice, the address of the
// host's name, is often none or the loopback. Asking the kernel for a route sends nothing.
std::string own_address(const Meeting& meeting) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  const std::string port = std::to_string(meeting.port ? meeting.port : 9);
  expect(getaddrinfo(meeting.address.c_str(), port.c_str(), &hints, &found) == 0 && found, "no-meeting",
         "expected the address of rank 0 but the name '", meeting.address, "' is not known to this machine");
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list(found, &freeaddrinfo);
  std::string out;
  for (const addrinfo* one = list.get(); one && out.empty(); one = one->ai_next) {
    const int s = socket(one->ai_family, SOCK_DGRAM, 0);
    if (s < 0) continue;
    sockaddr_storage mine{};
    socklen_t length = sizeof mine;
    char text[INET6_ADDRSTRLEN] = "";
    if (connect(s, one->ai_addr, one->ai_addrlen) == 0 && getsockname(s, reinterpret_cast<sockaddr*>(&mine), &length) == 0 &&
        getnameinfo(reinterpret_cast<sockaddr*>(&mine), length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
      out = text;
    close(s);
  }
  expect(!out.empty(), "no-meeting", "expected a route to rank 0 but this machine has none to ", meeting.address);
  return out;
}

c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo(const Meeting& meeting, const c10::intrusive_ptr<c10d::Store>& store) {
  auto options = c10d::ProcessGroupGloo::Options::create(milliseconds_of(meeting.timeout));
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  options->devices.push_back(interface && *interface ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                                     : c10d::ProcessGroupGloo::createDeviceForHostname(own_address(meeting)));
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, static_cast<int>(meeting.rank), static_cast<int>(meeting.size),
                                                     options);
}

c10::intrusive_ptr<c10d::Store> store_of(const Meeting& meeting, const std::string& address, bool server) {
  c10d::TCPStoreOptions options;
  options.port = meeting.port;
  options.isServer = server;
  options.waitWorkers = false;
  options.timeout = milliseconds_of(meeting.timeout);
  return c10::make_intrusive<c10d::TCPStore>(address, options);
}

}  // namespace

MeetingPoint::MeetingPoint(uint16_t port, double timeout) {
  Meeting meeting;
  meeting.port = port;
  meeting.timeout = timeout;
  try {
    store_ = store_of(meeting, "localhost", /*server=*/true);
  } catch (const std::exception& error) {
    fail("no-meeting", "expected a free port for the ranks to meet at but ", port, " gave: ", first_line(error));
  }
}

MeetingPoint::~MeetingPoint() = default;

uint16_t MeetingPoint::port() const { return static_cast<const c10d::TCPStore&>(*store_).getPort(); }

ProcessGroup::ProcessGroup(const Meeting& meeting, std::shared_ptr<MeetingPoint> point)
    : meeting_(meeting), point_(std::move(point)) {
  const int rank = static_cast<int>(meeting.rank), size = static_cast<int>(meeting.size);
  try {
    const auto store = point_ ? point_->store_ : store_of(meeting, meeting.address, /*server=*/false);
    handle_ = c10::make_intrusive<c10d::ProcessGroup>(store, rank, size);
    handle_->setBackend(
        c10::kCPU, c10d::ProcessGroup::BackendType::GLOO,
        gloo(meeting, c10::make_intrusive<c10d::PrefixStore>(c10::str("gadolinium/gloo/", meeting.restart), store)));
    handle_->setDefaultBackend(c10d::ProcessGroup::BackendType::GLOO);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error("no-meeting",
                c10::str("expected all ", size, " ranks at ", meeting.address, ":", meeting.port, " within ", meeting.timeout,
                         " s but rank ", rank, " got: ", first_line(error)),
                "check that every rank was started and can reach that address; GLOO_SOCKET_IFNAME names a network interface");
  }
  if (meeting.device.is_cpu()) return;
#ifdef USE_C10D_NCCL
  try {
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = milliseconds_of(meeting.timeout);
    const auto store = c10::make_intrusive<c10d::PrefixStore>(c10::str("gadolinium/nccl/", meeting.restart), handle_->getStore());
    handle_->setBackend(c10::kCUDA, c10d::ProcessGroup::BackendType::NCCL,
                        c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size, options));
    handle_->setDefaultBackend(c10d::ProcessGroup::BackendType::NCCL);
  } catch (const std::exception& error) {
    fail("no-nccl", "expected NCCL for ", meeting.device.str(), " but got: ", first_line(error));
  }
#else
  fail("no-nccl", "expected a build with NCCL for ", meeting.device.str(), " but this one is for the CPU");
#endif
}

ProcessGroup::~ProcessGroup() = default;

void ProcessGroup::sum(Tensor x) {
  waiting_for("a sum over the ranks", [&] {
    NoGradGuard no_grad;
    std::vector<Tensor> list{x};
    handle_->allreduce(list)->wait();
  });
}

void ProcessGroup::largest(Tensor x) {
  waiting_for("the largest value over the ranks", [&] {
    NoGradGuard no_grad;
    std::vector<Tensor> list{x};
    c10d::AllreduceOptions options;
    options.reduceOp = c10d::ReduceOp::MAX;
    handle_->allreduce(list, options)->wait();
  });
}

void ProcessGroup::broadcast(Tensor x) {
  waiting_for("rank 0's values", [&] {
    NoGradGuard no_grad;
    std::vector<Tensor> list{x};
    handle_->broadcast(list)->wait();
  });
}

void ProcessGroup::broadcast(const std::vector<Held>& all) {
  waiting_for("the other ranks' values", [&] {
    NoGradGuard no_grad;
    const bool one_launch = !meeting_.device.is_cpu();  // of NCCL; Gloo knows none
    if (one_launch) handle_->startCoalescing(meeting_.device.type());
    std::vector<c10::intrusive_ptr<c10d::Work>> works;
    for (const auto& [tensor, rank] : all) {
      std::vector<Tensor> list{tensor};
      c10d::BroadcastOptions options;
      options.rootRank = rank;
      works.push_back(handle_->broadcast(list, options));
    }
    if (one_launch) works = {handle_->endCoalescing(meeting_.device.type())};
    for (const auto& work : works) work->wait();
  });
}

void ProcessGroup::send(Tensor x, int64_t to) {
  waiting_for("a rank that takes values", [&] {
    std::vector<Tensor> list{x};
    handle_->send(list, static_cast<int>(to), /*tag=*/0)->wait();
  });
}

void ProcessGroup::receive(Tensor x, int64_t from) {
  waiting_for("another rank's values", [&] {
    NoGradGuard no_grad;
    std::vector<Tensor> list{x};
    handle_->recv(list, static_cast<int>(from), /*tag=*/0)->wait();
  });
}

Tensor ProcessGroup::from_next(const Tensor& mine) {
  if (meeting_.size == 1) return mine.clone();
  return waiting_for("the next rank's block", [&] {
    NoGradGuard no_grad;
    Tensor in = mine.detach().contiguous().view({-1}), out = at::empty_like(in);
    // One all-to-all with one entry each way: what NCCL makes of sends and receives that are begun together. Sends and receives by
    // themselves could wait for each other around the ring.
    std::vector<int64_t> to(static_cast<size_t>(meeting_.size), 0), from = to;
    to[static_cast<size_t>((meeting_.rank + meeting_.size - 1) % meeting_.size)] = in.numel();
    from[static_cast<size_t>((meeting_.rank + 1) % meeting_.size)] = in.numel();
    handle_->alltoall_base(out, in, from, to)->wait();
    return out.view(mine.sizes());
  });
}

Tensor ProcessGroup::gather(const Tensor& mine) {
  return waiting_for("the other ranks' rows", [&] {
    NoGradGuard no_grad;
    Tensor in = mine.detach().contiguous();
    const bool flags = in.scalar_type() == at::kBool;  // not known to Gloo
    if (flags) in = in.to(at::kByte);
    auto sizes = in.sizes().vec();
    sizes.insert(sizes.begin(), meeting_.size);
    Tensor out = at::empty(sizes, in.options());
    Tensor flat = out.view({meeting_.size * in.numel()});
    Tensor source = in.view({-1});
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // the newer name is missing in libtorch 2.13
    handle_->_allgather_base(flat, source)->wait();
#pragma GCC diagnostic pop
    return flags ? out.to(at::kBool) : out;
  });
}

}  // namespace gd
