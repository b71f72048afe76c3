#include "profile/counter.h"

#include "core/range.h"
#include "core/recompute.h"
#include "core/registry.h"
#include "encoders/parity.h"
#include "kernels/contrast.h"
#include "kernels/sigmoid_contrast.h"
#include "kernels/word_region.h"
#include "test.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

Tensor leaf(at::IntArrayRef shape) { return at::ones(shape).set_requires_grad(true); }

PartWork counted(const std::string& part, const std::function<Tensor()>& forward) {
  const Counter counter;
  Tensor out;
  {
    const Range range(part);
    out = forward();
  }
  out.sum().backward();
  const Work work = counter.work();
  EXPECT(work.parts.size() == 1);
  EXPECT(work.parts.begin()->first == part);
  return work.parts.begin()->second;
}

void expect_work(const PartWork& work, double forward, double backward, double again = 0) {
  EXPECT_CLOSE(work.forward, forward, 1e-12);
  EXPECT_CLOSE(work.backward, backward, 1e-12);
  EXPECT_CLOSE(work.again, again, 1e-12);
}

void expect_fixture(const std::string& name, const Value& options, const Features& fields) {
  State state(c10::kCPU, at::kFloat, 1);
  const auto encoder = Registry<Encoder>::instance().make(name, Scope(state, "encoder"), options);
  Pass pass;
  pass.training = true;
  const PartWork work = counted("encoders.image", [&] { return (*encoder)(fields, pass).at("global"); });
  const Value made = parity::cases("flops").at(name);
  expect_work(work, made.at("forward").number(), made.at("backward").number(), work.again);
}

}  // namespace

TEST("flops: products, by hand") {
  const Tensor a = leaf({3, 5}), b = leaf({5, 7}), bias = leaf({7}), x = leaf({2, 3, 5}), y = leaf({2, 5, 4}), v = leaf({5});
  expect_work(counted("p", [&] { return at::mm(a, b); }), 2 * 3 * 5 * 7, 2 * 2 * 3 * 5 * 7);
  expect_work(counted("p", [&] { return at::addmm(bias, a, b); }), 2 * 3 * 5 * 7, 2 * 2 * 3 * 5 * 7);
  expect_work(counted("p", [&] { return at::linear(x, at::ones({4, 5})); }), 2 * 6 * 5 * 4, 2 * 6 * 5 * 4);  // one gradient alone
  expect_work(counted("p", [&] { return at::matmul(x, y); }), 2 * 2 * 3 * 5 * 4, 2 * 2 * 2 * 3 * 5 * 4);
  expect_work(counted("p", [&] { return at::einsum("bij,bjk->bik", {x, y}); }), 2 * 2 * 3 * 5 * 4, 2 * 2 * 2 * 3 * 5 * 4);
  EXPECT_CLOSE(counted("p", [&] { return at::mv(a, v); }).forward, 2 * 3 * 5, 1e-12);
}

TEST("flops: convolutions, by hand") {
  // 10 → 5 positions; 6 channels in 2 groups to 4; kernel 3
  const Tensor x1 = leaf({2, 6, 10}), w1 = leaf({4, 3, 3});
  const double one = 2.0 * 2 * 4 * 5 * 3 * 3;
  expect_work(counted("p", [&] { return at::conv1d(x1, w1, {}, 2, 1, 1, 2); }), one, 2 * one);
  const Tensor x2 = leaf({2, 3, 9, 8}), w2 = leaf({4, 3, 3, 2});
  const double two = 2.0 * 2 * 4 * (7 * 7) * 3 * 3 * 2;
  expect_work(counted("p", [&] { return at::conv2d(x2, w2); }), two, 2 * two);
  expect_work(counted("p", [&] { return at::conv2d(x2.detach(), w2); }), two, two);  // pixels have no gradient
  const Tensor x3 = leaf({1, 2, 4, 4, 4}), w3 = leaf({3, 2, 2, 2, 2});
  const double three = 2.0 * 3 * 8 * 2 * 8;
  expect_work(counted("p", [&] { return at::conv3d(x3, w3, {}, 2); }), three, 2 * three);
  const Tensor x4 = leaf({1, 3, 5, 5}), w4 = leaf({3, 2, 2, 2});
  const double four = 2.0 * 3 * 25 * 2 * 4;
  expect_work(counted("p", [&] { return at::conv_transpose2d(x4, w4, {}, 2); }), four, 2 * four);
}

