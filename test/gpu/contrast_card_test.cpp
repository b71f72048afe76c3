// The contrasts' kernels on a card: the proofs that the tiles pass on a CPU, at sizes that only a card does in a test's time;
// capture in a CUDA graph; and timings. Skipped aloud in a build without CUDA and on a machine without a card.
#include "kernels/tile_case.h"
#include "test.h"

#ifdef GADOLINIUM_CUDA
#include <cuda_runtime.h>
#endif

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <vector>

using namespace gd;
using namespace gd::tile_case;

#ifndef GADOLINIUM_CUDA

TEST("card: the contrasts") { SKIP("this build has no CUDA; npm run build:cuda makes one that has"); }

#else

namespace {

void must(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(std::string("CUDA: ") + cudaGetErrorString(error));
}

void need_card() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) SKIP("this machine has no card");
}

// On the stream `stream`; null: the default one, on which libtorch's copies run too.
Floor card(cudaStream_t stream = nullptr) {
  return {at::Device(at::kCUDA, 0), contrast_workspace_cuda,
          [=](const ContrastProblem& problem, void* row_own, void* column_own) {
            contrast_partner_scores_cuda(problem, row_own, column_own, stream);
          },
          [=](const ContrastProblem& problem, const ContrastStatistics& out, void* workspace) {
            contrast_statistics_cuda(problem, out, workspace, stream);
          },
          [=](const ContrastProblem& problem, const ContrastCotangents& in, const ContrastGradients& out, bool deterministic) {
            contrast_gradient_cuda(problem, in, out, nullptr, stream, deterministic);
          },
          [=](const SigmoidContrastProblem& problem, const SigmoidContrastResult& out, bool deterministic) {
            sigmoid_contrast_cuda(problem, out, nullptr, stream, deterministic);
          }};
}

// Milliseconds of one call: the median of 20 after 3 to warm up.
template <typename F>
double milliseconds(F call) {
  cudaEvent_t begin, end;
  must(cudaEventCreate(&begin));
  must(cudaEventCreate(&end));
  std::vector<float> all;
  for (int i = 0; i < 23; ++i) {
    must(cudaEventRecord(begin));
    call();
    must(cudaEventRecord(end));
    must(cudaEventSynchronize(end));
    float ms = 0;
    must(cudaEventElapsedTime(&ms, begin, end));
    if (i >= 3) all.push_back(ms);
  }
  std::sort(all.begin(), all.end());
  must(cudaEventDestroy(begin));
  must(cudaEventDestroy(end));
  return all[all.size() / 2];
}

// The arrays of a whole step on the card.
struct Step {
  Case c;
  ContrastProblem problem;
  at::Tensor row_lse, column_lse, a, b, scale, workspace;

  explicit Step(const Case& on_cpu) : c(on_cpu.on(at::Device(at::kCUDA, 0))), problem(c.contrast()) {
    const at::TensorOptions real = c.g.options();
    row_lse = at::zeros({problem.rows}, real);
    column_lse = at::zeros({problem.columns}, real);
    a = at::zeros({problem.rows, problem.width}, real);
    b = at::zeros({problem.columns, problem.width}, real);
    scale = at::zeros({problem.rows}, real);
    workspace = at::empty({contrast_workspace_cuda(problem)}, real.dtype(at::kByte));
  }
  void forward(cudaStream_t stream = nullptr) {
    contrast_statistics_cuda(problem, {row_lse.mutable_data_ptr(), column_lse.mutable_data_ptr()}, workspace.mutable_data_ptr(),
                             stream);
  }
  void backward(bool deterministic, cudaStream_t stream = nullptr) {
    ContrastCotangents in;
    in.row_lse = row_lse.const_data_ptr();
    in.column_lse = column_lse.const_data_ptr();
    in.row_gradient = c.g.const_data_ptr();
    in.column_gradient = c.h.const_data_ptr();
    contrast_gradient_cuda(problem, in, {a.mutable_data_ptr(), b.mutable_data_ptr(), scale.mutable_data_ptr()}, nullptr, stream,
                           deterministic);
  }
};

}  // namespace

TEST("card: the soft-max contrast is the double-precision reference") {
  need_card();
  prove_contrast(card(), true);
}

TEST("card: the sigmoid contrast is the double-precision reference") {
  need_card();
  prove_sigmoid(card(), true);
}

TEST("card: a CUDA graph captures forward and backward and replays them") {
  need_card();
  Step step(plain({1000, 900, 256}));
  step.forward();
  step.backward(true);
  const at::Tensor lse = step.row_lse.clone(), a = step.a.clone(), b = step.b.clone();
  must(cudaDeviceSynchronize());
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t replay;
  must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  step.forward(stream);
  step.backward(true, stream);
  must(cudaStreamEndCapture(stream, &graph));
  must(cudaGraphInstantiate(&replay, graph, 0));
  step.row_lse.fill_(0);
  step.a.fill_(0);
  step.b.fill_(0);
  must(cudaDeviceSynchronize());
  for (int i = 0; i < 2; ++i) must(cudaGraphLaunch(replay, stream));
  must(cudaStreamSynchronize(stream));
  EXPECT(step.row_lse.equal(lse) && step.a.equal(a) && step.b.equal(b));
  must(cudaGraphExecDestroy(replay));
  must(cudaGraphDestroy(graph));
  must(cudaStreamDestroy(stream));
}

TEST("card: unfit inputs are refused with a sentence") {
  need_card();
  Case c = plain({4, 4, 64}).on(at::Device(at::kCUDA, 0));
  ContrastProblem narrow = c.contrast(), unaligned = c.contrast();
  narrow.width = 48;
  unaligned.a = static_cast<const char*>(unaligned.a) + 2;
  EXPECT_THROWS(contrast_statistics_cuda(narrow, {}, nullptr, nullptr), "expected a width of 64 to 1024 in steps of 64");
  EXPECT_THROWS(contrast_statistics_cuda(unaligned, {}, nullptr, nullptr), "expected rows aligned to 16 bytes");
}

TEST("card: timings") {
  need_card();
  cudaDeviceProp card_properties;
  must(cudaGetDeviceProperties(&card_properties, 0));
  for (const int64_t n : {1024, 4096, 32768}) {
    Step step(plain({n, n, 512}));
    const double product = 2.0 * static_cast<double>(n) * static_cast<double>(n) * 512;  // FLOP of one N×N×D product
    const double forward = milliseconds([&] { step.forward(); }), backward = milliseconds([&] { step.backward(false); });
    const double repeatable = milliseconds([&] { step.backward(true); });
    std::printf(
        "  %s, N %lld, D 512, bf16: forward %.3f ms, backward %.3f ms (%.0f TFLOP/s on 8 N^2 D), without atomics %.3f ms; "
        "workspace %.1f MB\n",
        card_properties.name, static_cast<long long>(n), forward, backward, 4 * product / (forward + backward) * 1e-9, repeatable,
        static_cast<double>(step.workspace.numel()) * 1e-6);
    EXPECT(step.a.isfinite().all().item<bool>() && step.b.isfinite().all().item<bool>());
  }
}

#endif
