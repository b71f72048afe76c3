#include "optim/clip.h"
#include "optim/ema.h"
#include "optim/groups.h"
#include "optim/optimiser.h"
#include "optim/schedule.h"
#include "test.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

struct Bench {
  explicit Bench(const std::string& name, Value options = {}, double decay = 0.1) : state(c10::kCPU, at::kFloat, 1) {
    const Scope scope(state, "tower");
    weight = scope.parameter("weight", {4, 3}, Init::gaussian(1));
    bias = scope.parameter("bias", {4}, Init::gaussian(1));
    GroupRules rules;
    rules.decay = decay;
    groups = make_groups(state, rules);
    optimiser = Registry<Optimiser>::instance().make(name, scope, options);
    optimiser->prepare(groups);
  }
  // A step with given gradients.
  void step(const Tensor& dw, const Tensor& db, double lr, double bad = 0) {
    weight.mutable_grad() = dw.clone();
    bias.mutable_grad() = db.clone();
    optimiser->step(groups, {lr, {}, at::scalar_tensor(bad, at::kFloat)});
  }
  State state;
  Tensor weight, bias;
  std::vector<ParameterGroup> groups;
  std::unique_ptr<Optimiser> optimiser;
};

bool close(const Tensor& a, const Tensor& b, double tolerance = 1e-6) {
  return at::allclose(a.to(at::kDouble), b.to(at::kDouble), tolerance, tolerance);
}

struct Reference {  // float64, from the papers' formulas
  Tensor w, m, v;
  int64_t t = 0;
  explicit Reference(const Tensor& start)
      : w(start.detach().to(at::kDouble).clone()), m(at::zeros_like(w)), v(at::zeros_like(w)) {}
  Tensor direction(const Tensor& gradient, double b1, double b2, double eps) {
    ++t;
    m = b1 * m + (1 - b1) * gradient;
    v = b2 * v + (1 - b2) * gradient * gradient;
    return m / (1 - std::pow(b1, t)) / ((v / (1 - std::pow(b2, t))).sqrt() + eps);
  }
};

}  // namespace

TEST("adamw and adam follow their formulas over ten steps") {
  for (const bool decoupled : {true, false}) {
    Bench bench(decoupled ? "adamw" : "adam");
    Reference reference(bench.weight), bias(bench.bias);
    at::manual_seed(5);
    for (int i = 0; i < 10; ++i) {
      const Tensor dw = at::randn({4, 3}), db = at::randn({4});
      bench.step(dw, db, 0.01);
      Tensor g = dw.to(at::kDouble);
      if (!decoupled) g = g + 0.1 * reference.w;
      const Tensor direction = reference.direction(g, 0.9, 0.999, 1e-8);
      if (decoupled) reference.w = reference.w * (1 - 0.01 * 0.1);
      reference.w = reference.w - 0.01 * direction;
      bias.w = bias.w - 0.01 * bias.direction(db.to(at::kDouble), 0.9, 0.999, 1e-8);  // no decay on biases
    }
    EXPECT(close(bench.weight, reference.w, 1e-5));
    EXPECT(close(bench.bias, bias.w, 1e-5));
  }
}

TEST("sgd follows heavy-ball momentum, with and without Nesterov") {
  for (const bool nesterov : {false, true}) {
    Bench bench("sgd", Value(Value::Object{{"momentum", 0.9}, {"nesterov", nesterov}}));
    Tensor w = bench.weight.detach().to(at::kDouble).clone(), v = at::zeros_like(w);
    at::manual_seed(6);
    for (int i = 0; i < 10; ++i) {
      const Tensor dw = at::randn({4, 3});
      bench.step(dw, at::zeros({4}), 0.01);
      const Tensor g = dw.to(at::kDouble) + 0.1 * w;
      v = 0.9 * v + g;
      w = w - 0.01 * (nesterov ? g + 0.9 * v : v);
    }
    EXPECT(close(bench.weight, w, 1e-5));
  }
}

