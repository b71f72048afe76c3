// Ranks as threads of the test program.
#pragma once

#include "core/error.h"
#include "distributed/process_group.h"

#include <ATen/Parallel.h>

#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace gd {

// Runs all of them to their end; fails with what the first one threw.
inline void in_ranks(int64_t world, const std::function<void(int64_t, std::shared_ptr<MeetingPoint>, uint16_t)>& run) {
  const auto point = std::make_shared<MeetingPoint>(0, 30);
  const int before = at::get_num_threads();  // a team for each rank would only be in the others' way
  at::set_num_threads(1);
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::string failure;
  for (int64_t rank = 0; rank < world; ++rank)
    threads.emplace_back([&, rank] {
      try {
        run(rank, rank == 0 ? point : nullptr, point->port());
      } catch (const std::exception& error) {
        const std::lock_guard lock(mutex);
        if (failure.empty()) failure = c10::str("rank ", rank, ": ", error.what());
      }
    });
  for (auto& thread : threads) thread.join();
  at::set_num_threads(before);
  if (!failure.empty()) fail("test", failure);
}

inline Meeting meeting(int64_t rank, int64_t world, uint16_t port) {
  Meeting out;
  out.rank = rank;
  out.size = world;
  out.address = "127.0.0.1";
  out.port = port;
  out.timeout = 30;
  return out;
}

}  // namespace gd
