#include "kernels/contrast.h"

#include "kernels/contrast_reference.h"
#include "kernels/contrast_tiles.h"
#include "laws/gradients.h"
#include "test.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

using namespace gd;

namespace {

at::Generator generator(uint64_t seed) { return at::detail::createCPUGenerator(seed); }
Tensor normal(at::IntArrayRef shape, uint64_t seed) { return at::randn(shape, generator(seed), at::TensorOptions(at::kDouble)); }
Tensor unit(const Tensor& x) { return x / x.norm(2, 1, true).clamp_min(1e-12); }

struct Case {
  std::string name;
  Tensor a, b, scale;  // float64
  ContrastPlan plan;
};

Tensor places(int64_t count, int64_t limit) { return at::arange(count).remainder(limit); }

// The pairs (i, j) of which `holds` says so, by rows.
template <class Holds>
void list_pairs(int64_t n, int64_t m, Tensor& offsets, Tensor& columns, const Holds& holds) {
  std::vector<int64_t> ends{0};
  std::vector<int> list;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < m; ++j)
      if (holds(i, j)) list.push_back(static_cast<int>(j));
    ends.push_back(static_cast<int64_t>(list.size()));
  }
  offsets = at::tensor(ends, at::kLong);
  columns = at::tensor(list, at::kInt);
}

enum class Second { labels, hardness };

// Masks, excluded and listed pairs, labels or a hardness, partners (some without one) and a scale for each row.
void everything(Case& made, Second second = Second::labels) {
  const int64_t n = made.a.size(0), m = made.b.size(0);
  ContrastPlan& plan = made.plan;
  plan.row_there = at::arange(n).remainder(5) != 3;
  plan.column_there = at::arange(m).remainder(7) != 2;
  list_pairs(n, m, plan.excluded_offsets, plan.excluded_columns,
             [](int64_t i, int64_t j) { return (i * 31 + j * 17) % 11 == 0 || i == 1; });  // the second row is alone
  // Some of them excluded, some the partner's pair, many in one row
  list_pairs(n, m, plan.pair_offsets, plan.pair_columns,
             [](int64_t i, int64_t j) { return i == j || (i * 13 + j * 29) % 23 == 0 || (i == 2 && j % 2 == 0); });
  if (second == Second::hardness) {
    plan.hardness = 0.4;
  } else {
    plan.row_labels = (normal({n, 5}, 11) > 0).to(at::kDouble);
    plan.column_labels = (normal({m, 5}, 12) > 0).to(at::kDouble);
    plan.label_temperature = 0.5;
  }
  plan.row_partner = at::where(places(n, 4) == 1, at::full({n}, -1, at::kLong), places(n, m));
  plan.column_partner = places(m, n);
  made.scale = normal({n}, 13).abs() * 5 + 1;
}

Case random_case(int64_t n, int64_t m, int64_t width, double scale) {
  Case out{c10::str("random ", n, "×", m, "×", width),
           unit(normal({n, width}, 1)),
           unit(normal({m, width}, 2)),
           at::scalar_tensor(scale, at::kDouble),
           {}};
  out.plan.row_partner = places(n, m);
  out.plan.column_partner = places(m, n);
  return out;
}

// Gradients of the outputs: those of a mean loss, unequal.
ContrastPull pull_of(const Case& made) {
  const int64_t n = made.a.size(0), m = made.b.size(0);
  const auto weights = [](int64_t count, uint64_t seed) {
    return (normal({count}, seed).abs() + 0.5) / static_cast<double>(count);
  };
  ContrastPull out;
  out.row_lse = weights(n, 21);
  out.column_lse = weights(m, 22);
  if (made.plan.row_partner.defined()) out.row_own = -out.row_lse;
  if (made.plan.column_partner.defined()) out.column_own = -out.column_lse;
  if (made.plan.row_labels.defined()) {
    out.row_target = weights(n, 23);
    out.column_target = weights(m, 24);
  }
  if (made.plan.hardness > 0) {
    out.row_hard_lse = weights(n, 25);
    out.column_hard_lse = -weights(m, 26);
  }
  if (made.plan.pair_columns.defined())
    out.pair_score = -weights(made.plan.pair_columns.size(0), 27) *
                     (static_cast<double>(made.plan.pair_columns.size(0)) / static_cast<double>(n * 3));
  return out;
}

