#include "profile/operators.h"

#include <ATen/core/Tensor.h>

#include <unordered_map>

namespace gd {

namespace {

using Inputs = c10::ArrayRef<const c10::IValue>;

at::Tensor tensor(Inputs inputs, size_t i) {
  return i < inputs.size() && inputs[i].isTensor() ? inputs[i].toTensor() : at::Tensor();
}

double number(int64_t x) { return static_cast<double>(x); }

// [m, k] · [k, n] at places `a` and `b`: 2·m·k·n
template <size_t a, size_t b>
OperatorWork product(Inputs inputs) {
  const at::Tensor x = tensor(inputs, a), y = tensor(inputs, b);
  return {2 * number(x.numel()) * number(y.size(-1))};
}

// [m, k] · [k]
template <size_t a>
OperatorWork matrix_vector(Inputs inputs) {
  return {2 * number(tensor(inputs, a).numel())};
}

// x [rows, in], weight [out, in]
OperatorWork linear(Inputs inputs) { return {2 * number(tensor(inputs, 0).numel()) * number(tensor(inputs, 1).size(0))}; }

// weight [out, in/groups, kernel…]: every output position takes in/groups·kernel multiply-adds; transposed, every input position
// gives to out/groups·kernel, with weight [in, out/groups, kernel…].
double convolution_of(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& output, bool transposed) {
  const at::Tensor& positions = transposed ? input : output;
  return 2 * number(positions.numel()) * number(weight.numel() / weight.size(0));
}

// Positions of the output, by the usual rule.
double output_numel(const at::Tensor& input, const at::Tensor& weight, const std::vector<int64_t>& stride,
                    const std::vector<int64_t>& padding, const std::vector<int64_t>& dilation) {
  double out = number(input.size(0)) * number(weight.size(0));
  const auto at = [](const std::vector<int64_t>& list, int64_t i) { return list[list.size() == 1 ? 0 : static_cast<size_t>(i)]; };
  for (int64_t d = 0; d < weight.dim() - 2; ++d)
    out *= number((input.size(d + 2) + 2 * at(padding, d) - at(dilation, d) * (weight.size(d + 2) - 1) - 1) / at(stride, d) + 1);
  return out;
}

// convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)
OperatorWork convolution(Inputs inputs) {
  const at::Tensor input = tensor(inputs, 0), weight = tensor(inputs, 1);
  if (inputs[6].toBool()) return {convolution_of(input, weight, {}, true)};
  const double positions = output_numel(input, weight, inputs[3].toIntVector(), inputs[4].toIntVector(), inputs[5].toIntVector());
  return {2 * positions * number(weight.numel() / weight.size(0))};
}

// convolution_backward(grad_output, input, weight, bias_sizes, stride, padding, dilation, transposed, output_padding, groups,
// output_mask): the gradients of input and weight cost one forward each.
OperatorWork convolution_backward(Inputs inputs) {
  const auto wanted = inputs[10].toBoolList();
  const double one = convolution_of(tensor(inputs, 1), tensor(inputs, 2), tensor(inputs, 0), inputs[7].toBool());
  return {one * ((wanted[0] ? 1 : 0) + (wanted[1] ? 1 : 0))};
}

// queries [B, H, Q, D], keys [B, H, K, D], values [B, H, K, V] from place `first`: scores and their sum over values
double scores_of(Inputs inputs, size_t first) {
  return 2 * number(tensor(inputs, first).numel()) * number(tensor(inputs, first + 1).size(-2));
}
double weighted_of(Inputs inputs, size_t first) {
  const at::Tensor q = tensor(inputs, first), v = tensor(inputs, first + 2);
  return 2 * number(q.numel() / q.size(-1)) * number(v.size(-2)) * number(v.size(-1));
}
OperatorWork attention(Inputs inputs) { return {scores_of(inputs, 0) + weighted_of(inputs, 0)}; }

// Two products for each of the forward's, and the scores once more.
OperatorWork attention_backward(Inputs inputs) {
  return {2 * (scores_of(inputs, 1) + weighted_of(inputs, 1)), scores_of(inputs, 1)};
}

}  // namespace

OperatorFormula formula_of(std::string_view name) {
  static const std::unordered_map<std::string_view, OperatorFormula> formulas{
      {"aten::mm", product<0, 1>},
      {"aten::bmm", product<0, 1>},
      {"aten::addmm", product<1, 2>},
      {"aten::addmm_", product<1, 2>},
      {"aten::addbmm", product<1, 2>},
      {"aten::baddbmm", product<1, 2>},
      {"aten::baddbmm_", product<1, 2>},
      {"aten::_addmm_activation", product<1, 2>},
      {"aten::addmv", matrix_vector<1>},
      {"aten::addmv_", matrix_vector<1>},
      {"aten::dot", matrix_vector<0>},
      {"mkldnn::_linear_pointwise", linear},
      {"aten::convolution", convolution},
      {"aten::convolution_backward", convolution_backward},
      {"aten::_scaled_dot_product_flash_attention_for_cpu", attention},
      {"aten::_scaled_dot_product_flash_attention", attention},
      {"aten::_scaled_dot_product_efficient_attention", attention},
      {"aten::_scaled_dot_product_cudnn_attention", attention},
      {"aten::_scaled_dot_product_flash_attention_for_cpu_backward", attention_backward},
      {"aten::_scaled_dot_product_flash_attention_backward", attention_backward},
      {"aten::_scaled_dot_product_efficient_attention_backward", attention_backward},
      {"aten::_scaled_dot_product_cudnn_attention_backward", attention_backward},
  };
  const auto found = formulas.find(name);
  return found == formulas.end() ? nullptr : found->second;
}

}  // namespace gd
