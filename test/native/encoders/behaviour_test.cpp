// What neither the official numbers nor the laws over all encoders say.
#include "core/parts.h"
#include "core/registry.h"
#include "heads/layers/attention.h"
#include "heads/layers/norm.h"
#include "test.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

using namespace gd;

namespace {

const Value::Object small_resnet{{"depth", 10}, {"width", 8}};
const Value::Object small_vit{{"imageSize", 16}, {"patchSize", 8}, {"width", 8}, {"depth", 2}, {"heads", 2}};
const Value::Object small_bert{{"vocabularySize", 11}, {"width", 8},        {"depth", 2},
                               {"heads", 2},           {"feedForward", 16}, {"maxTokens", 6}};
const Value::Object small_clip{{"vocabularySize", 11}, {"maxTokens", 6}, {"width", 8},
                               {"depth", 2},           {"heads", 2},     {"outputWidth", 6}};

struct Built {
  explicit Built(const std::string& name, Value::Object options, Value::Object more = {}, at::ScalarType type = at::kFloat)
      : state(at::kCPU, type, 5) {
    options.insert(options.end(), more.begin(), more.end());
    encoder = Registry<Encoder>::instance().make(name, Scope(state, ""), Value(std::move(options)));
  }
  Features operator()(const Features& fields) { return (*encoder)(fields, pass); }
  Features pixels(const Tensor& x) { return (*this)(one("pixels", x)); }
  static Features one(const char* name, const Tensor& x) {
    Features fields;
    fields.set(name, x);
    return fields;
  }
  Tensor& operator[](const char* name) {
    Slot* slot = state.find(name);
    if (!slot) throw std::runtime_error(std::string("no parameter ") + name);
    return slot->tensor;
  }
  State state;
  Pass pass;
  std::unique_ptr<Encoder> encoder;
};

Features text(const Tensor& ids, const Tensor& mask = {}) {
  Features fields = Built::one("ids", ids);
  if (mask.defined()) fields.set("mask", mask);
  return fields;
}

double deviation(const Tensor& x) { return x.to(at::kDouble).std().item<double>(); }

}  // namespace

TEST("resnet: starts as torchvision's") {
  Built plain("resnet", {}), identity("resnet", {}, {{"zeroInitResidual", true}});
  EXPECT_CLOSE(deviation(plain["layer1.0.conv2.weight"]) * std::sqrt(64 * 9 / 2.0), 1.0, 0.02);
  EXPECT(plain["layer1.0.bn3.weight"].eq(1).all().item<bool>());
  EXPECT(identity["layer1.0.bn3.weight"].eq(0).all().item<bool>() && identity["layer1.0.bn2.weight"].eq(1).all().item<bool>());
  EXPECT(plain["conv1.weight"].is_contiguous(at::MemoryFormat::ChannelsLast));
}

TEST("resnet: grey images are repeated, or read by one channel; the map stays channels-last and its patches a view") {
  Built colour("resnet", small_resnet), grey("resnet", small_resnet, {{"inputChannels", 1}});
  const Tensor one = at::randn({2, 1, 64, 64});
  EXPECT(at::allclose(colour.pixels(one).at("global"), colour.pixels(one.repeat({1, 3, 1, 1})).at("global"), 1e-5, 1e-6));
  EXPECT(grey["conv1.weight"].size(1) == 1);
  const Features out = grey.pixels(one);
  EXPECT(out.at("patches").is_contiguous());  // a transposed copy of a channels-first map would not be free
  EXPECT(at::allclose(out.at("patches").mean(1), out.at("global"), 1e-5, 1e-6));
  EXPECT_THROWS(grey.pixels(at::ones({2, 3, 64, 64})), "expected pixels [B, 1, H, W]");
  EXPECT_THROWS(colour.pixels(at::ones({3, 64, 64})), "expected pixels [B, 3, H, W]");
  EXPECT_THROWS(Built("resnet", {{"depth", 20}}), "expected 10, 18, 34, 50, 101 or 152");
  EXPECT_THROWS(Built("resnet", {{"depth", 18}, {"dilateLast", true}}), "expected depth 50 or more");
}

