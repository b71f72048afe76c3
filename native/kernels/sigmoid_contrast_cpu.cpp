// The sigmoid contrast on the CPU: the same loops compiled for two instruction sets, as in contrast_cpu.cpp.
#include "kernels/sigmoid_contrast_tiles.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <type_traits>

namespace gd {
namespace {

#define GD_LOOPS "kernels/sigmoid_contrast_cpu_loops.inl"
#include "kernels/instruction_sets.inl"

int64_t run(const SigmoidContrastProblem& problem, const SigmoidContrastResult* out, void* workspace) {
  const bool twice = problem.type == ElementType::f64;
  return twice ? GD_BETTER(sums_and_gradient<double>(problem, out, workspace))
               : GD_BETTER(sums_and_gradient<float>(problem, out, workspace));
}

}  // namespace

int64_t sigmoid_contrast_workspace_cpu(const SigmoidContrastProblem& problem) { return run(problem, nullptr, nullptr); }

void sigmoid_contrast_cpu(const SigmoidContrastProblem& problem, const SigmoidContrastResult& out, void* workspace) {
  run(problem, &out, workspace);
}

}  // namespace gd
