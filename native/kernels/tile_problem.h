// From the raw problems to the parameters of their blocks of tiles: the host side that needs no CUDA header, so that the tests
// of the tiles on a CPU take the same way.
#pragma once

#include "kernels/contrast_tiles.h"
#include "kernels/sigmoid_contrast_tiles.h"
#include "kernels/tile_gradient.h"
#include "kernels/tile_partner.h"
#include "kernels/tile_statistics.h"

#include <limits>

namespace gd::tile {

inline int size_of(ElementType type) { return type == ElementType::f64 ? 8 : type == ElementType::f32 ? 4 : 2; }

// Takes arrays one after the other, each aligned to 256 bytes; with a null start it only counts.
struct Workspace {
  char* start;
  int64_t bytes = 0;
  template <typename T>
  T* take(int64_t count) {
    T* const at = start ? reinterpret_cast<T*>(start + bytes) : nullptr;
    bytes += (count * static_cast<int64_t>(sizeof(T)) + 255) / 256 * 256;
    return at;
  }
};

inline Side side_of(const void* matrix, int64_t stride, ElementType type, int64_t count, const uint8_t* there,
                    const void* labels) {
  return {matrix, stride * size_of(type), count, there, static_cast<const float*>(labels)};
}

struct Strips {
  int tiles, count;
};
inline Strips strips_of(int64_t samples) {
  const int64_t tiles = (samples + statistics_tile - 1) / statistics_tile, a_strip = (tiles + most_strips - 1) / most_strips;
  return {static_cast<int>(a_strip), static_cast<int>((tiles + a_strip - 1) / a_strip)};
}

inline Partials partials_of(Workspace& workspace, int64_t samples, int strips, bool labels, const void* threshold) {
  Partials partials;
  const int64_t count = samples * strips;
  partials.top = workspace.take<float>(count);
  partials.sum = workspace.take<float>(count);
  if (labels) {
    partials.label_top = workspace.take<float>(count);
    partials.label_sum = workspace.take<float>(count);
    partials.label_weighted = workspace.take<float>(count);
  }
  if (threshold) {
    partials.larger = workspace.take<int32_t>(count);
    partials.threshold = static_cast<const float*>(threshold);
  }
  return partials;
}

// Lays the partial sums into the workspace.
inline StatisticsParameters statistics_parameters(const ContrastProblem& problem, void* start, int64_t* bytes = nullptr) {
  Workspace workspace{static_cast<char*>(start)};
  StatisticsParameters p;
  p.rows = side_of(problem.a, problem.a_stride, problem.type, problem.rows, problem.row_there, problem.row_labels);
  p.columns = side_of(problem.b, problem.b_stride, problem.type, problem.columns, problem.column_there, problem.column_labels);
  p.width_bytes = static_cast<int>(problem.width) * size_of(problem.type);
  p.scale = static_cast<const float*>(problem.scale);
  p.scale_by_row = problem.scale_by_row;
  p.excluded = {problem.excluded_offsets, problem.excluded_columns, nullptr};
  p.label_width = static_cast<int>(problem.label_width);
  p.label_scale = static_cast<float>(problem.label_scale);
  p.hardness = static_cast<float>(problem.hardness);
  const Strips rows = strips_of(problem.rows), columns = strips_of(problem.columns);
  p.row_tiles = rows.tiles;
  p.row_strips = rows.count;
  p.column_tiles = columns.tiles;
  p.column_strips = columns.count;
  p.row_partials = partials_of(workspace, problem.rows, columns.count, p.second(), problem.row_threshold);
  p.column_partials = partials_of(workspace, problem.columns, rows.count, p.second(), problem.column_threshold);
  if (bytes) *bytes = workspace.bytes;
  return p;
}

inline int64_t statistics_workspace(const ContrastProblem& problem) {
  int64_t bytes = 0;
  statistics_parameters(problem, nullptr, &bytes);
  return bytes;
}

inline PartnerParameters pair_parameters(const ContrastProblem& problem, void* score) {
  PartnerParameters p;
  p.rows = side_of(problem.a, problem.a_stride, problem.type, problem.rows, problem.row_there, nullptr);
  p.columns = side_of(problem.b, problem.b_stride, problem.type, problem.columns, problem.column_there, nullptr);
  p.width_bytes = static_cast<int>(problem.width) * size_of(problem.type);
  p.scale = static_cast<const float*>(problem.scale);
  p.scale_by_row = problem.scale_by_row;
  p.score = static_cast<float*>(score);
  return p;
}

// One side's partners.
inline PartnerParameters partner_parameters(const ContrastProblem& problem, bool of_rows, void* score) {
  PartnerParameters p = pair_parameters(problem, score);
  p.partner = of_rows ? problem.row_partner : problem.column_partner;
  p.of_rows = of_rows;
  p.count = !p.partner ? 0 : of_rows ? problem.rows : problem.columns;
  p.none = std::numeric_limits<float>::quiet_NaN();
  return p;
}

// The listed pairs.
inline PartnerParameters list_parameters(const ContrastProblem& problem, void* score) {
  PartnerParameters p = pair_parameters(problem, score);
  p.list = {problem.pair_offsets, problem.pair_columns, nullptr};
  p.count = problem.pair_offsets ? problem.pair_count : 0;
  return p;
}

inline Combination row_combination(const StatisticsParameters& p, const ContrastStatistics& out) {
  const auto floats = [](void* x) { return static_cast<float*>(x); };
  return {p.row_partials,
          p.column_strips,
          p.rows.count,
          {floats(out.row_lse), floats(out.row_lse_rest), floats(out.row_target), floats(out.row_label_lse), out.row_rank}};
}
inline Combination column_combination(const StatisticsParameters& p, const ContrastStatistics& out) {
  const auto floats = [](void* x) { return static_cast<float*>(x); };
  return {p.column_partials,
          p.row_strips,
          p.columns.count,
          {floats(out.column_lse), floats(out.column_lse_rest), floats(out.column_target), floats(out.column_label_lse),
           out.column_rank}};
}

// The first pass of the gradient, with both sides' outputs; the second one of the form without atomics is turned(this).
inline GradientParameters gradient_parameters(const ContrastProblem& problem, const ContrastCotangents& in,
                                              const ContrastGradients& out) {
  GradientParameters p;
  p.own = side_of(problem.a, problem.a_stride, problem.type, problem.rows, problem.row_there, problem.row_labels);
  p.other = side_of(problem.b, problem.b_stride, problem.type, problem.columns, problem.column_there, problem.column_labels);
  const auto floats = [](const void* x) { return static_cast<const float*>(x); };
  p.own_samples.scale = floats(problem.scale);
  p.own_samples.one_scale = !problem.scale_by_row;
  p.own_samples.lse = floats(in.row_lse);
  p.own_samples.lse_rest = floats(in.row_lse_rest);
  p.own_samples.gradient = floats(in.row_gradient);
  p.own_samples.label_lse = floats(in.row_label_lse);
  p.own_samples.target_gradient = floats(in.row_target_gradient);
  p.own_samples.partner_gradient = floats(in.row_own_gradient);
  p.own_samples.partner = problem.row_partner;
  p.other_samples.lse = floats(in.column_lse);
  p.other_samples.lse_rest = floats(in.column_lse_rest);
  p.other_samples.gradient = floats(in.column_gradient);
  p.other_samples.label_lse = floats(in.column_label_lse);
  p.other_samples.target_gradient = floats(in.column_target_gradient);
  p.other_samples.partner_gradient = floats(in.column_own_gradient);
  p.other_samples.partner = problem.column_partner;
  p.width = static_cast<int>(problem.width);
  p.label_width = static_cast<int>(problem.label_width);
  p.label_scale = static_cast<float>(problem.label_scale);
  p.hardness = static_cast<float>(problem.hardness);
  p.excluded = {problem.excluded_offsets, problem.excluded_columns, nullptr};
  p.positive = {problem.pair_offsets, problem.pair_columns, nullptr};
  p.pair_gradient = floats(in.pair_gradient);
  p.own_gradient = static_cast<float*>(out.a);
  p.other_gradient = static_cast<float*>(out.b);
  p.sums.scale = static_cast<float*>(out.scale);
  return p;
}

inline GradientParameters gradient_parameters(const SigmoidContrastProblem& problem, const SigmoidContrastResult& out) {
  const auto floats = [](const void* x) { return static_cast<const float*>(x); };
  GradientParameters p;
  p.own = side_of(problem.a, problem.a_stride, problem.type, problem.rows, problem.row_there, problem.row_labels);
  p.other = side_of(problem.b, problem.b_stride, problem.type, problem.columns, problem.column_there, problem.column_labels);
  p.own_samples.scale = floats(problem.scale);
  p.own_samples.one_scale = !problem.scale_by_row;
  p.own_samples.gradient = floats(problem.weight);
  p.bias_at = floats(problem.bias);
  p.width = static_cast<int>(problem.width);
  p.label_width = static_cast<int>(problem.label_width);
  p.positive_labels = problem.row_labels;
  p.excluded = {problem.excluded_offsets, problem.excluded_columns, nullptr};
  p.positive = {problem.positive_offsets, problem.positive_columns, problem.row_partner};
  p.rank_partner = problem.row_partner;
  p.own_gradient = static_cast<float*>(out.a);
  p.other_gradient = static_cast<float*>(out.b);
  p.sums.scale = static_cast<float*>(out.scale);
  p.sums.slope = static_cast<float*>(out.bias);
  p.sums.value = static_cast<float*>(out.row_sum);
  p.sums.rank = out.row_rank;
  return p;
}

// Whether the gradient takes the rule with lists.
inline bool takes_lists(const ContrastProblem& problem) {
  return problem.pair_offsets || problem.hardness > 0 ||
         (problem.excluded_offsets && (problem.row_partner || problem.column_partner));
}

// Which tiles: as large as fit the registers and the shared memory. f<T, N>() with T samples a side and at most N fragments
// a warp: 64 up to width 512 of a half type with 160 KB (256 with lists), else 32 or 16.
template <typename Type, bool Lists, typename F>
void with_tile(const GradientParameters& p, int shared_a_block, F f) {
  constexpr int most =
      sizeof(Type) == 2 && !Lists ? 512 : 256;  // widths for which a warp's part of the gradient fits its registers
  if (p.width <= most && GradientLayout<Type, 64>(p).layout.bytes <= shared_a_block)
    return f.template operator()<64, most / 32>();
  if (p.width <= 2 * most && GradientLayout<Type, 32>(p).layout.bytes <= shared_a_block)
    return f.template operator()<32, most / 32>();
  f.template operator()<16, 16>();
}

}  // namespace gd::tile
