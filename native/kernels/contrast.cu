// The soft-max contrast on a card: which kernel, how many blocks, how much shared memory. The loops are in tile_statistics.h
// and tile_gradient.h.
#include "kernels/tile_launch.h"
#include "kernels/tile_problem.h"

namespace gd {
namespace {

using namespace tile;

template <typename Type, bool Labels>
__global__ void __launch_bounds__(threads_a_block, Labels || sizeof(Type) == 4 ? 1 : 2)
    statistics_kernel(const __grid_constant__ StatisticsParameters p) {
  Block block{dynamic_shared()};
  statistics_block<Type, Labels>(block, p, static_cast<int>(blockIdx.y), static_cast<int>(blockIdx.x));
}

template <typename Type>
__global__ void __launch_bounds__(threads_a_block)
    partner_kernel(const __grid_constant__ PartnerParameters rows, const __grid_constant__ PartnerParameters columns) {
  Block block{dynamic_shared()};
  const PartnerParameters& p = blockIdx.y == 0 ? rows : columns;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * 64;
  if (p.partner && first < (p.of_rows ? p.rows.count : p.columns.count)) partner_block<Type>(block, p, first);
}

__global__ void __launch_bounds__(threads_a_block)
    combine_kernel(const __grid_constant__ Combination rows, const __grid_constant__ Combination columns) {
  const Combination& side = blockIdx.y == 0 ? rows : columns;
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < side.count) combine_sample(side, i);
}

int shared_of(const StatisticsParameters& p) {
  return p.rows.labels ? StatisticsLayout<true>(p.stages).layout.bytes : StatisticsLayout<false>(p.stages).layout.bytes;
}

template <typename Type>
void statistics(const ContrastProblem& problem, StatisticsParameters p, const ContrastStatistics& out, cudaStream_t stream) {
  // A third stage where two blocks still share a multiprocessor.
  const Device device = this_device();
  p.stages = 3;
  if (2 * (shared_of(p) + 1024) > device.shared_a_multiprocessor) p.stages = 2;

  if (problem.row_partner || problem.column_partner) {
    const PartnerParameters rows = row_partners(problem, p), columns = column_partners(problem, p);
    const int64_t most = problem.rows > problem.columns ? problem.rows : problem.columns;
    launch(partner_kernel<Type>, dim3(blocks(most, 64), 2), PartnerLayout().layout.bytes, stream, device, rows, columns);
  }
  const dim3 grid(static_cast<unsigned>(p.column_strips), static_cast<unsigned>(p.row_strips));
  if (p.rows.labels)
    launch(statistics_kernel<Type, true>, grid, shared_of(p), stream, device, p);
  else
    launch(statistics_kernel<Type, false>, grid, shared_of(p), stream, device, p);

  const Combination rows = row_combination(p, out), columns = column_combination(p, out);
  const int64_t most = problem.rows > problem.columns ? problem.rows : problem.columns;
  launch(combine_kernel, dim3(blocks(most, threads_a_block), 2), 0, stream, device, rows, columns);
}

}  // namespace

int64_t contrast_workspace_cuda(const ContrastProblem& problem) { return statistics_workspace(problem); }

void contrast_statistics_cuda(const ContrastProblem& problem, const ContrastStatistics& out, void* workspace, void* stream) {
  check_sides("contrast", problem);
  const StatisticsParameters p = statistics_parameters(problem, workspace);
  const auto on = static_cast<cudaStream_t>(stream);
  switch (problem.type) {
    case ElementType::f32: return statistics<float>(problem, p, out, on);
    case ElementType::f16: return statistics<Fp16>(problem, p, out, on);
    case ElementType::bf16: return statistics<Bf16>(problem, p, out, on);
    case ElementType::f64: break;  // refused by check_sides
  }
}

void contrast_gradient_cuda(const ContrastProblem& problem, const ContrastCotangents& in, const ContrastGradients& out,
                            void* workspace, void* stream, bool deterministic) {
  check_sides("contrast", problem);
  gradients<SoftmaxRule>("contrast", problem.type, gradient_parameters(problem, in, out), deterministic,
                         static_cast<cudaStream_t>(stream));
}

}  // namespace gd
