// BioViL-T's image model against numbers that the official classes (microsoft/hi-ml, hi-ml-multimodal 0.2.2; float32, evaluation
// mode) gave on the weights and inputs of parity.h's rule.
#include "encoders/parity.h"
#include "heads/layers/temporal_pooler.h"
#include "test.h"

#include <ATen/ATen.h>

using namespace gd;

namespace {

constexpr double digits = 2e-5;  // the numbers have six

void near(const Tensor& found, std::initializer_list<double> wanted) {
  int64_t i = 0;
  for (const double value : wanted) EXPECT_CLOSE(found[i++].item<double>(), value, digits);
}

Tensor uniform(const std::string& name, at::IntArrayRef shape) {
  return ((parity::signed_uniform(name, shape) + 1) / 2).to(at::kFloat);
}

struct Model {
  Model() : state(at::kCPU, at::kFloat, 0) {
    encoder = Registry<Encoder>::instance().make("temporal-resnet", Scope(state, "encoder"), Value());
    projector = Registry<Head>::instance().make("mlp-projection", Scope(state, "projector.model"),
                                                Value(Value::Object{{"from", "image.patches"},
                                                                    {"to", "image.projected"},
                                                                    {"inputWidth", 512},
                                                                    {"hiddenWidth", 128},
                                                                    {"outputWidth", 128},
                                                                    {"norm", "batch"},
                                                                    {"hiddenBias", false}}));
    parity::fill(state);
  }
  Features run(const Features& fields) {
    Features out;
    Pass pass;
    out.merge("image", (*encoder)(fields, pass));
    (*projector)(out, pass);
    return out;
  }
  State state;
  std::unique_ptr<Encoder> encoder;
  std::unique_ptr<Head> projector;
};

}  // namespace

TEST("biovil-t: one image, and an image with an earlier one, give the official numbers; a batch may hold both") {
  NoGradGuard no_grad;
  Model model;
  int64_t parameters = 0;
  for (const Slot& slot : model.state.slots())
    if (!slot.buffer) parameters += slot.tensor.numel();
  EXPECT(parameters == 27349928 - 2049000);  // without the classifier that nothing calls
  const Tensor image = uniform("image", {1, 3, 448, 448}), prior = uniform("prior", {1, 3, 448, 448});
  const Tensor both = at::cat({image, image});
  Features fields;
  fields.set("pixels", both);
  fields.set("prior", at::cat({at::full_like(prior, 7), prior}));
  fields.set("priorPresent", at::tensor({0, 1}, at::kInt).to(at::kBool));
  const Features mixed = model.run(fields);
  const Tensor global = mixed.at("image.projected").mean(1), patches = mixed.at("image.patches")[1][3 * 14 + 5];
  near(global[0], {0.654978, -0.133467, 0.436063, 0.56948, 0.14698, 1.26075});
  near(global[1], {0.790638, 0.0841815, 0.321178, 0.215312, 0.163286, 1.19475});
  near(patches, {-1.64461, 0.541827, 0.0276944, -2.22503});
  near(patches.slice(0, 256), {-1.54895, 0.387917, -0.160863, -0.286347});
  Features alone;
  alone.set("pixels", image);
  EXPECT_CLOSE((model.run(alone).at("image.projected").mean(1) - global.slice(0, 0, 1)).abs().max().item<double>(), 0, 1e-4);
}

TEST("biovil-t: the pooler alone, with and without an earlier image, and its sine positions") {
  NoGradGuard no_grad;
  State state(at::kCPU, at::kFloat, 0);
  const TemporalPooler pooler(Scope(state, "encoder.vit_pooler"), {});
  parity::fill(state);
  const auto tokens = [](const char* name) {
    return parity::signed_uniform(name, {1, 256, 14, 14}).to(at::kFloat).flatten(2).transpose(1, 2);
  };
  Pass pass;
  const Tensor two = pooler(tokens("cur"), tokens("pri"), 14, 14, pass)[0];
  near(two[0], {-0.782815, 0.767525, -0.189041, 0.297161});
  near(two[13 * 14 + 13], {-0.774815, 0.439842, -0.341973, 0.595487});
  near(pooler(tokens("cur"), Tensor(), 14, 14, pass)[0][0], {-0.891302, 0.526765, -0.0137517, 0.110498});
  const Tensor places = sine_positions(14, 14, 256);
  near(places[0], {.433884, .900969, .378934, .925424});
  near(places[17], {.781831, .62349, .701349, .712818});
  near(places[17].slice(0, 128), {.974928, -.222521, .999868, .0162202});
  near(places[195].slice(0, 252), {.000837876, 1, .000725571, 1});
}
