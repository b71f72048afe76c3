// Relations that list pairs, against all pairs looked at one by one.
#include "relations/pair_lists.h"
#include "core/parts.h"
#include "core/registry.h"
#include "test.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

constexpr int64_t rows = 700, columns = 33;  // more than a block of rows

Relation related(const char* rule, Value::Object options, const Tensor& p, const Tensor& q) {
  State state(c10::kCPU, at::kFloat, 3);
  options.emplace_back("rows", "a.values");
  options.emplace_back("columns", "b.values");
  Features features;
  features.set("a.values", p);
  features.set("b.values", q);
  return (*Registry<RelationRule>::instance().make(rule, Scope(state, "relation"), Value(std::move(options))))(features);
}

void lists(const PairList& found, const Tensor& expected) {
  const Tensor places = expected.nonzero();
  EXPECT(at::equal(found.offsets.diff(), expected.sum(1)));
  EXPECT(at::equal(found.rows(), places.select(1, 0)));
  EXPECT(at::equal(found.columns.to(at::kLong), places.select(1, 1)));
}

}  // namespace

TEST("relations: labels match when the same are positive, when one is shared, when all numbers agree") {
  at::manual_seed(5);
  const Tensor p = at::randint(-1, 2, {rows, 3}, at::kFloat), q = at::randint(-1, 2, {columns, 3}, at::kFloat);
  const auto pairs = [&](const Tensor& x, const Tensor& y) { return x.unsqueeze(1) == y.unsqueeze(0); };
  lists(related("label-match", {}, p, q).positive, pairs(p > 0, q > 0).all(2));
  lists(related("label-match", {{"match", "identical"}}, p, q).positive, pairs(p, q).all(2));
  lists(related("label-match", {{"match", "overlap"}}, p, q).positive,
        (p > 0).unsqueeze(1).logical_and((q > 0).unsqueeze(0)).any(2));
  // Identifiers beyond what float32 tells apart
  const Tensor ids = at::arange(rows).remainder(5).unsqueeze(1) + (int64_t{1} << 40);
  lists(related("label-match", {{"match", "identical"}}, ids, ids.slice(0, 0, columns)).positive,
        pairs(ids, ids.slice(0, 0, columns)).all(2));
  EXPECT_THROWS(related("label-match", {}, p, at::ones({columns, 4})),
                "expected labels of one vocabulary but got widths 3 and 4");
}

TEST("relations: pairs fall into positive, neutral and negative by their similarity") {
  at::manual_seed(6);
  const Tensor p = at::randn({rows, 4});
  const Tensor s = at::matmul(p / p.norm(2, 1, true), (p / p.norm(2, 1, true)).t());
  const Tensor own = at::eye(rows, at::kBool);
  const Relation found = related("positive-neutral-negative", {{"positive", 0.9}, {"negative", 0.5}}, p, p);
  lists(found.positive, (s > 0.9).logical_or(own));
  lists(found.neutral, (s > 0.5).logical_and(s <= 0.9).logical_and(own.logical_not()));
  EXPECT_THROWS(related("positive-neutral-negative", {{"positive", 0.5}, {"negative", 0.9}}, p, p),
                "expected `negative` of at most `positive`, 0.5");
  EXPECT_THROWS(related("positive-neutral-negative", {}, p, p.slice(0, 0, 3)), "expected as many columns as rows");
}

}  // namespace gd