struct Run {
  Contrast out;
  Tensor a, b, scale;  // gradients
};

Tensor as(const Tensor& x, at::ScalarType type) { return x.defined() && at::isFloatingType(x.scalar_type()) ? x.to(type) : x; }

// Without other ranks.
Contrast alone(const Tensor& a, const Tensor& b, const Tensor& scale, const ContrastPlan& plan) {
  return contrast(a, b, scale, plan);
}

template <class How>
Run run(const Case& made, at::ScalarType type, const How& how) {
  const auto leaf = [&](const Tensor& x) { return x.to(type).clone().set_requires_grad(true); };
  const Tensor a = leaf(made.a), b = leaf(made.b), scale = leaf(made.scale);
  ContrastPlan plan = made.plan;
  plan.row_labels = as(plan.row_labels, type);
  plan.column_labels = as(plan.column_labels, type);
  Run found;
  found.out = how(a, b, scale, plan);
  const ContrastPull pull = pull_of(made);
  Tensor total = at::zeros({}, at::kDouble);
  const auto weigh = [&](const Tensor& x, const Tensor& weight) {
    if (x.defined()) total = total + (x * weight.to(x.scalar_type())).sum();
  };
  weigh(found.out.row_lse, pull.row_lse);
  weigh(found.out.column_lse, pull.column_lse);
  weigh(found.out.row_own, pull.row_own);
  weigh(found.out.column_own, pull.column_own);
  weigh(found.out.row_target, pull.row_target);
  weigh(found.out.column_target, pull.column_target);
  weigh(found.out.row_hard_lse, pull.row_hard_lse);
  weigh(found.out.column_hard_lse, pull.column_hard_lse);
  weigh(found.out.pair_score, pull.pair_score);
  total.backward();
  found.a = a.grad();
  found.b = b.grad();
  found.scale = scale.grad();
  return found;
}

double largest_error(const Tensor& x, const Tensor& reference) {
  return (x.detach().to(at::kDouble) - reference).abs().max().item<double>();
}

// Our largest error against float64 is at most twice that of the composition in the same type. A rounding of the largest number
// is allowed on top: the composition is exact by chance where sums have one term.
void expect_as_good(const std::string& what, const Tensor& ours, const Tensor& composed, const Tensor& reference) {
  if (!reference.defined()) return;
  const double mine = largest_error(ours, reference), theirs = largest_error(composed, reference);
  const double rounding = 1.2e-7 * reference.abs().max().item<double>() + 1e-9;
  if (mine <= 2 * theirs + rounding) return;
  native_test::fail(__FILE__, __LINE__,
                    c10::str(what, ": expected an error of at most twice ", theirs, " but got ", mine, " where numbers reach ",
                             reference.abs().max().item<double>()));
}

Tensor finite(const Tensor& x) { return x.masked_fill(x == -std::numeric_limits<double>::infinity(), 0); }

