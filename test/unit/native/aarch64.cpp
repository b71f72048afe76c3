// The loops of the contrasts for the CPU, run where the compiler's vectors are those of another machine: log-sum-exps, sums and
// gradients against plain loops in float64. No libtorch: it has no library here for that machine.
#include "kernels/contrast_tiles.h"
#include "kernels/sigmoid_contrast_tiles.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

namespace {

constexpr int64_t rows = 37, columns = 53, width = 70;

std::vector<float> wave(int64_t count, double phase) {
  std::vector<float> out;
  for (int64_t i = 0; i < count; ++i) out.push_back(static_cast<float>(std::sin(static_cast<double>(i) * 0.7 + phase)));
  return out;
}

struct Free {
  void operator()(void* at) const { std::free(at); }
};
std::unique_ptr<void, Free> workspace(int64_t bytes) {
  return std::unique_ptr<void, Free>(std::aligned_alloc(64, static_cast<size_t>((bytes + 63) / 64 * 64)));
}

bool near(const char* what, const std::vector<float>& got, const std::vector<double>& expected) {
  double error = 0, size = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double apart = std::abs(static_cast<double>(got[i]) - expected[i]);
    error = std::isnan(apart) ? INFINITY : std::max(error, apart);
    size = std::max(size, std::abs(expected[i]));
  }
  std::printf("%s: %.1e of %.1e\n", what, error, size);
  return error <= 1e-5 * size;
}

}  // namespace

int main() {
  const float scale = 0.3f, bias = -1.5f;
  const std::vector<float> a = wave(rows * width, 0), b = wave(columns * width, 1), ones(static_cast<size_t>(rows), 1);
  const auto at = [](int64_t i, int64_t j) { return static_cast<size_t>(i * columns + j); };
  std::vector<double> z(rows * columns), row_lse(rows), column_lse(columns), row_sum(rows), da(rows * width), db(columns * width),
      sigmoid_da(rows * width), sigmoid_db(columns * width);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t d = 0; d < width; ++d)
        z[at(i, j)] += static_cast<double>(scale) * static_cast<double>(a[static_cast<size_t>(i * width + d)]) *
                       static_cast<double>(b[static_cast<size_t>(j * width + d)]);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      row_lse[static_cast<size_t>(i)] += std::exp(z[at(i, j)]);
      column_lse[static_cast<size_t>(j)] += std::exp(z[at(i, j)]);
    }
  for (auto* all : {&row_lse, &column_lse})
    for (double& x : *all) x = std::log(x);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      const double x = z[at(i, j)], dz = std::exp(x - row_lse[static_cast<size_t>(i)]) - std::exp(x - column_lse[static_cast<size_t>(j)]);
      const double wrong = i == j ? -x - static_cast<double>(bias) : x + static_cast<double>(bias);
      row_sum[static_cast<size_t>(i)] += std::log1p(std::exp(wrong));
      const double slope = (i == j ? -1 : 1) / (1 + std::exp(-wrong));
      for (int64_t d = 0; d < width; ++d) {
        const auto of_a = static_cast<size_t>(i * width + d), of_b = static_cast<size_t>(j * width + d);
        const double to_a = static_cast<double>(scale) * static_cast<double>(b[of_b]), to_b = static_cast<double>(scale) * static_cast<double>(a[of_a]);
        da[of_a] += dz * to_a;
        db[of_b] += dz * to_b;
        sigmoid_da[of_a] += slope * to_a;
        sigmoid_db[of_b] += slope * to_b;
      }
    }

  const auto floats = [](int64_t count) { return std::vector<float>(static_cast<size_t>(count), NAN); };
  gd::ContrastProblem p;
  p.rows = rows, p.columns = columns, p.width = width, p.a_stride = p.b_stride = width;
  p.a = a.data(), p.b = b.data(), p.scale = &scale;
  std::vector<float> lse = floats(rows), other_lse = floats(columns), rest = floats(rows), other_rest = floats(columns);
  const auto space = workspace(gd::contrast_workspace_cpu(p));
  gd::ContrastStatistics sums;
  sums.row_lse = lse.data(), sums.column_lse = other_lse.data(), sums.row_lse_rest = rest.data(), sums.column_lse_rest = other_rest.data();
  gd::contrast_statistics_cpu(p, sums, space.get());
  const std::vector<float> minus(static_cast<size_t>(columns), -1);
  gd::ContrastCotangents in;
  in.row_lse = lse.data(), in.column_lse = other_lse.data(), in.row_gradient = ones.data(), in.column_gradient = minus.data();
  std::vector<float> got_a = floats(rows * width), got_b = floats(columns * width), got_scale = floats(rows);
  gd::contrast_gradient_cpu(p, in, {got_a.data(), got_b.data(), got_scale.data()}, space.get());
  bool right = near("log-sum-exps of rows", lse, row_lse) && near("of columns", other_lse, column_lse) &&
               near("gradient of rows", got_a, da) && near("of columns", got_b, db);

  std::vector<int64_t> partner;
  for (int64_t i = 0; i < rows; ++i) partner.push_back(i);
  gd::SigmoidContrastProblem s;
  s.rows = rows, s.columns = columns, s.width = width, s.a_stride = s.b_stride = width;
  s.a = a.data(), s.b = b.data(), s.scale = &scale, s.bias = &bias, s.weight = ones.data(), s.row_partner = partner.data();
  std::vector<float> sum = floats(rows), of_bias = floats(rows);
  std::vector<int32_t> rank(static_cast<size_t>(rows));
  const auto more = workspace(gd::sigmoid_contrast_workspace_cpu(s));
  gd::sigmoid_contrast_cpu(s, {sum.data(), rank.data(), got_a.data(), got_b.data(), got_scale.data(), of_bias.data()}, more.get());
  right = near("sums of the sigmoid contrast", sum, row_sum) && near("gradient of rows", got_a, sigmoid_da) &&
          near("of columns", got_b, sigmoid_db) && right;
  return right ? 0 : 1;
}
