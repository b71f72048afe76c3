// MedKLIP, made of stock parts as src/recipes/medklip.ts does, against numbers that the official classes
// (MediaBrain-SJTU/MedKLIP, commit 8e60b03; float32, evaluation mode) gave on the weights and inputs of parity.h's rule.
#include "encoders/parity.h"
#include "test.h"

#include <ATen/ATen.h>

using namespace gd;

namespace {

constexpr double digits = 2e-5;  // the numbers have six
constexpr int64_t images = 2, entities = 75, positions = 51, width = 768;

void near(const Tensor& found, std::initializer_list<double> wanted) {
  int64_t i = 0;
  for (const double value : wanted) EXPECT_CLOSE(found[i++].item<double>(), value, digits);
}

struct MedKlip {
  // `depth`: decoder layers; a shallower one has the first layers of the whole.
  explicit MedKlip(int64_t depth) : state(at::kCPU, at::kFloat, 0) {
    const auto& heads = Registry<Head>::instance();
    const auto head = [&](const char* kind, const char* name, Value::Object options) {
      parts.push_back(heads.make(kind, Scope(state, name), Value(std::move(options))));
    };
    trunk =
        Registry<Encoder>::instance().make("resnet", Scope(state, "trunk"), Value(Value::Object{{"depth", 50}, {"stages", 3}}));
    head("mlp-projection", "projection",
         {{"from", "image.patches"},
          {"to", "image.projected"},
          {"inputWidth", 1024},
          {"hiddenWidth", 1024},
          {"outputWidth", 256}});
    head("entity-decoder", "entities",
         {{"from", "image.projected"},
          {"to", "image.entities"},
          {"attention", "image.attention"},
          {"entities", entities},
          {"depth", depth}});
    head("linear-projection", "classifier",
         {{"from", "image.entities"}, {"to", "image.existence"}, {"inputWidth", 256}, {"outputWidth", 2}});
    head("linear-projection", "cl_fc",
         {{"from", "image.entities"}, {"to", "image.positions"}, {"inputWidth", 256}, {"outputWidth", width}});
    objective("entity-existence", "existence", {});
    objective("entity-position", "position", {{"positions", positions}, {"width", width}});
    const Value::Array excluded{20, 56, 54, 38, 52, 43, 59};  // pneumonia, infiltrate, mass, nodule, emphysema, thicken, hernia
    objective("entity-existence", "fewer", {{"excluded", excluded}});
    objective("entity-position", "fewer-position", {{"positions", positions}, {"width", width}, {"excluded", excluded}});
    fill();
  }

  void objective(const char* kind, const char* name, Value::Object options) {
    objectives.push_back(Registry<Objective>::instance().make(kind, Scope(state, name), Value(std::move(options))));
  }

  // Under the official names; ours are those of torchvision and of numbered layers.
  void fill() {
    const std::vector<std::pair<std::string, std::string>> names{
        {"trunk.conv1.", "res_features.0."},  {"trunk.bn1.", "res_features.1."},    {"trunk.layer1.", "res_features.4."},
        {"trunk.layer2.", "res_features.5."}, {"trunk.layer3.", "res_features.6."}, {"projection.0.", "res_l1."},
        {"projection.2.", "res_l2."},         {"entities.decoder.", "decoder."},    {"entities.disease", "disease"}};
    for (Slot& slot : state.slots())
      for (const auto& [ours, official] : names)
        if (slot.name.starts_with(ours)) slot.name = official + slot.name.substr(ours.size());
    parity::fill(state);
    const NoGradGuard no_grad;
    state.find("entities.book.vectors")->tensor.copy_(parity::signed_uniform("disease_book", {entities, width}));
    for (const char* name : {"position", "fewer-position"})
      state.find(std::string(name) + ".book.vectors")->tensor.copy_(parity::signed_uniform("ana_book", {positions, width}));
  }

  Features run() {
    Features fields, features;
    fields.set("pixels", parity::pixels(Value::parse("[2, 3, 224, 224]")));
    Pass pass;
    features.merge("image", (*trunk)(fields, pass));
    for (const auto& part : parts) (*part)(features, pass);
    Tensor labels = at::empty({images, entities}, at::kLong), candidates = at::empty({images, entities, 8}, at::kLong);
    for (int64_t b = 0; b < images; ++b)
      for (int64_t q = 0; q < entities; ++q) {
        const int64_t v = (5 * b + 3 * q) % 4;
        labels[b][q] = v == 3 ? -1 : v - 1;
        for (int64_t k = 0; k < 8; ++k) candidates[b][q][k] = (7 * b + 11 * q + 5 * k) % positions;
      }
    features.set("triplets.labels", labels);
    features.set("triplets.positions", candidates);
    return features;
  }
  Tensor loss(size_t objective, const Features& features) {
    Pass pass;
    return (*objectives[objective])(features, Relation{}, pass).terms.front().second;
  }
  double gradient(const char* name) { return state.find(name)->tensor.grad().norm().item<double>(); }

  State state;
  std::unique_ptr<Encoder> trunk;
  std::vector<std::unique_ptr<Head>> parts;
  std::vector<std::unique_ptr<Objective>> objectives;
};

}  // namespace

TEST("medklip: the model, its losses and their gradients give the official numbers") {
  MedKlip model(4);
  int64_t parameters = 0;
  for (const Slot& slot : model.state.slots())
    if (!slot.buffer) parameters += slot.tensor.numel();
  EXPECT(parameters == 14464322);
  const Features features = model.run();
  const Tensor tokens = features.at("image.projected"), logits = features.at("image.existence");
  EXPECT(tokens.sizes() == at::IntArrayRef({images, 196, 256}));
  near(tokens[0][0], {1.47582, 1.63129, -0.691306, 2.05787});
  near(tokens[1][195], {2.5414, 2.14905, -1.49461, 4.22716});
  near(logits[0][0], {-0.114999, 1.28378});
  near(logits[0][20], {-0.155338, 1.47786});
  near(logits[1][74], {0.215929, 1.64518});
  const Tensor looks = features.at("image.attention")[0][20];
  EXPECT(looks.argmax().item<int64_t>() == 98);
  EXPECT_CLOSE(looks.max().item<double>() / 0.00818351, 1, digits);
  EXPECT_CLOSE(looks.sum().item<double>(), 1, 1e-5);
  const Tensor existence = model.loss(0, features), position = model.loss(1, features);
  EXPECT_CLOSE(existence.item<double>(), 0.943254, digits);
  EXPECT_CLOSE(position.item<double>(), 31.0024, digits);
  EXPECT_CLOSE((model.loss(2, features) + model.loss(3, features)).item<double>(), 30.0497, digits);
  (existence + position).backward();
  EXPECT_CLOSE(model.gradient("classifier.weight"), 6.95406, digits);
  EXPECT_CLOSE(model.gradient("cl_fc.weight"), 90.8909, digits);
  EXPECT_CLOSE(model.gradient("res_features.0.weight"), 2.34528, 1e-4);
  EXPECT_CLOSE(model.gradient("disease_embedding_layer.weight"), 14.4981, 1e-4);
}

TEST("medklip: a query of the first layer looks where the official one looks") {
  NoGradGuard no_grad;
  MedKlip model(1);
  const Tensor looks = model.run().at("image.attention")[0][20];
  int64_t i = 0;
  for (const double value : {0.0224802, 0.00946987, 0.0107615}) EXPECT_CLOSE(looks[i++].item<double>() / value, 1, digits);
}