void check(const Case& made) {
  // The reference sees what float32 sees.
  Case seen = made;
  for (Tensor* x : {&seen.a, &seen.b, &seen.scale}) *x = x->to(at::kFloat).to(at::kDouble);
  ContrastReference reference = contrast_reference(seen.a, seen.b, seen.scale, seen.plan, pull_of(made));
  const ContrastSums& sums = reference.sums;
  if (made.scale.dim() == 0) reference.gradient.scale = reference.gradient.scale.sum();
  const Run ours = run(seen, at::kFloat, alone), composed = run(seen, at::kFloat, contrast_composed);
  const auto both = [&](const char* name, const Tensor Contrast::*member) {
    if ((sums.*member).defined())
      expect_as_good(made.name + " " + name, ours.out.*member, composed.out.*member, finite(sums.*member));
  };
  both("row_lse", &Contrast::row_lse);
  both("column_lse", &Contrast::column_lse);
  both("row_own", &Contrast::row_own);
  both("column_own", &Contrast::column_own);
  both("row_target", &Contrast::row_target);
  both("column_target", &Contrast::column_target);
  both("row_hard_lse", &Contrast::row_hard_lse);
  both("column_hard_lse", &Contrast::column_hard_lse);
  both("pair_score", &Contrast::pair_score);
  expect_as_good(made.name + " gradient of a", ours.a, composed.a, reference.gradient.a);
  expect_as_good(made.name + " gradient of b", ours.b, composed.b, reference.gradient.b);
  expect_as_good(made.name + " gradient of scale", ours.scale, composed.scale, reference.gradient.scale);
  // Cross-entropy against the partner, where scores of 100 meet a loss near 0
  if (made.plan.row_partner.defined()) {
    const Tensor there = ours.out.row_rank > 0;
    const Tensor exact = at::where(there, finite(sums.row_lse) - sums.row_own, 0.0);
    const Tensor loss = at::where(there, (ours.out.row_lse - ours.out.row_own) + ours.out.row_lse_rest, 0.0);
    const Tensor theirs = at::where(there, composed.out.row_lse - composed.out.row_own, 0.0);
    expect_as_good(made.name + " loss", loss, theirs, exact);
  }
  // Everything once more in float64
  const Run twice = run(seen, at::kDouble, alone);
  EXPECT(at::allclose(twice.out.row_lse, finite(sums.row_lse), 1e-12, 1e-12));
  EXPECT(at::allclose(twice.out.column_lse, finite(sums.column_lse), 1e-12, 1e-12));
  EXPECT(at::allclose(twice.a, reference.gradient.a, 1e-10, 1e-13));
  EXPECT(at::allclose(twice.b, reference.gradient.b, 1e-10, 1e-13));
  EXPECT(at::allclose(twice.scale, reference.gradient.scale, 1e-9, 1e-12));
  if (made.plan.row_labels.defined()) {
    EXPECT(at::allclose(twice.out.row_target, sums.row_target, 1e-11, 1e-12));
    EXPECT(at::allclose(twice.out.column_target, sums.column_target, 1e-11, 1e-12));
  }
  if (made.plan.hardness > 0) {
    EXPECT(at::allclose(twice.out.row_hard_lse, finite(sums.row_hard_lse), 1e-12, 1e-12));
    EXPECT(at::allclose(twice.out.column_hard_lse, finite(sums.column_hard_lse), 1e-12, 1e-12));
  }
  if (made.plan.pair_offsets.defined()) EXPECT(at::allclose(twice.out.pair_score, sums.pair_score, 1e-12, 1e-12));
}

}  // namespace

TEST("contrast: against float64, random, of all sizes") {
  for (const auto& [n, m, width] : {std::tuple(1, 1, 64),
                                    {2, 2, 64},
                                    {3, 3, 128},
                                    {3, 7, 1},
                                    {9, 2, 30},
                                    {127, 127, 64},
                                    {127, 127, 1024},
                                    {64, 200, 192},
                                    {300, 65, 512},
                                    {33, 1030, 48},
                                    {1100, 40, 65}})
    check(random_case(n, m, width, 14));
}

TEST("contrast: against float64 with 4097 samples") { check(random_case(4097, 129, 64, 30)); }

TEST("contrast: against float64 at the extremes") {
  const int64_t n = 127, width = 64;
  Case made = random_case(n, n, width, 20);
  made.name = "all equal";
  made.a = made.b = unit(at::ones({n, width}, at::kDouble));
  check(made);
  made.name = "one-hot";
  made.scale = at::scalar_tensor(100.0, at::kDouble);
  made.a = made.b = at::eye(n, at::kDouble);
  check(made);
  made.name = "±100";
  made.a = unit(at::ones({n, width}, at::kDouble)) * (places(n, 2) * 2 - 1).unsqueeze(1);
  made.b = unit(at::ones({n, width}, at::kDouble)) * (places(n, 3).clamp_max(1) * 2 - 1).unsqueeze(1);
  check(made);
  made.name = "random, scale 100";
  made.a = unit(normal({n, width}, 3));
  made.b = unit(made.a + 0.05 * normal({n, width}, 4));
  check(made);
  made.name = "duplicates";
  made.b = made.a = unit(normal({n, width}, 5)).index_select(0, places(n, 10));
  check(made);
}

TEST("contrast: against float64 with masks, excluded and listed pairs, labels or a hardness, partners and a scale for each row") {
  for (const Second second : {Second::labels, Second::hardness})
    for (const auto& [n, m, width] : {std::tuple(3, 3, 8), {40, 61, 32}, {130, 70, 64}, {20, 1600, 16}}) {
      Case made = random_case(n, m, width, 1);
      made.name = c10::str("everything ", n, "×", m, second == Second::hardness ? ", hardness" : ", labels");
      everything(made, second);
      check(made);
    }
}