TEST("batch norm: moves its statistics in training alone, not when told to leave them, and never when frozen") {
  State state(at::kCPU, at::kDouble, 1);
  BatchNorm moving(Scope(state, "a"), 3), frozen(Scope(state, "b"), 3, Init::ones(), true);
  const Tensor x = at::randn({16, 3, 2, 2}, at::kDouble) * 3 + 1;
  const Tensor start_mean = moving.running_mean.clone();
  Pass pass;
  EXPECT(at::allclose(moving(x, pass), x / std::sqrt(1 + 1e-5)));
  pass.training = true;
  pass.update_statistics = false;
  const Tensor y = moving(x, pass);
  EXPECT(at::equal(moving.running_mean, start_mean) && moving.num_batches_tracked.item<int64_t>() == 0);
  EXPECT(at::allclose(y.mean({0, 2, 3}), at::zeros({3}, at::kDouble), 0, 1e-12));
  pass.update_statistics = true;
  EXPECT(at::equal(moving(x, pass), y));
  EXPECT(at::allclose(moving.running_mean, 0.1 * x.mean({0, 2, 3})));
  EXPECT(at::allclose(moving.running_var, 0.9 + 0.1 * x.var({0, 2, 3})));
  EXPECT(moving.num_batches_tracked.item<int64_t>() == 1);
  EXPECT(at::allclose(frozen(x, pass), x / std::sqrt(1 + 1e-5)));
  EXPECT(frozen.num_batches_tracked.item<int64_t>() == 0 && frozen.running_mean.eq(0).all().item<bool>());
}

TEST("resnet: a recomputed block moves its statistics once") {
  const Tensor x = at::randn({4, 3, 64, 64});
  Built plain("resnet", small_resnet), again("resnet", small_resnet);
  for (Built* encoder : {&plain, &again}) {
    encoder->pass.training = true;
    encoder->pass.recompute = encoder == &again;
    encoder->pixels(x).at("global").sum().backward();
  }
  for (size_t i = 0; i < plain.state.slots().size(); ++i) {
    const Slot &a = plain.state.slots()[i], &b = again.state.slots()[i];
    EXPECT(at::equal(a.tensor, b.tensor));
    if (!a.buffer) EXPECT(at::equal(a.tensor.grad(), b.tensor.grad()));
  }
  EXPECT(again["layer2.0.bn1.num_batches_tracked"].item<int64_t>() == 1);
}

TEST("vit: starts as its official code, and refuses pixels that its patches do not cover") {
  Built timm("vit", {{"width", 192}, {"heads", 3}, {"depth", 1}}),
      clip("vit", {{"width", 192}, {"heads", 3}, {"depth", 1}, {"keys", "open-clip"}});
  EXPECT_CLOSE(deviation(timm["blocks.0.mlp.fc1.weight"]) / 0.02, 1.0, 0.02);
  EXPECT(timm["blocks.0.mlp.fc1.bias"].eq(0).all().item<bool>());
  EXPECT_CLOSE(deviation(clip["transformer.resblocks.0.mlp.c_fc.weight"]) * std::sqrt(3 * 192), 1.0, 0.02);
  EXPECT_CLOSE(deviation(clip["positional_embedding"]) * std::sqrt(192), 1.0, 0.02);
  EXPECT_THROWS(timm.pixels(at::ones({1, 3, 200, 224})), "multiples of 16");
  EXPECT_THROWS(Built("vit", small_vit, {{"classToken", false}}), "expected pool 'mean' and keys 'timm'");
  EXPECT_THROWS(Built("vit", {{"width", 10}, {"heads", 3}}), "multiple of the heads");
}

TEST("vit: stochastic depth rises in a line, so the first block never dies") {
  Built vit("vit", small_vit, {{"dropPath", 0.5}});
  vit.pass.training = true;
  vit.pixels(at::randn({2, 3, 16, 16}));
  EXPECT(vit.pass.site == 2);  // both branches of the second block
}

