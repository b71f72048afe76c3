#include "engine/count.h"

#include "core/draw.h"
#include "distributed/in_ranks.h"
#include "profile/memory_timeline.h"
#include "test.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

namespace gd {
namespace {

// Small work: a team would only wait for itself.
struct OneThread {
  OneThread() { at::set_num_threads(1); }
  ~OneThread() { at::set_num_threads(before); }
  const int before = at::get_num_threads();
};

Value recipe(const std::string& image) {
  return Value::parse(R"({"seed": 3, "encoders": {"image": )" + image + R"(,
    "text": {"encoder": "bert", "options": {"vocabularySize": 200, "width": 64, "depth": 3, "heads": 4, "feedForward": 256,
      "maxTokens": 16, "dropout": 0.1, "attentionDropout": 0.1}}},
    "heads": [)" + (image.find("resnet") == image.npos ? "" : R"({"head": "linear-projection",
      "options": {"from": "image.global", "inputWidth": 128, "outputWidth": 64}},)") +
                      R"({"head": "linear-projection", "options": {"from": "text.global", "inputWidth": 64, "outputWidth": 64}}],
    "relation": {"relation": "identity"},
    "objectives": [{"objective": "global-contrast", "options": {}}],
    "optimise": {"optimiser": {"optimiser": "adamw", "options": {}}, "schedule": {"schedule": "constant", "options": {}},
      "lr": 0.001}})");
}

const std::string vit =
    R"({"encoder": "vit", "options": {"imageSize": 64, "patchSize": 8, "width": 64, "depth": 4, "heads": 4}})";
const std::string recomputed =
    R"({"encoder": "vit", "recompute": true, "options": {"imageSize": 64, "patchSize": 8, "width": 64, "depth": 4, "heads": 4}})";
const std::string resnet = R"({"encoder": "resnet", "options": {"depth": 18, "width": 16}})";

Features fields(int64_t batch) {
  Features out;
  Draw draw(17);
  Tensor pixels = at::empty({batch, 3, 64, 64}), ids = at::empty({batch, 16}, at::kLong);
  for (int64_t i = 0; i < pixels.numel(); ++i) pixels.data_ptr<float>()[i] = static_cast<float>(draw.normal());
  for (int64_t i = 0; i < ids.numel(); ++i) ids.data_ptr<int64_t>()[i] = static_cast<int64_t>(1 + draw.below(199));
  out.set("image.pixels", pixels);
  out.set("text.ids", ids);
  out.set("text.mask", at::ones({batch, 16}, at::kBool));
  return out;
}

CountOptions of(std::vector<int64_t> shares) {
  CountOptions out;
  out.shares = std::move(shares);
  return out;
}

void expect_peak(const std::string& image, int64_t batch, double tolerance) {
  Trainer counted(recipe(image), c10::kCPU), real(recipe(image), c10::kCPU);
  const Value found = count_step(counted, fields(8), 8, of({batch}));
  const Value& told = found.at("towers").array()[0].at("memory").at(std::to_string(batch));
  Stopwatch watch(c10::kCPU);
  real.step(fields(batch), batch, 0, 10, 0, watch);  // what is made once is made
  const Features once_more = fields(batch);
  for (const auto& group : real.groups())  // a step frees them, and the timeline knows only what came within it
    for (const auto& parameter : group.parameters) parameter.mutable_grad().reset();
  MemoryTimeline timeline;
  real.step(once_more, batch, 1, 10, 0, watch);
  timeline.pause();
  const double measured = peak_of(timeline).alone;
  const double ratio = told.at("alone").number() / measured;
  if (!(std::abs(ratio - 1) < tolerance))
    native_test::fail(__FILE__, __LINE__, c10::str(image, ": told ", told.at("alone").number(), " but measured ", measured));
  EXPECT(told.at("held").number() < told.at("alone").number());
}

std::map<std::string, std::pair<double, double>> by_kind(const Value::Array& collectives) {
  std::map<std::string, std::pair<double, double>> out;
  for (const auto& one : collectives) {
    auto& [calls, bytes] = out[one.at("kind").text()];
    calls += one.at("calls").number();
    bytes += one.at("bytes").number();
  }
  return out;
}

}  // namespace