TEST("contrast: against float64 with every width in steps of 64") {
  for (int64_t width = 64; width <= 1024; width += 64) check(random_case(37, 53, width, 14));
}

TEST("contrast: a partner's cross-entropy as a listed pair has the partner's gradient") {
  const int64_t n = 127;
  Case made = random_case(n, n, 64, 100);
  made.b = unit(made.a + 0.05 * normal({n, 64}, 4));
  const Run partners = run(made, at::kFloat, [&](const Tensor& a, const Tensor& b, const Tensor& scale, const ContrastPlan&) {
    ContrastPlan plan;
    plan.row_partner = at::arange(n);
    Contrast out = contrast(a, b, scale, plan);
    return out;
  });
  const Run listed = run(made, at::kFloat, [&](const Tensor& a, const Tensor& b, const Tensor& scale, const ContrastPlan&) {
    ContrastPlan plan;
    plan.pair_offsets = at::arange(n + 1);
    plan.pair_columns = at::arange(n, at::kInt);
    Contrast out = contrast(a, b, scale, plan);
    out.row_own = out.pair_score;
    out.pair_score = Tensor();
    return out;
  });
  EXPECT(at::equal(partners.out.row_own, listed.out.row_own));
  EXPECT(at::equal(partners.a, listed.a));
  EXPECT(at::equal(partners.b, listed.b));
}

TEST("contrast: ranks count the candidates above, ties are not above") {
  for (const bool masked : {false, true}) {
    Case made = random_case(130, 75, 16, 3);
    made.a = made.a.index_select(0, places(130, 20));  // many ties
    made.b = made.b.index_select(0, places(75, 30));
    if (masked) everything(made);
    for (Tensor* x : {&made.a, &made.b, &made.scale}) *x = x->to(at::kFloat).to(at::kDouble);
    const ContrastReference reference = contrast_reference(made.a, made.b, made.scale, made.plan, {});
    for (const auto type : {at::kFloat, at::kDouble}) {
      const Run found = run(made, type, alone);
      EXPECT(at::equal(found.out.row_rank, reference.sums.row_rank));
      EXPECT(at::equal(found.out.column_rank, reference.sums.column_rank));
    }
  }
}

TEST("contrast: gradients equal finite differences") {
  for (const int which : {0, 1, 2}) {
    const bool whole = which > 0;
    Case made = random_case(7, 9, 6, 3);
    if (whole) everything(made, which == 1 ? Second::labels : Second::hardness);
    const Tensor a = made.a.clone().set_requires_grad(true), b = made.b.clone().set_requires_grad(true);
    const Tensor scale = made.scale.clone().set_requires_grad(true);
    check_gradients("contrast", {a, b, scale}, [&] {
      const Contrast out = contrast(a, b, scale, made.plan);
      Tensor total = out.row_lse.pow(2).sum() + (out.column_lse - out.column_own).exp().sum() + out.row_own.sin().sum();
      if (which == 1) total = total + out.row_target.pow(2).sum() + out.column_target.sin().sum();
      if (which == 2) total = total + out.row_hard_lse.pow(2).sum() + out.column_hard_lse.sin().sum();
      if (whole) total = total + out.pair_score.pow(2).sum();
      return total;
    });
  }
}

TEST("contrast: permuted samples give permuted results") {
  Case made = random_case(90, 70, 32, 10);
  const Tensor rows = at::randperm(90, generator(5), at::kLong), columns = at::randperm(70, generator(6), at::kLong);
  made.plan = {};
  made.plan.row_there = at::arange(90).remainder(5) != 3;
  made.plan.column_there = at::arange(70).remainder(7) != 2;
  Case moved = made;
  moved.a = made.a.index_select(0, rows);
  moved.b = made.b.index_select(0, columns);
  moved.plan.row_there = made.plan.row_there.index_select(0, rows);
  moved.plan.column_there = made.plan.column_there.index_select(0, columns);
  const Tensor scale = at::scalar_tensor(10.0);
  const ContrastSums before = contrast_sums(made.a, made.b, scale, made.plan),
                     after = contrast_sums(moved.a, moved.b, scale, moved.plan);
  EXPECT(at::allclose(before.row_lse.index_select(0, rows), after.row_lse, 1e-12, 1e-12));
  EXPECT(at::allclose(before.column_lse.index_select(0, columns), after.column_lse, 1e-12, 1e-12));
}