TEST("bert: padding does not matter, its row starts at zero and is not learned; a text without words stays finite") {
  Built bert("bert", small_bert);
  EXPECT(bert["embeddings.word_embeddings.weight"][0].eq(0).all().item<bool>());
  EXPECT_CLOSE(
      deviation(Built("bert", {{"depth", 1}, {"vocabularySize", 500}})["encoder.layer.0.intermediate.dense.weight"]) / 0.02, 1.0,
      0.02);
  const Tensor ids = at::tensor({2, 5, 7, 3}).view({1, 4}), padded = at::tensor({2, 5, 7, 3, 0, 0}).view({1, 6});
  const Tensor short_tokens = bert(text(ids)).at("tokens"), long_tokens = bert(text(padded)).at("tokens");
  EXPECT(at::allclose(short_tokens, long_tokens.slice(1, 0, 4), 1e-5, 1e-6));
  const Tensor mask = at::stack({padded.ne(0)[0], at::zeros({6}, at::kBool)});
  const Features out = bert(text(padded.repeat({2, 1}), mask));
  EXPECT(out.at("tokens").isfinite().all().item<bool>());
  EXPECT(at::equal(out.at("mask"), mask));
  out.at("tokens").sum().backward();
  for (const Slot& slot : bert.state.slots()) EXPECT(slot.tensor.grad().isfinite().all().item<bool>());
  EXPECT(bert["embeddings.word_embeddings.weight"].grad()[0].eq(0).all().item<bool>());
  EXPECT_THROWS(bert(text(at::ones({1, 7}, at::kLong))), "T of at most 6");
  EXPECT_THROWS(bert(text(ids, mask)), "expected a mask of shape");
  EXPECT_THROWS(Built("bert", small_bert, {{"averageLast", 3}}), "expected 1 to 2 for bert.averageLast");
}

TEST("attention: with dropout on its weights it agrees with the fused kernel where dropout is next to nothing") {
  at::manual_seed(5);
  const Tensor q = at::randn({2, 2, 5, 4}, at::kDouble), k = at::randn({2, 2, 5, 4}, at::kDouble),
               v = at::randn({2, 2, 5, 4}, at::kDouble);
  const Tensor keys = visible_keys(at::tensor({1, 1, 1, 0, 0, 0, 0, 0, 0, 0}).view({2, 5}));
  EXPECT(keys.select(0, 1).all().item<bool>());  // no real token: all are seen
  for (const bool causal : {false, true})
    for (const Tensor& seen : {Tensor(), keys}) {
      Pass evaluation, training;
      training.training = true;
      const Tensor fused = attend(q, k, v, {.keys = seen, .causal = causal}, 0.5, evaluation);
      const Tensor plain = attend(q, k, v, {.keys = seen, .causal = causal}, 1e-9, training);
      EXPECT(training.site == 1 && evaluation.site == 0);
      EXPECT(at::allclose(fused, plain, 1e-7, 1e-8));
      if (causal) EXPECT(at::allclose(fused.select(2, 0), v.select(2, 0)));  // the first query sees the first key alone
    }
}

TEST("clip-text: words behind the end do not matter; the end by id, by number or by mask") {
  const Tensor ids = at::tensor({3, 4, 10, 0, 0, 0}).view({1, 6}), other = at::tensor({3, 4, 10, 5, 6, 7}).view({1, 6});
  Built argmax("clip-text", small_clip), eos("clip-text", small_clip, {{"pool", "eos"}, {"endId", 10}}),
      last("clip-text", small_clip, {{"pool", "last"}});
  const Tensor global = argmax(text(ids)).at("global");
  EXPECT(global.sizes() == at::IntArrayRef({1, 6}));
  EXPECT(at::allclose(global, argmax(text(other)).at("global"), 1e-5, 1e-6));
  EXPECT(at::equal(global, eos(text(ids)).at("global")));
  EXPECT(at::equal(global, last(text(ids)).at("global")));
  EXPECT_CLOSE(
      deviation(Built("clip-text", {{"depth", 2}, {"vocabularySize", 50}})["transformer.resblocks.0.attn.out_proj.weight"]) *
          std::sqrt(512 * 4),
      1.0, 0.02);
}

