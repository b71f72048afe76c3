// A multi-layer perceptron over a row of numbers with missing values.
#include "core/parts.h"
#include "core/registry.h"
#include "heads/layers/linear.h"
#include "kernels/dropout.h"

#include <ATen/ATen.h>

namespace gd {
namespace {

// A missing number (not finite) becomes 0 and is told so by a second input, so that "missing" and "average" differ.
struct TableMlp : Encoder {
  static constexpr const char* help =
      "Perceptron over a row of numbers; missing ones (not finite) are flagged beside their value";
  static OptionList options() {
    return {required(integer_option("columns", 0, "numbers a row")), integer_option("width", 256, "width of the layers, D"),
            integer_option("layers", 2, "hidden layers"), number_option("dropout", 0, "probability, after each hidden layer")};
  }
  static std::vector<std::string> gives() { return {"global"}; }
  static Example example() {
    return gd::example({{"columns", 3}, {"width", 4}, {"layers", 2}, {"dropout", 0.3}}, {{"values", {3}}});
  }

  TableMlp(Scope scope, const Options& options) : columns_(options.integer("columns")), dropout_(options.number("dropout")) {
    int64_t in = 2 * columns_;
    for (int64_t i = 0; i < options.integer("layers"); ++i) {
      const Scope layer = scope / ("layers." + std::to_string(i));
      const int64_t out = options.integer("width");
      layers_.emplace_back(layer.parameter("weight", {out, in}, Init::fan_in(in)), layer.parameter("bias", {out}, Init::zeros()));
      in = out;
    }
  }

  Features operator()(const Features& fields, Pass& pass) override {
    const Tensor& values = fields.at("values");
    expect(values.dim() == 2 && values.size(1) == columns_, "bad-shape", "expected rows [B, ", columns_, "] but got ",
           values.sizes());
    const Tensor x = values.to(layers_.front().first.scalar_type());
    const Tensor there = at::isfinite(x);
    Tensor y = at::cat({at::where(there, x, at::zeros_like(x)), there.logical_not().to(x.scalar_type())}, 1);
    for (const auto& [weight, bias] : layers_) y = dropout(at::gelu(linear(y, weight, bias)), dropout_, pass);
    Features out;
    out.set("global", y);
    return out;
  }

  int64_t depth() const override { return static_cast<int64_t>(layers_.size()); }
  int64_t depth_of(std::string_view name) const override {
    return std::stoll(std::string(name.substr(7, name.find('.', 7) - 7)));
  }

 private:
  const int64_t columns_;
  const double dropout_;
  std::vector<std::pair<Tensor, Tensor>> layers_;
};

}  // namespace

GD_REGISTER(Encoder, "table-mlp", TableMlp)

}  // namespace gd