TEST("count: memory of a batch is told from two and three samples, within 5 % of what the allocator gives") {
  const OneThread one_thread;
  expect_peak(vit, 16, 0.05);
  expect_peak(recomputed, 16, 0.05);
  expect_peak(resnet, 12, 0.05);
}

TEST("count: the towers' operations are those of a real step") {
  const OneThread one_thread;
  Trainer counted(recipe(vit), c10::kCPU), real(recipe(vit), c10::kCPU);
  const Value found = count_step(counted, fields(3), 3, of({6}));
  Stopwatch watch(c10::kCPU);
  const Work work = *real.step(fields(6), 6, 0, 10, 0, watch).work;
  for (const auto& [name, part] : found.at("towers").array()[1].at("parts").object()) {  // of three samples
    EXPECT_CLOSE(work.parts.at(name).forward, 2 * part.at("forward").number(), 1e-12);
    EXPECT_CLOSE(work.parts.at(name).backward, 2 * part.at("backward").number(), 1e-12);
  }
  EXPECT(work.parts.contains("encoders.image") && work.parts.contains("encoders.text"));
  EXPECT_CLOSE(work.parts.at("objectives.global-contrast").forward, 2.0 * 6 * 6 * 64, 1e-12);
}

TEST("count: changes no weight and leaves no gradient") {
  const OneThread one_thread;
  Trainer trainer(recipe(resnet), c10::kCPU);
  std::vector<Tensor> before;
  for (const auto& [name, tensor] : trainer.tensors()) before.push_back(tensor.detach().clone());
  count_step(trainer, fields(3), 3, of({3}));
  size_t i = 0;
  for (const auto& [name, tensor] : trainer.tensors()) {
    EXPECT(at::equal(tensor.detach(), before[i++]) || name.ends_with("num_batches_tracked"));
    EXPECT(!tensor.grad().defined());
  }
}

TEST("count: pretended ranks send what real ones do") {
  const OneThread one_thread;
  for (const int64_t world : {2, 4}) {
    const int64_t share = 3;
    Trainer counted(recipe(resnet), c10::kCPU);
    const Value found = count_step(counted, fields(share), share, of({share}));
    const auto& towers = found.at("towers").array();
    auto told = by_kind(towers.at(3).at("collectives").array());  // three samples of one of two ranks
    EXPECT(towers.at(3).at("world").integer() == 2 && towers.at(3).at("batch").integer() == share);
    // The unit of the loss' samples is 32: what it sends is linear in a rank's samples and in all.
    for (const auto& one : found.at("loss").array()) {
      if (one.at("world").integer() != world || one.at("batch").integer() != 3 * 32) continue;
      for (const auto& [kind, sent] : by_kind(one.at("collectives").array())) {
        told[kind].first += sent.first;
        told[kind].second += sent.second / 32;
      }
    }
    std::mutex mutex;
    in_ranks(world, [&](int64_t rank, std::shared_ptr<MeetingPoint> point, uint16_t port) {
      Trainer trainer(recipe(resnet), c10::kCPU);
      trainer.join(std::make_shared<ProcessGroup>(meeting(rank, world, port), std::move(point)), GradientCompression::none,
                   Negatives::global);
      Stopwatch watch(c10::kCPU);
      Features mine;
      for (const auto& [name, tensor] : fields(share * world)) mine.set(name, tensor.narrow(0, rank * share, share).contiguous());
      const Work work = *trainer.step(mine, share, 0, 10, rank * share, watch).work;
      std::map<std::string, std::pair<double, double>> sent;
      double gradients = 0, tensors = 0;
      for (const auto& [where, traffic] : work.collectives) {
        sent[where.second].first += static_cast<double>(traffic.calls);
        sent[where.second].second += traffic.bytes;
      }
      for (const auto& group : trainer.groups())
        for (const auto& parameter : group.parameters) {
          gradients += static_cast<double>(parameter.nbytes());
          ++tensors;
        }
      const std::lock_guard lock(mutex);
      EXPECT(sent.at("all-gather") == told.at("all-gather"));
      // Beside the parts' own: every gradient once, and four bytes a tensor to say which were reached.
      EXPECT_CLOSE(sent.at("all-reduce").second, told.at("all-reduce").second + gradients + 4 * tensors, 1e-12);
    });
  }
}

}  // namespace gd
