// Laws of every registered relation, on its own example.
#include "core/parts.h"
#include "laws/examples.h"
#include "test.h"

namespace gd {

TEST("laws: a relation's targets are distributions, and move with the batch") {
  for (const auto& [name, entry] : Registry<RelationRule>::instance().entries()) {
    if (entry.example.options.is_null()) {
      native_test::fail(__FILE__, __LINE__, "the relation " + name + " brings no example()");
      continue;
    }
    State state(c10::kCPU, at::kDouble, 3);
    const auto rule = Registry<RelationRule>::instance().make(name, Scope(state, "relation"), entry.example.options);
    const Features features = example_features(entry.example, 5);
    const Tensor order = at::tensor({3, 0, 4, 1, 2}, at::kLong);
    Features permuted;
    for (const auto& [feature, tensor] : features) permuted.set(feature, tensor.index_select(0, order));
    const Tensor like = at::zeros({1}, at::kDouble);
    for (const bool rows : {true, false}) {
      const auto targets = [&](const Features& f) {
        const Relation relation = (*rule)(f);
        return rows ? relation.row_targets(5, 5, like) : relation.column_targets(5, 5, like);
      };
      const Tensor made = targets(features), sums = made.sum(1);
      EXPECT((made >= 0).all().item<bool>());
      EXPECT((((sums - 1).abs() < 1e-6) | (sums.abs() < 1e-6)).all().item<bool>());
      EXPECT(at::allclose(targets(permuted), made.index_select(0, order).index_select(1, order), 1e-6, 1e-7));
    }
  }
}

}  // namespace gd