TEST("lamb scales Adam's direction by the trust ratio of each tensor") {
  Bench bench("lamb");
  Reference reference(bench.weight), bias(bench.bias);
  at::manual_seed(7);
  for (int i = 0; i < 10; ++i) {
    const Tensor dw = at::randn({4, 3}), db = at::randn({4});
    bench.step(dw, db, 0.01);
    const Tensor direction = reference.direction(dw.to(at::kDouble), 0.9, 0.999, 1e-6) + 0.1 * reference.w;
    const double ratio = std::min(10.0, (reference.w.norm() / direction.norm()).item<double>());
    reference.w = reference.w - 0.01 * ratio * direction;
    bias.w = bias.w - 0.01 * bias.direction(db.to(at::kDouble), 0.9, 0.999, 1e-6);
  }
  EXPECT(close(bench.weight, reference.w, 1e-5));
  EXPECT(close(bench.bias, bias.w, 1e-5));
}

TEST("laws: a bad step changes nothing, and the next good one is as if it had not been") {
  for (const auto& [name, entry] : Registry<Optimiser>::instance().entries()) {
    Bench plain(name), skipped(name);
    at::manual_seed(8);
    for (int i = 0; i < 4; ++i) {
      const Tensor dw = at::randn({4, 3}), db = at::randn({4});
      plain.step(dw, db, 0.01);
      if (i == 2) {
        const Tensor before = skipped.weight.detach().clone();
        skipped.step(at::full({4, 3}, std::numeric_limits<double>::quiet_NaN(), at::kFloat), db, 0.01, 1);
        EXPECT(skipped.weight.equal(before));
      }
      skipped.step(dw, db, 0.01);
    }
    EXPECT(plain.weight.equal(skipped.weight));
    const auto a = plain.optimiser->state(), b = skipped.optimiser->state();
    for (size_t i = 0; i < a.size(); ++i) EXPECT(a[i].second.equal(b[i].second));
  }
}

TEST("clipping bounds the norm of the gradient that the optimiser sees") {
  Bench bench("sgd", Value(Value::Object{{"momentum", 0}}), 0);
  const Tensor before = bench.weight.detach().clone();
  bench.weight.mutable_grad() = at::full({4, 3}, 2.0);
  bench.bias.mutable_grad() = at::full({4}, 2.0);
  const auto norms = gradient_norms(bench.groups, {}, [](const std::string&) { return std::string("tower"); });
  EXPECT_CLOSE(norms.total.item<double>(), 8, 1e-6);
  bench.optimiser->step(bench.groups, {1, clip_divisor(norms.total, 1, {}), at::scalar_tensor(0.0, at::kFloat)});
  EXPECT(close(before - bench.weight.detach(), at::full({4, 3}, 0.25), 1e-5));
  EXPECT(!clip_divisor(norms.total, 0, {}).defined());
}

TEST("groups: patterns set rate, decay and frozen; norms and biases keep no decay; a pattern without a parameter is named") {
  State state(c10::kCPU, at::kFloat, 1);
  const Scope scope(state, "encoders.text");
  scope.parameter("layer.0.weight", {2, 2}, Init::ones());
  scope.parameter("layer.1.weight", {2, 2}, Init::ones());
  scope.parameter("layer.1.bias", {2}, Init::ones());
  GroupRules rules;
  rules.decay = 0.2;
  rules.rules = {{"encoders.text.layer.0.*", 1, -1, true}, {"*layer.1*", 0.1, -1, false}};
  const auto groups = make_groups(state, rules);
  EXPECT(groups.size() == 2);
  EXPECT(groups[0].names[0] == "encoders.text.layer.1.weight" && groups[0].decay == 0.2 && groups[0].rate == 0.1);
  EXPECT(groups[1].names[0] == "encoders.text.layer.1.bias" && groups[1].decay == 0);
  EXPECT(groups[0].name != groups[1].name);
  EXPECT(!state.find("encoders.text.layer.0.weight")->tensor.requires_grad());
  rules.rules = {{"encoders.image.*", 1, -1, true}};
  EXPECT_THROWS(make_groups(state, rules), "expected parameters for the pattern 'encoders.image.*' but none matches");
  EXPECT(matches("*", "") && matches("a*b*c", "a-b-b-c") && !matches("a*b", "a-b-c") && !matches("", "a"));
}

