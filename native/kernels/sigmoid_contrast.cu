// The pairwise sigmoid contrast on a card: sums and gradients in one pass. The loop is in tile_gradient.h.
#include "kernels/tile_launch.h"
#include "kernels/tile_problem.h"

namespace gd {

using namespace tile;

int64_t sigmoid_contrast_workspace_cuda(const SigmoidContrastProblem&) { return 0; }

void sigmoid_contrast_cuda(const SigmoidContrastProblem& problem, const SigmoidContrastResult& out, void*, void* stream,
                           bool deterministic) {
  check_sides("sigmoid contrast", problem);
  gradients<SigmoidRule>("sigmoid contrast", problem.type, gradient_parameters(problem, out), deterministic,
                         static_cast<cudaStream_t>(stream));
}

}  // namespace gd
