// What the laws over all heads do not say: the official numbers, names, masks and errors.
#include "encoders/parity.h"
#include "test.h"

#include <ATen/ATen.h>

using namespace gd;

namespace {

struct Built {
  explicit Built(const std::string& name, Value::Object options, at::ScalarType type = at::kDouble)
      : state(at::kCPU, type, 5), head(Registry<Head>::instance().make(name, Scope(state, ""), Value(std::move(options)))) {}
  Features operator()(Features features, bool training = false) {
    pass.training = training;
    (*head)(features, pass);
    return features;
  }
  std::string names() const {
    std::string all;
    for (const Slot& slot : state.slots()) all += (all.empty() ? "" : " ") + slot.name;
    return all;
  }
  State state;
  Pass pass;
  std::unique_ptr<Head> head;
};

Features with(std::initializer_list<std::pair<const char*, Tensor>> entries) {
  Features features;
  for (const auto& [name, tensor] : entries) features.set(name, tensor);
  return features;
}

const Tensor no_mask = at::tensor({0, 0, 0}).to(at::kBool), two = at::tensor({1, 0, 1}).to(at::kBool);

}  // namespace

TEST("attention-pool: as open_clip's pooler") {
  const Value cases = parity::cases("attention-pool");
  for (const auto& [name, made] : cases.object())
    for (const auto& precision : {parity::float64, parity::float32}) {
      Value options = made.at("options");
      options.set("from", "image.patches");
      options.set("to", "pooled");
      Built pool("attention-pool", options.object(), precision.type);
      parity::expect_keys(pool.state, made);
      parity::fill(pool.state);
      std::vector<int64_t> shape;
      for (const Value& side : made.at("sequence").array()) shape.push_back(side.integer());
      const Features out = pool(with({{"image.patches", parity::signed_numbers("sequence", shape).to(precision.type)}}));
      parity::expect_outputs(out, made, precision.output);
      parity::expect_gradients(out, pool.state, made, precision.gradient);
    }
}

TEST("attention-pool: places outside the mask do not matter, and a sample without places stays finite") {
  Built pool("attention-pool", {{"from", "x"}, {"to", "y"}, {"mask", "m"}, {"inputWidth", 4}, {"outputWidth", 4}, {"heads", 2}});
  const Tensor x = at::randn({2, 3, 4}, at::kDouble), mask = at::stack({two, no_mask});
  Tensor changed = x.clone();
  changed[0][1] += 100;
  const Tensor a = pool(with({{"x", x}, {"m", mask}})).at("y"), b = pool(with({{"x", changed}, {"m", mask}})).at("y");
  EXPECT(at::equal(a[0], b[0]));
  EXPECT(a.isfinite().all().item<bool>());
  EXPECT(a.sizes() == at::IntArrayRef({2, 4}));
}

TEST("mean-pool and max-pool: by the mask; nothing to pool gives zero without a gradient") {
  const Tensor x = at::randn({2, 3, 4}, at::kDouble).set_requires_grad(true), mask = at::stack({two, no_mask});
  for (const std::string name : {"mean-pool", "max-pool"}) {
    Built pool(name, {{"from", "x"}, {"to", "y"}, {"mask", "m"}});
    const Tensor y = pool(with({{"x", x}, {"m", mask}})).at("y");
    const Tensor seen = at::stack({x[0][0], x[0][2]});
    EXPECT(at::allclose(y[0], name == "mean-pool" ? seen.mean(0) : seen.amax(0)));
    EXPECT(y[1].eq(0).all().item<bool>());
    x.mutable_grad().reset();
    y.sum().backward();
    EXPECT(x.grad().isfinite().all().item<bool>());
    EXPECT(x.grad()[1].eq(0).all().item<bool>() && x.grad()[0][1].eq(0).all().item<bool>());
    Built plain(name, {{"from", "x"}});
    const Tensor all = plain(with({{"x", x}})).at("x");
    EXPECT(at::allclose(all, name == "mean-pool" ? x.mean(1) : x.amax(1)));
    EXPECT_THROWS(plain(with({{"x", at::ones({2, 3})}})), "expected x of shape [B, N, D]");
  }
}

