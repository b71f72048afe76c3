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

// Of two lists of pairs.
template <typename Type>
__global__ void __launch_bounds__(threads_a_block)
    partner_kernel(const __grid_constant__ PartnerParameters one, const __grid_constant__ PartnerParameters other) {
  Block block{dynamic_shared()};
  const PartnerParameters& p = blockIdx.y == 0 ? one : other;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * 64;
  if (first < p.count) partner_block<Type>(block, p, first);
}

__global__ void __launch_bounds__(threads_a_block)
    combine_kernel(const __grid_constant__ Combination rows, const __grid_constant__ Combination columns) {
  const Combination& side = blockIdx.y == 0 ? rows : columns;
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < side.count) combine_sample(side, i);
}

int shared_of(const StatisticsParameters& p) {
  return p.second() ? StatisticsLayout<true>(p.stages).layout.bytes : StatisticsLayout<false>(p.stages).layout.bytes;
}

template <typename Type>
void pair_scores(const PartnerParameters& one, const PartnerParameters& other, const Device& device, cudaStream_t stream) {
  const int64_t most = one.count > other.count ? one.count : other.count;
  if (most > 0) launch(partner_kernel<Type>, dim3(blocks(most, 64), 2), PartnerLayout().layout.bytes, stream, device, one, other);
}

template <typename Type>
void statistics(const ContrastProblem& problem, StatisticsParameters p, const ContrastStatistics& out, cudaStream_t stream) {
  // A third stage where two blocks still share a multiprocessor.
  const Device device = this_device();
  p.stages = 3;
  if (2 * (shared_of(p) + 1024) > device.shared_a_multiprocessor) p.stages = 2;

  const dim3 grid(static_cast<unsigned>(p.column_strips), static_cast<unsigned>(p.row_strips));
  if (p.second())
    launch(statistics_kernel<Type, true>, grid, shared_of(p), stream, device, p);
  else
    launch(statistics_kernel<Type, false>, grid, shared_of(p), stream, device, p);

  const Combination rows = row_combination(p, out), columns = column_combination(p, out);
  const int64_t most = problem.rows > problem.columns ? problem.rows : problem.columns;
  launch(combine_kernel, dim3(blocks(most, threads_a_block), 2), 0, stream, device, rows, columns);
  pair_scores<Type>(list_parameters(problem, out.pair_score), {}, device, stream);
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

void contrast_partner_scores_cuda(const ContrastProblem& problem, void* row_own, void* column_own, void* stream) {
  check_sides("contrast", problem);
  const PartnerParameters rows = partner_parameters(problem, true, row_own),
                          columns = partner_parameters(problem, false, column_own);
  const auto on = static_cast<cudaStream_t>(stream);
  switch (problem.type) {
    case ElementType::f32: return pair_scores<float>(rows, columns, this_device(), on);
    case ElementType::f16: return pair_scores<Fp16>(rows, columns, this_device(), on);
    case ElementType::bf16: return pair_scores<Bf16>(rows, columns, this_device(), on);
    case ElementType::f64: break;  // refused by check_sides
  }
}

void contrast_gradient_cuda(const ContrastProblem& problem, const ContrastCotangents& in, const ContrastGradients& out,
                            void* workspace, void* stream, bool deterministic) {
  check_sides("contrast", problem);
  const GradientParameters p = gradient_parameters(problem, in, out);
  const auto on = static_cast<cudaStream_t>(stream);
  if (takes_lists(problem))
    gradients<ListedSoftmaxRule>("contrast", problem.type, p, deterministic, on);
  else
    gradients<SoftmaxRule>("contrast", problem.type, p, deterministic, on);
}

}  // namespace gd
