// A residual network over time for signals of several leads, such as a 12-lead ECG.
#include "core/parts.h"
#include "core/recompute.h"
#include "core/registry.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

// Normalises over channels and time of one sample (one group): no statistics of the batch, so pieces of a batch equal the whole.
Tensor norm(const Tensor& x, const Tensor& weight, const Tensor& bias) { return at::group_norm(x, 1, weight, bias, 1e-5); }

struct SignalResnet : Encoder {
  static constexpr const char* help =
      "Residual convolutions over time for signals of several leads (ECG); each stage halves the length and doubles the channels";
  static OptionList options() {
    return {integer_option("leads", 12, "channels of the signal"), integer_option("width", 32, "channels of the first stage"),
            integer_option("stages", 4, "stages of one residual block"),
            integer_option("kernel", 7, "samples under a filter; odd")};
  }
  static std::vector<std::string> gives() { return {"global", "patches"}; }
  static Example example() {
    return gd::example({{"leads", 2}, {"width", 4}, {"stages", 2}, {"kernel", 3}}, {{"values", {2, 16}}});
  }

  SignalResnet(Scope scope, const Options& options) : leads_(options.integer("leads")), kernel_(options.integer("kernel")) {
    expect(kernel_ % 2 == 1, "bad-option", "expected an odd kernel for signal-resnet but got ", kernel_);
    int64_t in = leads_, out = options.integer("width");
    stem_ = layer(scope / "stem", in, out, kernel_);
    for (int64_t stage = 0; stage < options.integer("stages"); ++stage) {
      in = out;
      if (stage > 0) out *= 2;
      const Scope block = scope / ("blocks." + std::to_string(stage));
      Block made{layer(block / "first", in, out, kernel_),
                 layer(block / "second", out, out, kernel_),
                 block.parameter("shortcut.weight", {out, in, 1}, Init::he_fan_out(out)),
                 {}};
      made.parameters = block.parameters();
      blocks_.push_back(std::move(made));
    }
  }

  Features operator()(const Features& fields, Pass& pass) override {
    const Tensor& values = fields.at("values");
    expect(values.dim() == 3 && values.size(1) == leads_, "bad-shape", "expected a signal [B, ", leads_, ", samples] but got ",
           values.sizes());
    Tensor x = at::relu(stem_(values.to(stem_.weight.scalar_type()), 2));
    for (const auto& block : blocks_) {
      x = recompute(x, pass, block.parameters, [&block](const Tensor& input, Pass&) {
        const Tensor inner = block.second(at::relu(block.first(input, 2)), 1);
        return at::relu(inner + at::conv1d(input, block.shortcut, {}, 2));
      });
    }
    Features out;
    out.set("global", x.mean(2));
    out.set("patches", x.transpose(1, 2));  // [B, N, D], N places in time
    return out;
  }

  int64_t depth() const override { return static_cast<int64_t>(blocks_.size()) + 1; }
  int64_t depth_of(std::string_view name) const override {
    if (name.substr(0, 7) != "blocks.") return 0;
    return std::stoll(std::string(name.substr(7, name.find('.', 7) - 7))) + 1;
  }

 private:
  struct Layer {
    Tensor weight, gain, shift;
    int64_t padding = 0;
    Tensor operator()(const Tensor& x, int64_t stride) const {
      return norm(at::conv1d(x, weight, {}, stride, padding), gain, shift);
    }
  };
  struct Block {
    Layer first, second;
    Tensor shortcut;
    std::vector<Tensor> parameters;
  };
  static Layer layer(const Scope& scope, int64_t in, int64_t out, int64_t kernel) {
    return {scope.parameter("conv.weight", {out, in, kernel}, Init::he_fan_out(out * kernel)),
            scope.parameter("norm.weight", {out}, Init::ones()), scope.parameter("norm.bias", {out}, Init::zeros()), kernel / 2};
  }
  const int64_t leads_, kernel_;
  Layer stem_;
  std::vector<Block> blocks_;
};

}  // namespace

GD_REGISTER(Encoder, "signal-resnet", SignalResnet)

}  // namespace gd