TEST("first-pool, normalise, layer-norm: what they say") {
  const Tensor x = at::randn({2, 3, 4}, at::kDouble);
  Built first("first-pool", {{"from", "x"}, {"to", "y"}}), unit("normalise", {{"from", "x"}});
  EXPECT(at::equal(first(with({{"x", x}})).at("y"), x.select(1, 0)));
  const Tensor length = unit(with({{"x", at::cat({x, at::zeros({2, 1, 4}, at::kDouble)}, 1)}})).at("x").norm(2, -1);
  EXPECT(at::allclose(length.slice(1, 0, 3), at::ones({2, 3}, at::kDouble)));
  EXPECT(length.select(1, 3).eq(0).all().item<bool>());
  Built norm("layer-norm", {{"from", "x"}, {"inputWidth", 4}});
  const Tensor y = norm(with({{"x", x}})).at("x");
  EXPECT(norm.names() == "weight bias");
  EXPECT(at::allclose(y.mean(-1), at::zeros({2, 3}, at::kDouble), 0, 1e-12));
  EXPECT(at::allclose(y.var(-1, /*unbiased=*/false), at::ones({2, 3}, at::kDouble), 1e-3));
}

TEST("mlp-projection: numbered as sequential containers are") {
  Value::Object widths{{"from", "x"}, {"inputWidth", 6}, {"hiddenWidth", 5}, {"outputWidth", 3}};
  const auto names = [&](Value::Object more) {
    more.insert(more.begin(), widths.begin(), widths.end());
    return Built("mlp-projection", more).names();
  };
  EXPECT(names({}) == "0.weight 0.bias 2.weight 2.bias");
  EXPECT(names({{"layers", 1}}) == "0.weight 0.bias");
  EXPECT(names({{"dropout", 0.1}, {"layers", 3}, {"bias", false}}) == "0.weight 0.bias 3.weight 3.bias 6.weight");
  // BioViL's projector: convolution 1×1 without bias, norm, rectifier, convolution 1×1
  EXPECT(names({{"norm", "batch"}, {"hiddenBias", false}}) ==
         "0.weight 1.weight 1.bias 1.running_mean 1.running_var 1.num_batches_tracked 3.weight 3.bias");
  // CXR-BERT's: linear, activation, norm, linear
  EXPECT(names({{"norm", "layer"}, {"normAfterActivation", true}}) == "0.weight 0.bias 2.weight 2.bias 3.weight 3.bias");
  EXPECT_THROWS(names({{"layers", 0}}), "expected at least 1 for mlp-projection.layers");
}

TEST("mlp-projection: on patches as on single vectors; batch norm counts every place") {
  Built mlp("mlp-projection", {{"from", "x"}, {"inputWidth", 4}, {"hiddenWidth", 5}, {"outputWidth", 3}, {"norm", "batch"}});
  const Tensor x = at::randn({2, 3, 4}, at::kDouble);
  const Tensor places = mlp(with({{"x", x}}), true).at("x"), flat = mlp(with({{"x", x.view({6, 4})}}), true).at("x");
  EXPECT(places.sizes() == at::IntArrayRef({2, 3, 3}));
  EXPECT(at::allclose(places.view({6, 3}), flat));
  EXPECT(mlp.state.find("1.num_batches_tracked")->tensor.item<int64_t>() == 2);
}

TEST("linear-projection: writes beside what it reads, and names a feature that is missing") {
  Built linear("linear-projection", {{"from", "x"}, {"to", "y"}, {"inputWidth", 4}, {"outputWidth", 3}, {"bias", false}});
  EXPECT(linear.names() == "weight");
  const Tensor x = at::randn({2, 4}, at::kDouble);
  const Features out = linear(with({{"x", x}}));
  EXPECT(out.at("x").is_same(x) && at::allclose(out.at("y"), at::matmul(x, linear.state.slots()[0].tensor.t())));
  EXPECT_THROWS(linear(with({{"z", x}})), "x");
  EXPECT_THROWS(Built("linear-projection", {{"from", "x"}}), "inputWidth");
}
