#include "encoders/parity.h"

#include "test.h"

#include <ATen/ATen.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace gd::parity {
namespace {

uint32_t seed_of(const std::string& name) {
  uint32_t h = 2166136261u;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 16777619u;
  return h;
}

double uniform(uint32_t seed, uint32_t index) {
  uint32_t x = index * 2654435761u + seed;
  x ^= x >> 16;
  x *= 2246822519u;
  x ^= x >> 13;
  x *= 3266489917u;
  x ^= x >> 16;
  return x * 0x1p-32;
}

// f(u) for every element, row-major, rounded to float32.
template <class Map>
Tensor numbers(const std::string& name, at::IntArrayRef shape, Map map) {
  Tensor out = at::empty(shape, at::kFloat);
  float* to = out.mutable_data_ptr<float>();
  const uint32_t seed = seed_of(name);
  for (int64_t i = 0; i < out.numel(); ++i) to[i] = static_cast<float>(map(uniform(seed, static_cast<uint32_t>(i))));
  return out;
}

std::vector<int64_t> sizes(const Value& shape) {
  std::vector<int64_t> out;
  for (const Value& side : shape.array()) out.push_back(side.integer());
  return out;
}

Tensor matrix(const Value& rows) {
  std::vector<int64_t> all;
  for (const Value& row : rows.array())
    for (const Value& id : row.array()) all.push_back(id.integer());
  return at::tensor(all).view({static_cast<int64_t>(rows.array().size()), -1});
}

bool ends_with(const std::string& name, const char* end) { return std::string_view(name).ends_with(end); }

}  // namespace

Tensor signed_uniform(const std::string& name, at::IntArrayRef shape) {
  Tensor out = at::empty(shape, at::kDouble);
  const uint32_t seed = seed_of(name);
  for (int64_t i = 0; i < out.numel(); ++i) out.mutable_data_ptr<double>()[i] = 2 * uniform(seed, static_cast<uint32_t>(i)) - 1;
  return out;
}

Value cases(const std::string& name) {
  const auto leaf = std::filesystem::path("test/fixtures/parity") / (name + ".json");
  for (auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path(); folder.has_relative_path();
       folder = folder.parent_path()) {
    std::ifstream file(folder / leaf);
    if (!file) continue;
    std::stringstream text;
    text << file.rdbuf();
    return Value::parse(text.str()).at("cases");
  }
  fail("missing-fixture", "expected ", leaf.string(), " above the test program but found none");
}

Tensor signed_numbers(const std::string& name, at::IntArrayRef shape) {
  return numbers(name, shape, [](double u) { return 2 * u - 1; });
}

Tensor pixels(const Value& shape) {
  return numbers("image", sizes(shape), [](double u) { return (u - 0.5) / 0.25; });
}

void fill(State& state) {
  const NoGradGuard no_grad;
  for (Slot& slot : state.slots()) {
    Tensor& t = slot.tensor;
    if (!t.is_floating_point()) continue;
    double middle = 0, reach = 0.1;
    if (ends_with(slot.name, "running_var")) {
      middle = 1, reach = 0.5;
    } else if (!ends_with(slot.name, "running_mean")) {
      if (t.dim() >= 2)
        reach = std::sqrt(3.0 / static_cast<double>(t.numel() / t.size(0)));
      else if (ends_with(slot.name, "weight"))
        middle = 1;
    }
    t.copy_(numbers(slot.name, t.sizes(), [&](double u) { return middle + reach * (2 * u - 1); }));
  }
}

