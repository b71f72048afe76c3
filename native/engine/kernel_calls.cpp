// Kernels on plain numbers, for whoever wants a loss and its gradients without a training run (src/native/kernels.ts).
#include "core/error.h"
#include "engine/engine.h"
#include "engine/tensor_bytes.h"
#include "kernels/contrast.h"
#include "kernels/sigmoid_contrast.h"
#include "kernels/word_region.h"
#include "objectives/listed_positives.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <optional>

namespace gd {

namespace {

// Numbers of an argument as a tensor of its own. `name` is the argument's name for error sentences too.
Tensor numbers(const Value& arguments, const char* name, std::vector<int64_t> sizes, at::ScalarType type = at::kFloat) {
  const auto& bytes = *arguments.at(name).bytes();
  const int64_t count = static_cast<int64_t>(bytes.size()) / static_cast<int64_t>(c10::elementSize(type));
  int64_t wanted = 1;
  for (const int64_t size : sizes) wanted *= size;
  expect(count == wanted, "bad-shape", "expected ", wanted, " numbers, ", at::IntArrayRef(sizes), ", for ", name, " but got ",
         count);
  return at::from_blob(const_cast<uint8_t*>(bytes.data()), sizes, type).clone();
}

// Features that a gradient is wanted of. A number that is not finite would spread over every row, so it is named.
Tensor features(const Value& arguments, const char* name, std::vector<int64_t> sizes) {
  Tensor out = numbers(arguments, name, std::move(sizes));
  const Tensor wrong = at::isfinite(out).logical_not().view({-1});
  if (wrong.any().item<bool>()) {
    const int64_t place = wrong.to(at::kByte).argmax().item<int64_t>(), width = out.size(-1);
    fail("not-finite", "expected finite numbers for ", name, " but got ", out.view({-1})[place].item<float>(), " in row ",
         place / width, ", column ", place % width);
  }
  return out.set_requires_grad(true);
}

bool given(const Value& arguments, const char* name) {
  const Value* found = arguments.find(name);
  return found && !found->is_null();
}

Tensor flags(const Value& arguments, const char* name, std::vector<int64_t> sizes) {
  return given(arguments, name) ? numbers(arguments, name, std::move(sizes), at::kByte).to(at::kBool) : Tensor();
}

int64_t count_of(const Value& arguments, const char* name) {
  const int64_t count = arguments.at(name).integer();
  expect(count > 0, "bad-shape", "expected at least 1 for ", name, " but got ", count);
  return count;
}

// One number or one for each row.
Tensor scale_of(const Value& arguments, int64_t rows) {
  if (arguments.at("scale").is_bytes()) return features(arguments, "scale", {rows});
  const double scale = arguments.at("scale").number();
  expect(std::isfinite(scale), "not-finite", "expected a finite number for scale but got ", scale);
  return at::scalar_tensor(scale, at::kFloat).set_requires_grad(true);
}

// Sums over the rows that are there, divided by their number.
Tensor mean(const Tensor& values, const Tensor& there) {
  if (!there.defined()) return values.mean();
  return at::where(there, values, at::zeros_like(values)).sum() / there.sum().clamp_min(1).to(values.scalar_type());
}

// Pairs (image, text) in any order.
PairList pairs_of(const Value& arguments, const char* name, int64_t rows, int64_t columns) {
  const int64_t count = static_cast<int64_t>(arguments.at(name).bytes()->size() / (2 * sizeof(int32_t)));
  const Tensor pairs = numbers(arguments, name, {count, 2}, at::kInt).to(at::kLong);
  const Tensor limits = at::tensor({rows, columns}, at::kLong);
  const Tensor wrong = (pairs < 0).logical_or(pairs >= limits).any(1);
  if (wrong.any().item<bool>()) {
    const int64_t place = wrong.to(at::kByte).argmax().item<int64_t>();
    fail("bad-shape", "expected an image below ", rows, " and a text below ", columns, " for ", name, " but got ",
         pairs[place][0].item<int64_t>(), " and ", pairs[place][1].item<int64_t>(), " in pair ", place);
  }
  const Tensor keys = std::get<0>((pairs.select(1, 0) * columns + pairs.select(1, 1)).sort());
  expect((keys.diff() > 0).all().item<bool>(), "bad-shape", "expected each pair once for ", name, " but got some twice");
  return {at::searchsorted(keys.floor_divide(columns), at::arange(rows + 1)), keys.remainder(columns).to(at::kInt)};
}

// How positives are taken one by one: where they are listed, or where negatives are weighted.
std::optional<ListedPositives> listed_of(const Value& arguments, int64_t rows, int64_t columns) {
  ListedPositives out;
  out.hardness = arguments.number("hardness", 0);
  const bool listed = given(arguments, "positives");
  if (!listed && out.hardness == 0) return std::nullopt;
  expect(out.hardness >= 0 && std::isfinite(out.hardness), "bad-option", "expected a number of at least 0 for hardness but got ",
         out.hardness);
  expect(!given(arguments, "imageLabels"), "bad-option", "expected no label vectors beside positives or hardness but got some");
  const std::string form = arguments.text("form", listed && out.hardness == 0 ? "mean" : "apart");
  expect(form == "apart" || out.hardness == 0, "bad-option", "expected form apart beside a hardness but got ", form);
  expect(form == "mean" || form == "apart" || form == "any", "bad-option", "expected mean, apart or any for form but got ", form);
  out.form = form == "mean" ? Positives::mean : form == "apart" ? Positives::apart : Positives::any;
  if (listed) {
    out.positive = pairs_of(arguments, "positives", rows, columns);
    if (given(arguments, "neutral")) out.neutral = pairs_of(arguments, "neutral", rows, columns);
  } else {
    expect(rows == columns, "bad-shape", "expected as many texts as images where row i belongs with row i but got ", columns,
           " and ", rows);
    out.positive = {at::arange(rows + 1, at::kLong), at::arange(rows, at::kInt)};
  }
  return out;
}

void add_gradients(Value& out, const Tensor& loss, std::initializer_list<std::pair<const char*, Tensor>> inputs) {
  out.set("loss", loss.item<double>());
  torch::autograd::backward({loss}, {});
  for (const auto& [name, input] : inputs) {
    const Tensor gradient = input.grad().defined() ? input.grad() : at::zeros_like(input);
    if (gradient.dim() == 0)
      out.set(name, gradient.item<double>());
    else
      out.set(name, bytes_of(gradient));
  }
}

Value call_contrast(const Value& arguments) {
  const int64_t rows = count_of(arguments, "rows"), columns = count_of(arguments, "columns"),
                width = count_of(arguments, "width");
  const Tensor image = features(arguments, "image", {rows, width}), text = features(arguments, "text", {columns, width});
  const Tensor scale = scale_of(arguments, rows);
  ContrastPlan plan;
  plan.row_there = flags(arguments, "imageThere", {rows});
  plan.column_there = flags(arguments, "textThere", {columns});
  const bool labels = given(arguments, "imageLabels");
  const double weight = arguments.number("imageWeight", 0.5);
  Value out;
  if (const auto listed = listed_of(arguments, rows, columns)) {
    listed->ask(plan);
    const Contrast found = contrast(image, text, scale * listed->scale_factor(), plan);
    const auto there = [](const Tensor& given, int64_t count) { return given.defined() ? given : at::ones({count}, at::kBool); };
    const ListedLosses losses = listed_losses(*listed, found, there(plan.row_there, rows), there(plan.column_there, columns));
    out.set("imageLogSumExp", bytes_of(found.row_lse));
    out.set("textLogSumExp", bytes_of(found.column_lse));
    add_gradients(
        out, mean(losses.row_loss, losses.row_counts) * weight + mean(losses.column_loss, losses.column_counts) * (1 - weight),
        {{"imageGradient", image}, {"textGradient", text}, {"scaleGradient", scale}});
    return out;
  }
  if (labels) {
    const int64_t classes = count_of(arguments, "classes");
    plan.row_labels = numbers(arguments, "imageLabels", {rows, classes});
    plan.column_labels = numbers(arguments, "textLabels", {columns, classes});
    plan.label_temperature = arguments.number("labelTemperature", 1);
    expect(plan.label_temperature > 0, "bad-option", "expected a number above 0 for labelTemperature but got ",
           plan.label_temperature);
  } else {
    expect(rows == columns, "bad-shape", "expected as many texts as images where row i belongs with row i but got ", columns,
           " and ", rows);
    plan.row_partner = plan.column_partner = at::arange(rows, at::kLong);
    if (plan.row_there.defined() || plan.column_there.defined()) {
      const Tensor all = at::ones({rows}, at::kBool);
      plan.row_there = plan.column_there =
          (plan.row_there.defined() ? plan.row_there : all) & (plan.column_there.defined() ? plan.column_there : all);
    }
  }
  const Contrast found = contrast(image, text, scale, plan);
  const Tensor by_row = labels ? found.row_lse - found.row_target : (found.row_lse - found.row_own) + found.row_lse_rest;
  const Tensor by_column =
      labels ? found.column_lse - found.column_target : (found.column_lse - found.column_own) + found.column_lse_rest;
  out.set("imageLogSumExp", bytes_of(found.row_lse));
  out.set("textLogSumExp", bytes_of(found.column_lse));
  if (!labels) {
    out.set("imageRank", bytes_of(found.row_rank));
    out.set("textRank", bytes_of(found.column_rank));
  }
  add_gradients(out, mean(by_row, plan.row_there) * weight + mean(by_column, plan.column_there) * (1 - weight),
                {{"imageGradient", image}, {"textGradient", text}, {"scaleGradient", scale}});
  return out;
}

Value call_sigmoid_contrast(const Value& arguments) {
  const int64_t rows = count_of(arguments, "rows"), columns = count_of(arguments, "columns"),
                width = count_of(arguments, "width");
  const Tensor image = features(arguments, "image", {rows, width}), text = features(arguments, "text", {columns, width});
  const Tensor scale = scale_of(arguments, rows);
  const Tensor bias = at::scalar_tensor(arguments.at("bias").number(), at::kFloat).set_requires_grad(true);
  expect(rows == columns, "bad-shape", "expected as many texts as images where row i belongs with row i but got ", columns,
         " and ", rows);
  SigmoidContrastPlan plan;
  plan.row_there = flags(arguments, "imageThere", {rows});
  plan.column_there = flags(arguments, "textThere", {columns});
  plan.row_partner = at::arange(rows, at::kLong);
  const int64_t there = plan.row_there.defined() ? std::max<int64_t>(plan.row_there.sum().item<int64_t>(), 1) : rows;
  const SigmoidContrastTotal found = sigmoid_contrast(image, text, scale, bias, plan);
  Value out;
  out.set("imageSum", bytes_of(found.row_sum));
  out.set("imageRank", bytes_of(found.row_rank));
  add_gradients(out, found.total / static_cast<double>(there),
                {{"imageGradient", image}, {"textGradient", text}, {"scaleGradient", scale}, {"biasGradient", bias}});
  return out;
}

Value call_word_region(const Value& arguments) {
  const int64_t images = count_of(arguments, "images"), regions = count_of(arguments, "regions"),
                texts = count_of(arguments, "texts"), words = count_of(arguments, "words"), width = count_of(arguments, "width");
  const Tensor image = features(arguments, "image", {images, regions, width}),
               text = features(arguments, "text", {texts, words, width});
  const Tensor word_mask = flags(arguments, "wordMask", {texts, words});
  WordRegionOptions options;
  options.region_scale = arguments.number("regionScale", options.region_scale);
  options.word_scale = arguments.number("wordScale", options.word_scale);
  const double logit_scale = arguments.number("logitScale", 10);
  expect(images == texts, "bad-shape", "expected as many texts as images where row i belongs with row i but got ", texts, " and ",
         images);
  const Tensor z = word_region(image, text, word_mask, flags(arguments, "regionMask", {images, regions}), options);
  const Tensor logits = z * logit_scale, own = logits.diagonal();
  Value out;
  out.set("scores", bytes_of(z));
  add_gradients(out, (at::logsumexp(logits, 1) - own).mean() + (at::logsumexp(logits, 0) - own).mean(),
                {{"imageGradient", image}, {"textGradient", text}});
  return out;
}

}  // namespace

// arguments: { kernel: 'contrast' | 'sigmoid-contrast' | 'word-region', … }
Value Engine::kernel(const Value& arguments) {
  const std::string& name = arguments.at("kernel").text();
  if (name == "contrast") return call_contrast(arguments);
  if (name == "sigmoid-contrast") return call_sigmoid_contrast(arguments);
  if (name == "word-region") return call_word_region(arguments);
  fail("bad-option", "expected contrast, sigmoid-contrast or word-region for a kernel but got '", name, "'");
}

}  // namespace gd
