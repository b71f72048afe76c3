// Two other ways to the scores of word_region: plain loops in double, and the composition of libtorch operators that a training
// program without the kernel would hold.
#pragma once

#include "kernels/word_region.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace gd {

// Lists of the real rows of a sample [L, D], double.
inline std::vector<std::vector<double>> real_rows(const Tensor& values, const Tensor& mask, int64_t sample) {
  std::vector<std::vector<double>> out;
  for (int64_t k = 0; k < values.size(1); ++k) {
    if (mask.defined() && !mask[sample][k].item<bool>()) continue;
    const Tensor row = values[sample][k].detach().to(at::kDouble).contiguous();
    out.emplace_back(row.const_data_ptr<double>(), row.const_data_ptr<double>() + row.numel());
  }
  return out;
}

inline double inner(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

inline void softmax_in_place(std::vector<double>& x) {
  const double top = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (double& value : x) sum += value = std::exp(value - top);
  for (double& value : x) value /= sum;
}

// Z [I, J] in double, straight from the formulas.
inline Tensor word_region_by_loops(const Tensor& regions, const Tensor& words, const Tensor& word_mask, const Tensor& region_mask,
                                   const WordRegionOptions& options) {
  const int64_t images = regions.size(0), texts = words.size(0);
  const Tensor out = at::zeros({images, texts}, at::kDouble);
  for (int64_t i = 0; i < images; ++i) {
    const auto v = real_rows(regions, region_mask, i);
    for (int64_t j = 0; j < texts; ++j) {
      const auto e = real_rows(words, word_mask, j);
      if (v.empty() || e.empty()) continue;
      std::vector<std::vector<double>> s(v.size());  // region by region
      for (size_t n = 0; n < v.size(); ++n)
        for (const auto& word : e) s[n].push_back(inner(word, v[n]));
      auto p = s;
      if (options.share_words)
        for (auto& row : p) softmax_in_place(row);
      std::vector<double> cosines;
      for (size_t k = 0; k < e.size(); ++k) {
        std::vector<double> a;
        for (const auto& row : p) a.push_back(options.region_scale * row[k]);
        softmax_in_place(a);
        std::vector<double> c(e[k].size(), 0.0);
        for (size_t n = 0; n < v.size(); ++n)
          for (size_t d = 0; d < c.size(); ++d) c[d] += a[n] * v[n][d];
        const auto length = [](const std::vector<double>& x) {
          return std::max(std::sqrt(inner(x, x)), word_region_least_length);
        };
        cosines.push_back(inner(e[k], c) / (length(e[k]) * length(c)));
      }
      const double count = static_cast<double>(cosines.size());
      double sum = 0;
      if (options.aggregate == WordAggregate::mean) {
        for (const double r : cosines) sum += r;
        out[i][j] = options.word_scale * sum / count;
        continue;
      }
      const double top = *std::max_element(cosines.begin(), cosines.end());
      for (const double r : cosines) sum += std::exp(options.word_scale * (r - top));
      const double z = options.word_scale * top + std::log(sum);
      out[i][j] = options.aggregate == WordAggregate::log_sum_exp ? z : z - std::log(count);
    }
  }
  return out;
}

// Z [I, J] by operators, one text at a time against all images, differentiable by their graph. Words without mask only.
inline Tensor word_region_by_operators(const Tensor& regions, const Tensor& words, const std::vector<int64_t>& lengths,
                                       const WordRegionOptions& options) {
  std::vector<Tensor> columns;
  for (int64_t j = 0; j < words.size(0); ++j) {
    const Tensor e = words[j].narrow(0, 0, lengths[static_cast<size_t>(j)]);
    const Tensor scores = at::matmul(regions, e.t());  // [I, N, K]
    const Tensor shares = options.share_words ? at::softmax(scores, 2) : scores;
    const Tensor attention = at::softmax(shares * options.region_scale, 1);
    const Tensor context = at::matmul(attention.transpose(1, 2), regions);  // [I, K, D]
    const Tensor cosine = at::cosine_similarity(e.unsqueeze(0), context, 2, word_region_least_length) * options.word_scale;
    columns.push_back(options.aggregate == WordAggregate::mean          ? cosine.mean(1)
                      : options.aggregate == WordAggregate::log_sum_exp ? at::logsumexp(cosine, 1)
                                                                        : at::logsumexp(cosine, 1) - std::log(e.size(0)));
  }
  return at::stack(columns, 1);
}

}  // namespace gd