TEST("flops: attention counts the scores that its backward computes again apart") {
  const Tensor q = leaf({2, 3, 6, 4}), k = leaf({2, 3, 10, 4}), v = leaf({2, 3, 10, 4});
  const double product = 2.0 * 2 * 3 * 6 * 10 * 4;
  expect_work(counted("p", [&] { return at::scaled_dot_product_attention(q, k, v); }), 2 * product, 4 * product, product);
}

TEST("flops: ResNet-50, ViT-B/16 and BERT-base as PyTorch's FlopCounterMode counts them") {
  Features image;
  image.set("pixels", at::randn({2, 3, 224, 224}));
  expect_fixture("resnet", Value(Value::Object{}), image);
  expect_fixture("vit", Value(Value::Object{}), image);
  Features text;
  text.set("ids", at::arange(256).view({2, 128}) + 1000);
  text.set("mask", at::ones({2, 128}, at::kBool));
  expect_fixture("bert", Value::parse(R"({"dropout": 0, "attentionDropout": 0})"), text);
}

TEST("flops: of recomputed blocks the second forward counts apart") {
  const Tensor w = leaf({8, 8}), x = leaf({4, 8});
  Pass pass;
  pass.recompute = true;
  const double product = 2.0 * 4 * 8 * 8;
  const auto block = [&](const Tensor& in, Pass&) { return at::mm(at::relu(at::mm(in, w)), w); };
  expect_work(counted("encoders.image", [&] { return recompute(x, pass, {w}, block); }), 2 * product, 4 * product, 2 * product);
}

TEST("flops: our own kernels state theirs") {
  const double rows = 12, columns = 20, width = 16, product = 2 * rows * columns * width;
  const Tensor a = at::randn({12, 16}).set_requires_grad(true), b = at::randn({20, 16}).set_requires_grad(true);
  ContrastPlan plan;
  plan.row_partner = at::arange(12, at::kLong);
  plan.column_partner = at::cat({at::arange(12, at::kLong), at::full({8}, -1, at::kLong)});
  expect_work(counted("objectives.o", [&] { return contrast(a, b, at::ones({}), plan).row_lse; }), product, 2 * product, product);
  SigmoidContrastPlan pairs;
  pairs.row_partner = at::arange(12, at::kLong);
  expect_work(counted("objectives.o", [&] { return sigmoid_contrast(a, b, at::ones({}), at::zeros({}), pairs).total; }),
              3 * product + 2 * rows, 0);  // and the sum of the rows' losses
  const Tensor regions = at::randn({3, 7, 16}).set_requires_grad(true), words = at::randn({2, 5, 16}).set_requires_grad(true);
  const Tensor mask = at::ones({2, 5}, at::kBool);
  mask[1].narrow(0, 3, 2).fill_(false);  // 8 words in all
  const double all = 2.0 * 8 * 21 * 16;
  expect_work(counted("objectives.o", [&] { return word_region(regions, words, mask, {}, {}); }), 2 * all, 4 * all, 2 * all);
}

TEST("flops: what every rank computes whole is the model's once") {
  const Tensor a = leaf({3, 5}), b = leaf({5, 7});
  const Counter counter(4);
  Tensor out;
  {
    const Range range("objectives.o");
    out = at::mm(a, b);
  }
  out.sum().backward();
  const PartWork work = counter.work().parts.at("objectives.o");
  expect_work(work, 2 * 3 * 5 * 7 / 4.0, 2 * 2 * 3 * 5 * 7 / 4.0, 3 * 2 * 3 * 5 * 7 * 3 / 4.0);
}

TEST("flops: after a counter nothing listens") {
  { const Counter counter; }
  EXPECT(!at::hasThreadLocalCallbacks());
  at::RecordFunction idle(at::RecordScope::USER_SCOPE);
  EXPECT(!idle.isActive());
}

}  // namespace gd