TEST("contrast: blocks of rows put together are the whole") {
  const Case made = random_case(400, 300, 64, 20);
  const Tensor a = made.a.to(at::kFloat), b = made.b.to(at::kFloat), scale = made.scale.to(at::kFloat);
  const Tensor g = at::full({400}, 1.0 / 400), h = at::full({300}, 1.0 / 300);
  ContrastPull pull;
  pull.row_lse = g;
  pull.column_lse = h;
  const ContrastSums whole = contrast_sums(a, b, scale);
  const ContrastGradient gradient = contrast_gradient(a, b, scale, {}, whole, pull);
  for (const int64_t blocks : {1, 2, 4}) {
    std::vector<ContrastSums> sums;
    std::vector<Tensor> lses, das, dscales;
    for (const Tensor& part : a.chunk(blocks)) {
      sums.push_back(contrast_sums(part, b, scale));
      lses.push_back(sums.back().column_lse + 0 * sums.back().column_lse_rest);
    }
    const Tensor column_lse = at::logsumexp(at::stack(lses), 0);
    EXPECT(at::allclose(column_lse, whole.column_lse, 1e-6, 1e-6));
    Tensor db = at::zeros_like(b);
    for (int64_t k = 0; k < blocks; ++k) {
      ContrastSums& mine = sums[static_cast<size_t>(k)];
      mine.column_lse = column_lse;
      mine.column_lse_rest = Tensor();
      ContrastPull part = pull;
      part.row_lse = g.chunk(blocks)[static_cast<size_t>(k)];
      const ContrastGradient found = contrast_gradient(a.chunk(blocks)[static_cast<size_t>(k)], b, scale, {}, mine, part);
      das.push_back(found.a);
      dscales.push_back(found.scale);
      db += found.b;
    }
    EXPECT(at::allclose(at::cat(das), gradient.a, 1e-5, 1e-6 * gradient.a.abs().max().item<double>()));
    EXPECT(at::allclose(db, gradient.b, 1e-5, 1e-6 * gradient.b.abs().max().item<double>()));
    EXPECT(at::allclose(at::cat(dscales), gradient.scale, 1e-5, 1e-6));
  }
}

TEST("contrast: the same for any number of threads") {
  const Case made = random_case(700, 900, 96, 20);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Run one = run(made, at::kFloat, alone);
  at::set_num_threads(3);
  const Run three = run(made, at::kFloat, alone);
  at::set_num_threads(threads);
  EXPECT(at::equal(one.out.row_lse, three.out.row_lse));
  EXPECT(at::equal(one.out.column_lse, three.out.column_lse));
  EXPECT(at::equal(one.a, three.a));
  EXPECT(at::equal(one.b, three.b));
}

TEST("contrast: half types are those numbers in float32") {
  for (const auto type : {at::kHalf, at::kBFloat16}) {
    Case made = random_case(70, 90, 64, 15);
    for (Tensor* x : {&made.a, &made.b}) *x = x->to(type).to(at::kDouble);
    const Run whole = run(made, at::kFloat, alone);
    const Tensor a = made.a.to(type).set_requires_grad(true), b = made.b.to(type), scale = made.scale.to(at::kFloat);
    const Contrast half = contrast(a, b, scale);
    EXPECT(half.row_lse.scalar_type() == at::kFloat);
    EXPECT(at::equal(half.row_lse, whole.out.row_lse));
    EXPECT(at::equal(half.column_lse, whole.out.column_lse));
    half.row_lse.sum().backward();
    EXPECT(a.grad().scalar_type() == type);
  }
}

