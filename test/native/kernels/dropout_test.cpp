#include "kernels/dropout.h"

#include "kernels/dropout_mask.h"
#include "laws/gradients.h"
#include "test.h"

#include <ATen/ATen.h>

using namespace gd;

namespace {

Pass training(uint64_t seed = 7) {
  Pass pass;
  pass.training = true;
  pass.seed = seed;
  return pass;
}

// Which elements live: 1 or 0.
Tensor alive(at::IntArrayRef shape, double p, Pass pass, at::ScalarType type = at::kFloat) {
  return dropout(at::ones(shape, type), p, pass).ne(0);
}

// Correlation of two masks of probability p.
double correlation(const Tensor& a, const Tensor& b) {
  const Tensor x = a.to(at::kDouble) - a.to(at::kDouble).mean(), y = b.to(at::kDouble) - b.to(at::kDouble).mean();
  return ((x * y).mean() / (x.pow(2).mean() * y.pow(2).mean()).sqrt()).item<double>();
}

}  // namespace

TEST("dropout: identity outside training and for p = 0, without taking a site") {
  Pass evaluation, pass = training();
  const Tensor x = at::randn({4, 5});
  EXPECT(dropout(x, 0.5, evaluation).is_same(x));
  EXPECT(dropout(x, 0, pass).is_same(x));
  EXPECT(drop_path(x, 0.5, evaluation).is_same(x));
  EXPECT(evaluation.site == 0 && pass.site == 0);
  EXPECT_THROWS(dropout(x, 1.0, pass), "expected a probability of at least 0 and below 1");
  EXPECT_THROWS(dropout(x, -0.1, pass), "expected a probability");
  EXPECT_THROWS(dropout(at::ones({2}, at::kLong), 0.5, pass), "expected floating numbers");
}

TEST("dropout: the share of survivors and their scale keep the mean") {
  for (const double p : {0.1, 0.25, 0.5, 0.9}) {
    Pass pass = training();
    const int64_t rows = 64, width = 5000;
    const Tensor y = dropout(at::ones({rows, width}, at::kDouble), p, pass);
    EXPECT(pass.site == 1);
    EXPECT(y.eq(0).logical_or(y.eq(1 / (1 - p))).all().item<bool>());
    // Five standard deviations of the share of survivors
    const double deviation = std::sqrt(p * (1 - p) / static_cast<double>(rows * width));
    EXPECT(std::abs(y.ne(0).to(at::kDouble).mean().item<double>() - (1 - p)) < 5 * deviation);
    // and the survivors of a row, and of a place, vary as independent draws do.
    const auto spread = [](const Tensor& counts, double n, double q) {
      return (counts.to(at::kDouble).var().item<double>()) / (n * q * (1 - q));
    };
    EXPECT(std::abs(spread(y.ne(0).sum(1), width, p) - 1) < 5 * std::sqrt(2.0 / rows));
    EXPECT(std::abs(spread(y.ne(0).sum(0), rows, p) - 1) < 5 * std::sqrt(2.0 / width));
  }
}

TEST("dropout: rows, sites, seeds and neighbours are uncorrelated") {
  const int64_t n = 1 << 16;
  const double bound = 5 / std::sqrt(static_cast<double>(n));
  Pass pass = training();
  const Tensor mask = dropout(at::ones({3, n}), 0.5, pass).ne(0);
  const Tensor second = dropout(at::ones({3, n}), 0.5, pass).ne(0);  // the next site
  EXPECT(pass.site == 2);
  EXPECT(std::abs(correlation(mask[0], mask[1])) < bound);
  EXPECT(std::abs(correlation(mask[1], mask[2])) < bound);
  EXPECT(std::abs(correlation(mask[0], second[0])) < bound);
  EXPECT(std::abs(correlation(mask[0], alive({1, n}, 0.5, training(8))[0])) < bound);
  for (const int64_t lag : {1, 2, 3, 64, 768, 1024})
    EXPECT(std::abs(correlation(mask[0].slice(0, lag), mask[0].slice(0, 0, n - lag))) < bound);
}

TEST("dropout: the same in one batch as in chunks, for any number of threads and any type") {
  const Tensor x = at::randn({7, 3, 5000});
  Pass whole_pass = training();
  const Tensor whole = dropout(x, 0.3, whole_pass);
  std::vector<Tensor> pieces;
  for (const auto& [from, to] : {std::pair(0, 1), std::pair(1, 5), std::pair(5, 7)}) {
    Pass pass = training();
    pass.first_row = from;
    pieces.push_back(dropout(x.slice(0, from, to), 0.3, pass));
  }
  EXPECT(at::equal(whole, at::cat(pieces)));
  const int threads = at::get_num_threads();
  for (const int n : {1, 3}) {
    at::set_num_threads(n);
    Pass pass = training();
    EXPECT(at::equal(whole, dropout(x, 0.3, pass)));
  }
  at::set_num_threads(threads);
  for (const auto type : {at::kDouble, at::kHalf, at::kBFloat16})
    EXPECT(at::equal(alive({4, 999}, 0.3, training()), alive({4, 999}, 0.3, training(), type)));
  // A transposed tensor is masked by its places, not by its memory.
  Pass pass = training();
  EXPECT(at::equal(whole, dropout(x.transpose(1, 2).contiguous().transpose(1, 2), 0.3, pass)));
}

// Runs are resumed by later versions and checked on cards against the CPU: the bits are part of the face.
TEST("dropout: the random bits stay what they are") {
  const RowKey row = row_key(0x0123456789ABCDEFull, 5);
  std::string bits;
  for (uint32_t i = 0; i < 4; ++i) bits += c10::str(dropout_bits(row, i, 0), " ");
  EXPECT(bits == "316831624 3254211253 857398660 3811052094 ");
  EXPECT(dropout_bits(row, 0, 0) != dropout_bits(row, 0, 1));
  EXPECT(row_key(1, 0).first != row_key(1, int64_t{1} << 32).first);
}

TEST("dropout: its gradient is the mask, in float64 against differences") {
  Tensor x = at::randn({3, 8}, at::kDouble).set_requires_grad(true);
  check_gradients("dropout", {x}, [&] {
    Pass pass = training();
    return dropout(x, 0.4, pass).pow(2).sum();
  });
  check_gradients("drop_path", {x}, [&] {
    Pass pass = training();
    return drop_path(x, 0.4, pass).pow(2).sum();
  });
}

TEST("drop_path: a sample lives or dies as a whole") {
  Pass pass = training();
  const Tensor y = drop_path(at::ones({4000, 2, 3}, at::kDouble), 0.2, pass).flatten(1);
  EXPECT(pass.site == 1);
  EXPECT(y.eq(y.select(1, 0).unsqueeze(1)).all().item<bool>());
  EXPECT(y.eq(0).logical_or(y.eq(1.25)).all().item<bool>());
  EXPECT_CLOSE(y.mean().item<double>(), 1.0, 5 * std::sqrt(0.2 * 0.8 / 4000) / 0.8);
}
