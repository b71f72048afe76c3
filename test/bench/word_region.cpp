// The word–region contrast alone, forward and backward: regions [B, N, D], words [B, T, D] of given lengths, symmetric soft-max.
//
//     word_region_bench REGIONS WIDTH WORDS THREADS LENGTH,LENGTH,…   one length a text; as many images
// One step for every line on standard input, answered by a line of JSON; word_region_peer.py does the same with the same numbers.
#include "processor_time.h"
#include "kernels/word_region.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <sstream>

#include <malloc.h>

namespace {

// Numbers in [-1, 1) from a hash of the place and a salt: the same in any program.
at::Tensor numbers(at::IntArrayRef shape, uint32_t salt, float size) {
  const at::Tensor out = at::empty(shape);
  float* values = out.mutable_data_ptr<float>();
  for (int64_t i = 0; i < out.numel(); ++i) {
    uint32_t x = static_cast<uint32_t>(i) * 0x9E3779B1u + salt;
    x ^= x >> 16;
    x *= 0x85EBCA6Bu;
    x ^= x >> 13;
    x *= 0xC2B2AE35u;
    x ^= x >> 16;
    values[i] = size * (static_cast<float>(x >> 8) / 8388608.0f - 1.0f);
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "expected REGIONS WIDTH WORDS THREADS LENGTH,LENGTH,… but got %d arguments\n", argc - 1);
    return 2;
  }
  const int64_t regions = std::stoll(argv[1]), width = std::stoll(argv[2]), longest = std::stoll(argv[3]);
  std::vector<int64_t> lengths;
  std::istringstream given(argv[5]);
  for (std::string length; std::getline(given, length, ',');) lengths.push_back(std::stoll(length));
  const int64_t batch = static_cast<int64_t>(lengths.size());
  mallopt(M_MMAP_MAX, 0);  // as the addon tells malloc
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
  at::set_num_threads(std::stoi(argv[4]));
  at::Tensor v = numbers({batch, regions, width}, 1, 1.7f).set_requires_grad(true);
  at::Tensor e = numbers({batch, longest, width}, 2, 0.35f).set_requires_grad(true);
  const at::Tensor mask = at::arange(longest).unsqueeze(0) < at::tensor(lengths).unsqueeze(1), own = at::arange(batch);
  const long start = usage().ru_maxrss;

  for (std::string line; std::getline(std::cin, line);) {
    v.mutable_grad() = e.mutable_grad() = at::Tensor();
    const rusage before = usage();
    const auto begun = std::chrono::steady_clock::now();
    const auto since = [&] { return 1e3 * std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count(); };
    const at::Tensor z = 10 * gd::word_region(v, e, mask, at::Tensor(), {});
    const at::Tensor loss = at::cross_entropy_loss(z, own) + at::cross_entropy_loss(z.t(), own);
    const double forward = since();
    loss.backward();
    const double total = since();
    const rusage after = usage();
    std::printf("{\"milliseconds\": %.3f, \"forward\": %.3f, \"processorMilliseconds\": %.3f, \"extraBytes\": %lld, \"loss\": %.7g, "
                "\"gradients\": [%.7g, %.7g]}\n",
                total, forward, processor(after) - processor(before), static_cast<long long>(after.ru_maxrss - start) * 1024,
                loss.item<double>(), v.grad().norm().item<double>(), e.grad().norm().item<double>());
    std::fflush(stdout);
  }
  return 0;
}