TEST("encoders: layer-wise depth rises from the stem through the blocks to what comes after") {
  Built resnet("resnet", {{"depth", 18}, {"width", 4}}), vit("vit", small_vit), bert("bert", small_bert, {{"pooler", true}}),
      clip("clip-text", small_clip);
  EXPECT(resnet.encoder->depth() == 9 && resnet.encoder->depth_of("conv1.weight") == 0 &&
         resnet.encoder->depth_of("bn1.bias") == 0);
  EXPECT(resnet.encoder->depth_of("layer1.1.conv1.weight") == 2 && resnet.encoder->depth_of("layer4.1.bn2.weight") == 8);
  EXPECT(vit.encoder->depth() == 3 && vit.encoder->depth_of("pos_embed") == 0 &&
         vit.encoder->depth_of("blocks.1.norm1.weight") == 2 && vit.encoder->depth_of("norm.weight") == 3);
  EXPECT(bert.encoder->depth() == 3 && bert.encoder->depth_of("embeddings.LayerNorm.weight") == 0 &&
         bert.encoder->depth_of("encoder.layer.0.output.dense.bias") == 1 && bert.encoder->depth_of("pooler.dense.weight") == 3);
  EXPECT(clip.encoder->depth_of("transformer.resblocks.1.ln_1.bias") == 2 && clip.encoder->depth_of("text_projection") == 3 &&
         clip.encoder->depth_of("positional_embedding") == 0);
}

TEST("encoders: under bfloat16 autocast every tower runs, stays near float32 and reaches every parameter, recomputed too") {
  const Tensor image = at::randn({4, 3, 64, 64}), ids = at::randint(1, 11, {4, 6}, at::kLong);
  struct Case {
    const char* name;
    Value::Object options;
    Features fields;
  };
  const Case cases[] = {
      {"resnet", small_resnet, Built::one("pixels", image)},
      {"modified-resnet",
       {{"layers", Value::Array{1, 1, 1, 1}}, {"width", 8}, {"heads", 4}, {"outputWidth", 6}, {"imageSize", 64}},
       Built::one("pixels", image)},
      {"vit", small_vit, Built::one("pixels", image)},
      {"bert", small_bert, text(ids)},
      {"clip-text", small_clip, text(ids)}};
  for (const Case& c : cases)
    for (const bool recomputed : {false, true}) {
      Built built(c.name, c.options);
      built.pass.training = true;
      built.pass.recompute = recomputed;
      Features exact, rough;
      {
        const NoGradGuard no_grad;
        Pass pass = built.pass;
        pass.update_statistics = false;
        exact = (*built.encoder)(c.fields, pass);
      }
      at::autocast::set_autocast_enabled(at::kCPU, true);
      at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
      at::autocast::increment_nesting();
      rough = built(c.fields);
      if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
      at::autocast::set_autocast_enabled(at::kCPU, false);
      const Tensor a = exact.at("global").flatten(), b = rough.at("global").flatten().to(at::kFloat);
      if (!((a - b).norm().item<double>() < 0.05 * a.norm().item<double>()))
        native_test::fail(__FILE__, __LINE__,
                          c10::str(c.name, ": ", (a - b).norm().item<double>(), " beside ", a.norm().item<double>()));
      (b.pow(2).sum() + rough.at(rough.has("patches") ? "patches" : "tokens").to(at::kFloat).pow(3).sum()).backward();
      for (const Slot& slot : built.state.slots()) {
        if (slot.buffer) continue;
        if (!slot.tensor.grad().defined())
          native_test::fail(__FILE__, __LINE__, c10::str(c.name, ": no gradient reaches ", slot.name));
        else
          EXPECT(slot.tensor.grad().scalar_type() == at::kFloat && slot.tensor.grad().isfinite().all().item<bool>());
      }
    }
}
