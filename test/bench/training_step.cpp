// The training step itself, without data path and JavaScript: ResNet-50 + BERT-base, projections of width 512, symmetric InfoNCE,
// AdamW, fp32, on synthetic data through gd::Trainer. What makes it fast can be taken away.
//
//     training_step_bench [NAME=VALUE …]
// One step for every line on standard input, answered by a line of JSON, so that a bench can let programs take turns step by step.
//       batch=8 threads=2
//       layout=channels-last | contiguous   of the convolutions' weights and activations
//       malloc=keeps | system               told to keep freed memory, as the addon tells it; as it comes
//       dropout=0.1                         of BERT, on attention weights too
#include "processor_time.h"
#include "engine/trainer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <map>

#include <malloc.h>

using namespace gd;

namespace {

Value recipe(const std::string& dropout) {
  return Value::parse(R"({
    "seed": 0,
    "encoders": {
      "image": {"encoder": "resnet", "options": {"depth": 50}},
      "text": {"encoder": "bert", "options": {"dropout": )" + dropout + R"(, "attentionDropout": )" + dropout + R"(}}
    },
    "heads": [
      {"head": "linear-projection", "options": {"from": "image.global", "inputWidth": 2048, "outputWidth": 512, "bias": false}},
      {"head": "linear-projection", "options": {"from": "text.global", "inputWidth": 768, "outputWidth": 512, "bias": false}}
    ],
    "relation": {"relation": "identity"},
    "objectives": [{"objective": "global-contrast"}],
    "optimise": {"optimiser": {"optimiser": "adamw"}, "schedule": {"schedule": "constant"}, "lr": 1e-4, "decay": 0.01}
  })");
}

// The plain layout for weights and moments, and with them for pixels: pixels_of lays an image out as the first weight is.
void make_contiguous(Trainer& trainer) {
  NoGradGuard no_grad;
  for (const auto& [name, tensor] : trainer.tensors())
    if (tensor.dim() == 4) tensor.unsafeGetTensorImpl()->shallow_copy_from(tensor.contiguous().getIntrusivePtr());
}

Features fields(int64_t batch) {
  Features out;
  out.set("image.pixels", at::randn({batch, 3, 224, 224}));
  out.set("text.ids", at::randint(1000, 30000, {batch, 64}, at::kLong));
  out.set("text.mask", at::ones({batch, 64}, at::kBool));
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options{
      {"batch", "8"}, {"threads", "2"}, {"layout", "channels-last"}, {"malloc", "keeps"}, {"dropout", "0.1"}};
  for (int i = 1; i < argc; ++i) {
    const std::string given = argv[i];
    const size_t equals = given.find('=');
    if (equals == std::string::npos || !options.contains(given.substr(0, equals))) {
      std::fprintf(stderr, "expected batch, threads, layout, malloc or dropout =VALUE but got '%s'\n", argv[i]);
      return 2;
    }
    options[given.substr(0, equals)] = given.substr(equals + 1);
  }
  const int64_t batch = std::stoll(options["batch"]);
  if (options["malloc"] == "keeps") {  // as the addon does
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 64 << 20);
  }
  at::set_num_threads(std::stoi(options["threads"]));
  Trainer trainer(recipe(options["dropout"]), c10::kCPU);
  if (options["layout"] == "contiguous") make_contiguous(trainer);
  const Features data = fields(batch);

  std::string line;
  for (int64_t step = 0; std::getline(std::cin, line); ++step) {
    const rusage before = usage();
    const auto begun = std::chrono::steady_clock::now();
    Stopwatch watch(c10::kCPU);
    const StepOutcome outcome = trainer.step(data, batch, step, /*total=*/1000, 0, watch);
    watch.start("");
    if (!std::isfinite(outcome.loss.item<double>())) {
      std::fprintf(stderr, "expected a finite loss but got another at step %ld\n", static_cast<long>(step));
      return 1;
    }
    const double spent = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
    const rusage after = usage();
    Value phases{Value::Object{}}, out;
    for (const auto& [phase, ms] : watch.milliseconds()) phases.set(phase, ms);
    out.set("milliseconds", spent);
    out.set("processorMilliseconds", processor(after) - processor(before));
    out.set("pageFaults", static_cast<double>(after.ru_minflt - before.ru_minflt));
    out.set("peakBytes", static_cast<double>(after.ru_maxrss) * 1024);
    out.set("phases", phases);
    std::printf("%s\n", out.dump().c_str());
    std::fflush(stdout);
  }
  return 0;
}