TEST("contrast: every element of every output is written, whatever lay in memory") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const auto& [n, m, width] : {std::tuple(1, 1, 1), {13, 29, 7}, {130, 600, 33}}) {
    Case made = random_case(n, m, width, 10);
    if (n > 1) everything(made);
    ContrastPlan& plan = made.plan;
    Tensor a = made.a.to(at::kFloat), b = made.b.to(at::kFloat), scale = made.scale.to(at::kFloat);
    if (n > 1) {  // what absent samples hold must not be looked at
      a = at::where(plan.row_there.unsqueeze(1), a, at::full({}, nan));
      b = at::where(plan.column_there.unsqueeze(1), b, at::full({}, nan));
      plan.row_labels = plan.row_labels.to(at::kFloat);
      plan.column_labels = plan.column_labels.to(at::kFloat);
    }
    const Tensor row_threshold = at::zeros({n}), column_threshold = at::zeros({m});
    ContrastProblem p;
    p.row_threshold = row_threshold.const_data_ptr(), p.column_threshold = column_threshold.const_data_ptr();
    p.rows = n, p.columns = m, p.width = width, p.a_stride = p.b_stride = width;
    p.a = a.const_data_ptr(), p.b = b.const_data_ptr(), p.scale = scale.const_data_ptr(), p.scale_by_row = scale.dim() == 1;
    p.row_partner = plan.row_partner.const_data_ptr<int64_t>();
    p.column_partner = plan.column_partner.const_data_ptr<int64_t>();
    if (n > 1) {
      p.row_there = static_cast<const uint8_t*>(plan.row_there.const_data_ptr());
      p.column_there = static_cast<const uint8_t*>(plan.column_there.const_data_ptr());
      p.excluded_offsets = plan.excluded_offsets.const_data_ptr<int64_t>();
      p.excluded_columns = plan.excluded_columns.const_data_ptr<int32_t>();
      p.pair_offsets = plan.pair_offsets.const_data_ptr<int64_t>();
      p.pair_columns = plan.pair_columns.const_data_ptr<int32_t>();
      p.row_labels = plan.row_labels.const_data_ptr();
      p.column_labels = plan.column_labels.const_data_ptr();
      p.label_width = plan.row_labels.size(1);
    }
    std::vector<Tensor> outputs;
    const auto poisoned = [&](at::IntArrayRef shape) {
      outputs.push_back(at::full(shape, nan));
      return outputs.back().mutable_data_ptr();
    };
    const Tensor row_rank = at::full({n}, -7, at::kInt), column_rank = at::full({m}, -7, at::kInt);
    ContrastStatistics sums;
    sums.row_lse = poisoned({n}), sums.row_lse_rest = poisoned({n});
    sums.column_lse = poisoned({m}), sums.column_lse_rest = poisoned({m});
    if (n > 1) sums.pair_score = poisoned({plan.pair_columns.size(0)});
    sums.row_rank = row_rank.mutable_data_ptr<int32_t>(), sums.column_rank = column_rank.mutable_data_ptr<int32_t>();
    if (n > 1) {
      sums.row_target = poisoned({n}), sums.row_label_lse = poisoned({n});
      sums.column_target = poisoned({m}), sums.column_label_lse = poisoned({m});
    }
    const Tensor workspace = at::full({contrast_workspace_cpu(p)}, 255, at::kByte);
    contrast_statistics_cpu(p, sums, workspace.mutable_data_ptr());
    for (const Tensor& output : outputs) EXPECT(!output.isnan().any().item<bool>());
    Tensor row_own = at::full({n}, -7.0f), column_own = at::full({m}, -7.0f);  // NaN means that there is no partner
    contrast_partner_scores_cpu(p, row_own.mutable_data_ptr(), column_own.mutable_data_ptr());
    EXPECT((row_own != -7).all().item<bool>() && (column_own != -7).all().item<bool>());
    EXPECT((row_rank >= 0).all().item<bool>() && (column_rank >= 0).all().item<bool>());

    for (const Tensor& output : outputs) output.masked_fill_(output == -std::numeric_limits<double>::infinity(), 0);
    const Tensor g = at::ones({n}), h = at::ones({m});
    ContrastCotangents in;
    in.row_lse = sums.row_lse, in.column_lse = sums.column_lse, in.row_label_lse = sums.row_label_lse;
    in.column_label_lse = sums.column_label_lse;
    in.row_gradient = in.row_own_gradient = in.row_target_gradient = g.const_data_ptr();
    in.column_gradient = in.column_own_gradient = in.column_target_gradient = h.const_data_ptr();
    const Tensor listed = at::ones({n > 1 ? plan.pair_columns.size(0) : 0});
    in.pair_gradient = listed.const_data_ptr();
    const std::vector<Tensor> kept = std::exchange(outputs, {});
    const ContrastGradients to{poisoned({n, width}), poisoned({m, width}), poisoned({n})};
    workspace.fill_(255);
    contrast_gradient_cpu(p, in, to, workspace.mutable_data_ptr());
    for (const Tensor& output : outputs) EXPECT(!output.isnan().any().item<bool>());
    if (n > 1) EXPECT(outputs[0].masked_select(~plan.row_there.unsqueeze(1)).eq(0).all().item<bool>());
  }
}

