// The soft-max contrast on the CPU: the same loops compiled for two instruction sets, of which the machine's better one runs.
#include "kernels/contrast_tiles.h"

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

#define GD_LOOPS "kernels/contrast_cpu_loops.inl"
#include "kernels/instruction_sets.inl"

template <class T>
int64_t statistics(const ContrastProblem& problem, const ContrastStatistics* out, void* workspace) {
  return GD_BETTER(statistics<T>(problem, out, workspace));
}

template <class T>
int64_t gradient(const ContrastProblem& problem, const ContrastCotangents* in, const ContrastGradients* out, void* workspace) {
  return GD_BETTER(gradient<T>(problem, in, out, workspace));
}

template <class T>
int64_t workspace_of(const ContrastProblem& problem) {
  return std::max(statistics<T>(problem, nullptr, nullptr), gradient<T>(problem, nullptr, nullptr, nullptr));
}

}  // namespace

int64_t contrast_workspace_cpu(const ContrastProblem& problem) {
  return problem.type == ElementType::f64 ? workspace_of<double>(problem) : workspace_of<float>(problem);
}

void contrast_partner_scores_cpu(const ContrastProblem& problem, void* row_own, void* column_own) {
  if (problem.type == ElementType::f64)
    GD_BETTER(partner_scores<double>(problem, row_own, column_own));
  else
    GD_BETTER(partner_scores<float>(problem, row_own, column_own));
}

void contrast_statistics_cpu(const ContrastProblem& problem, const ContrastStatistics& out, void* workspace) {
  if (problem.type == ElementType::f64)
    statistics<double>(problem, &out, workspace);
  else
    statistics<float>(problem, &out, workspace);
}

void contrast_gradient_cpu(const ContrastProblem& problem, const ContrastCotangents& in, const ContrastGradients& out,
                           void* workspace) {
  if (problem.type == ElementType::f64)
    gradient<double>(problem, &in, &out, workspace);
  else
    gradient<float>(problem, &in, &out, workspace);
}

}  // namespace gd