void expect_outputs(const Features& outputs, const Value& made, double tolerance) {
  for (const auto& [name, wanted] : made.at("outputs").object()) {
    const Tensor flat = outputs.at(name).detach().to(at::kDouble).contiguous().view(-1);
    EXPECT(outputs.at(name).sizes() == at::IntArrayRef(sizes(wanted.at("shape"))));
    EXPECT_CLOSE(flat.norm().item<double>() / wanted.at("norm").number(), 1.0, tolerance);
    const auto& values = wanted.at("values").array();
    const auto count = static_cast<int64_t>(values.size());
    double largest = 1e-12, worst = 0;
    for (int64_t i = 0; i < count; ++i) {
      const double value = values[static_cast<size_t>(i)].number();
      largest = std::max(largest, std::abs(value));
      worst = std::max(worst, std::abs(value - flat[i * (flat.numel() - 1) / (count - 1)].item<double>()));
    }
    if (!(worst <= tolerance * largest))
      native_test::fail(__FILE__, __LINE__, c10::str(name, ": largest difference ", worst, " beside values up to ", largest));
  }
}

void expect_gradients(const Features& outputs, State& state, const Value& made, double tolerance) {
  Tensor loss;
  for (const auto& [name, wanted] : made.at("outputs").object()) {
    const Tensor& x = outputs.at(name);
    const Tensor part = (x * signed_numbers("loss." + name, x.sizes()).to(x.scalar_type())).sum();
    loss = loss.defined() ? loss + part : part;
  }
  loss.backward();
  double largest = 0;
  for (const auto& [name, norm] : made.at("gradientNorms").object()) largest = std::max(largest, norm.number());
  for (const auto& [name, norm] : made.at("gradientNorms").object()) {
    const Slot* slot = state.find(name);
    if (!slot) {
      native_test::fail(__FILE__, __LINE__, "expected a parameter " + name + " but there is none");
      continue;
    }
    const Tensor gradient = slot->tensor.grad();
    const double got = gradient.defined() ? gradient.to(at::kDouble).norm().item<double>() : 0;
    if (!(std::abs(got - norm.number()) <= tolerance * std::max(norm.number(), 1e-2 * largest)))
      native_test::fail(__FILE__, __LINE__,
                        c10::str("gradient of ", name, ": expected the norm ", norm.number(), " but got ", got));
  }
}

void expect_keys(const State& state, const Value& made) {
  std::map<std::string, std::vector<int64_t>> ours, theirs;
  for (const Slot& slot : state.slots()) ours[slot.name] = slot.tensor.sizes().vec();
  for (const Value& key : made.at("keys").array()) theirs[key.array()[0].text()] = sizes(key.array()[1]);
  for (const auto& [name, shape] : theirs)
    if (!ours.contains(name) || ours[name] != shape)
      native_test::fail(__FILE__, __LINE__, c10::str("expected the parameter ", name, " of shape ", shape));
  for (const auto& [name, shape] : ours)
    if (!theirs.contains(name)) native_test::fail(__FILE__, __LINE__, "unexpected parameter " + name);
}

void compare_encoder(const std::string& encoder, const Value& made, Precision precision, Pass pass) {
  State state(at::kCPU, precision.type, 1);
  const auto built = Registry<Encoder>::instance().make(encoder, Scope(state, ""), made.at("options"));
  if (made.find("keys")) expect_keys(state, made);
  fill(state);
  Features fields;
  if (const Value* shape = made.find("pixels")) fields.set("pixels", pixels(*shape));
  if (const Value* ids = made.find("ids")) fields.set("ids", matrix(*ids));
  if (const Value* types = made.find("types"); types && !types->is_null()) fields.set("types", matrix(*types));
  pass.training = made.flag("training", false);
  Features outputs = (*built)(fields, pass);
  if (made.at("outputs").find("tokens") && encoder == "bert")  // padding's features are compared with nothing
    outputs.set("tokens", outputs.at("tokens") * outputs.at("mask").unsqueeze(-1));
  expect_outputs(outputs, made, precision.output);
  expect_gradients(outputs, state, made, precision.gradient);
  if (const Value* buffers = made.find("buffers"))
    for (const auto& [name, norm] : buffers->object())
      EXPECT_CLOSE(state.find(name)->tensor.to(at::kDouble).norm().item<double>(), norm.number(), precision.gradient);
}

}  // namespace gd::parity