TEST("contrast: NaN comes out as NaN") {
  const Case made = random_case(20, 30, 8, 3);
  Tensor a = made.a.to(at::kFloat).clone();
  a[4][2] = std::numeric_limits<double>::quiet_NaN();
  const ContrastSums sums = contrast_sums(a, made.b.to(at::kFloat), at::scalar_tensor(3.0));
  EXPECT(sums.row_lse[4].isnan().item<bool>());
  EXPECT(sums.row_lse.isnan().sum().item<int64_t>() == 1);
  EXPECT(sums.column_lse.isnan().all().item<bool>());
}

namespace {

// What libtorch's CPU allocator hands out, at its highest.
struct PeakMemory : c10::MemoryReportingInfoBase {
  void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device) override {
    held += size;
    peak = std::max(peak, held);
  }
  bool memoryProfilingEnabled() const override { return true; }
  int64_t held = 0, peak = 0;
};

}  // namespace

TEST("contrast: no memory of the size of all pairs") {
  const int64_t n = 4096, width = 32;  // all pairs: 64 MiB
  const Tensor a = at::randn({n, width}).set_requires_grad(true), b = at::randn({n, width}).set_requires_grad(true);
  const auto counted = std::make_shared<PeakMemory>();
  {
    const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, counted);
    const Contrast out = contrast(a, b, at::scalar_tensor(1.0));
    (out.row_lse.mean() + out.column_lse.mean()).backward();
  }
  EXPECT(counted->peak > (int64_t{1} << 20));
  EXPECT(counted->peak < (int64_t{8} << 20));
}

TEST("contrast: says what is wrong with its arguments") {
  const Tensor a = at::randn({4, 8}), b = at::randn({5, 8}), scale = at::ones({});
  EXPECT_THROWS(contrast(at::randn({4}), b, scale), "expected features [N, D] of at least one row for a but got [4]");
  EXPECT_THROWS(contrast(at::randn({0, 8}), b, scale), "at least one row for a");
  EXPECT_THROWS(contrast(a, at::randn({5, 7}), scale), "expected features [M, 8] of at least one row for b but got [5, 7]");
  EXPECT_THROWS(contrast(a, b.to(at::kDouble), scale), "expected numbers of one type for a and b");
  EXPECT_THROWS(contrast(a.to(at::kLong), b.to(at::kLong), scale), "expected floating numbers for a");
  EXPECT_THROWS(contrast(a, b, at::ones({5})), "expected one number or [4] for scale but got [5]");
  ContrastPlan plan;
  plan.row_there = at::ones({5}, at::kBool);
  EXPECT_THROWS(contrast(a, b, scale, plan), "expected shape [4] for row_there but got [5]");
  plan = {};
  plan.row_labels = at::ones({4, 3});
  EXPECT_THROWS(contrast(a, b, scale, plan), "labels of both rows and columns");
  plan.column_labels = at::ones({5, 3});
  plan.hardness = 0.5;
  EXPECT_THROWS(contrast(a, b, scale, plan), "expected a hardness of at least 0, and 0 beside labels, but got 0.5");
  plan = {};
  plan.pair_offsets = at::tensor({0, 1, 2, 2, 3}, at::kLong);
  EXPECT_THROWS(contrast(a, b, scale, plan), "expected both offsets and columns of listed pairs");
  plan.pair_columns = at::tensor({4, 5, 0}, at::kInt);
  EXPECT_THROWS(contrast(a, b, scale, plan), "expected ascending columns below 5 for the listed pairs but got 5 in row 1");
  plan.pair_offsets = at::tensor({0, 2, 1, 2, 3}, at::kLong);
  plan.pair_columns = at::tensor({3, 4, 0}, at::kInt);
  EXPECT_THROWS(contrast(a, b, scale, plan), "expected ascending offsets for the listed pairs but got 1 after 2 in row 1");
  // Rows apart in memory, and transposed ones, are fine.
  const Tensor wide = at::randn({4, 16}), tall = at::randn({8, 5});
  EXPECT(at::allclose(contrast(wide.slice(1, 0, 8), tall.t(), scale).row_lse,
                      contrast(wide.slice(1, 0, 8).contiguous(), tall.t().contiguous(), scale).row_lse));
}