TEST("schedules have the values of their formulas") {
  State state(c10::kCPU, at::kFloat, 1);
  const auto make = [&](const char* name, Value::Object options) {
    return Registry<Schedule>::instance().make(name, Scope(state, ""), Value(std::move(options)));
  };
  const auto cosine = make("cosine", {{"warmup", 10}, {"floor", 0.1}});
  EXPECT_CLOSE(cosine->factor(0, 110), 0.1, 1e-12);
  EXPECT_CLOSE(cosine->factor(9, 110), 1, 1e-12);
  EXPECT_CLOSE(cosine->factor(10, 110), 1, 1e-12);
  EXPECT_CLOSE(cosine->factor(60, 110), 0.55, 1e-12);
  EXPECT_CLOSE(cosine->factor(110, 110), 0.1, 1e-12);
  EXPECT_CLOSE(make("polynomial", {{"power", 2}})->factor(25, 100), 0.5625, 1e-12);
  EXPECT_CLOSE(make("steps", {{"at", Value::Array{Value(5), Value(8)}}})->factor(8, 10), 0.01, 1e-12);
  EXPECT_CLOSE(make("constant", {{"warmup", 4}})->factor(1, 10), 0.5, 1e-12);
  const auto plateau = make("plateau", {{"patience", 1}, {"gamma", 0.5}});
  for (const double metric : {1.0, 0.9, 0.95, 0.95}) plateau->observe(metric);
  EXPECT_CLOSE(plateau->factor(50, 100), 0.5, 1e-12);
}

TEST("averaged weights follow, stand still on a bad step, and change places with the live ones") {
  State state(c10::kCPU, at::kFloat, 1);
  const Tensor w = Scope(state, "t").parameter("w", {3}, Init::ones());
  Ema ema(state, 0.9);
  NoGradGuard no_grad;
  w.fill_(2);
  ema.follow(at::scalar_tensor(1.0, at::kFloat));
  ema.follow(at::scalar_tensor(0.0, at::kFloat));
  ema.exchange();
  EXPECT_CLOSE(w[0].item<double>(), 1.1, 1e-6);
  ema.exchange();
  EXPECT_CLOSE(w[0].item<double>(), 2, 1e-6);
}

TEST("schedules: epoch-cosine has the rates of MedKLIP's run") {
  State state(c10::kCPU, at::kFloat, 0);
  const auto schedule = Registry<Schedule>::instance().make("epoch-cosine", Scope(state, ""),
                                                            Value(Value::Object{{"epochs", 100}, {"floor", 0.1}}));
  const int64_t an_epoch = 700, total = 100 * an_epoch;
  const auto rate = [&](int64_t epoch, int64_t step) { return 1e-4 * schedule->factor(epoch * an_epoch + step, total) / 1e-5; };
  for (const auto& [step, wanted] :
       {std::pair<int64_t, double>{0, 1}, {99, 1}, {100, 2.8}, {200, 4.6}, {300, 6.4}, {400, 8.2}, {500, 10}, {699, 10}})
    EXPECT_CLOSE(rate(0, step), wanted, 1e-9);
  for (const auto& [epoch, wanted] :
       {std::pair<int64_t, double>{1, 9.99778}, {10, 9.77975}, {50, 5.5}, {95, 1.05540}, {99, 1.00222}})
    for (const int64_t step : {0, 350, 699}) EXPECT_CLOSE(rate(epoch, step), wanted, 1e-5);
}

}  // namespace gd
