#include "data/loader.h"

#include "data/shard_builder.h"
#include "test.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <numeric>
#include <thread>

using namespace native_test;

namespace {

Value all_changes() {
  Value image;
  image.set("size", 24);
  image.set("cropScale", Value::Array{0.3, 1.0});
  image.set("flip", 0.5);
  for (const char* name : {"affine", "equalise", "brightness", "contrast", "blur", "noise", "cutOut"}) image.set(name, 0.5);
  image.set("shear", 5);
  return image;
}

std::vector<gd::NamedInput> image_and_text() {
  Value image, text, data;
  image.set("input", "image");
  image.set("options", all_changes());
  Value words;
  words.set("shuffle", true);
  words.set("maskProbability", 0.2);
  words.set("maskId", 3);
  words.set("vocabularySize", 1000);
  words.set("endId", 1);
  text.set("input", "text");
  text.set("options", words);
  data.set("image", image);
  data.set("text", text);
  return gd::make_inputs(data);
}

// 40 studies; number 13 has a damaged picture, 17 no text, 21 an empty one.
std::vector<Study> studies() {
  std::vector<Study> out;
  for (uint32_t i = 0; i < 40; ++i) {
    Study study;
    for (uint32_t k = 0; k <= i % 3; ++k) study.images.push_back(grey(30 + static_cast<int32_t>(i), 45, i * 10 + k));
    for (int k = 0; k < 3; ++k) {
      Words words{"findings", {}};
      for (int s = 0; s < 4; ++s)
        words.sentences.push_back(std::vector<int32_t>(2 + (i + static_cast<uint32_t>(s)) % 5,
                                                       static_cast<int32_t>(10 + i + 100 * static_cast<uint32_t>(s))));
      study.texts.push_back(words);
    }
    if (i == 13) study.images = {{.data = {1, 2, 3}, .codec = "jpeg"}};
    if (i == 17) study.texts.clear();
    if (i == 21) study.texts = {{"findings", {{}}}};
    out.push_back(study);
  }
  return out;
}

struct Seen {
  std::vector<std::vector<uint8_t>> fields;
  std::vector<std::string> rejects;
};

Seen pass(const std::shared_ptr<gd::Dataset>& data, int threads, int64_t ahead) {
  gd::Loader loader(data, image_and_text(), {.batch = 7, .threads = threads, .ahead = ahead, .seed = 5});
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    std::vector<uint32_t> rows(35);
    std::iota(rows.begin(), rows.end(), 0);
    loader.push(rows, epoch, 0);
    loader.push({35, 36, 37, 38}, epoch, 35, 4);
  }
  loader.end();
  Seen seen;
  int64_t batches = 0;
  while (true) {
    const gd::Batch batch = loader.next();
    if (batch.size == 0) break;
    EXPECT(batch.epoch == batches / 6 && batch.first == batches % 6 * 7 && batch.size == (batches % 6 == 5 ? 4 : 7));
    EXPECT(batch.rows.front() == static_cast<uint32_t>(batch.first));
    for (const auto& [name, tensor] : batch.fields) {
      const auto* from = static_cast<const uint8_t*>(tensor.data_ptr());
      seen.fields.emplace_back(from, from + tensor.nbytes());
    }
    for (const auto& reject : batch.rejects)
      seen.rejects.push_back(reject.file + " " + std::to_string(reject.row) + " " + reject.field);
    ++batches;
  }
  EXPECT(batches == 18);
  return seen;
}

}  // namespace

TEST("loader: batches are bit-equal for any number of threads and batches ahead") {
  const auto data = dataset_of(studies());
  const Seen one = pass(data, 1, 1);
  EXPECT(one.rejects.size() == 6);
  EXPECT(one.rejects.front() == "memory.arrow 13 image" && one.rejects[1] == "memory.arrow 21 text");
  for (const auto& [threads, ahead] : std::vector<std::pair<int, int64_t>>{{2, 1}, {2, 3}, {4, 2}, {8, 5}}) {
    const Seen many = pass(data, threads, ahead);
    EXPECT(many.fields == one.fields);
    EXPECT(many.rejects == one.rejects);
  }
}

TEST("loader: a rejected sample is absent and zero, a missing text no reject") {
  const auto data = dataset_of(studies());
  gd::Loader loader(data, image_and_text(), {.batch = 3, .threads = 2});
  loader.push({13, 17, 18}, 0, 0);
  loader.end();
  const gd::Batch batch = loader.next();
  EXPECT(batch.rejects.size() == 1 && batch.rejects[0].row == 13);
  EXPECT(batch.rejects[0].reason.find("expected a JPEG, PNG or WebP at memory.arrow row 13") == 0);
  const auto* image = batch.fields.at("image.present").data_ptr<bool>();
  const auto* text = batch.fields.at("text.present").data_ptr<bool>();
  EXPECT(!image[0] && image[1] && image[2] && text[0] && !text[1] && text[2]);
  EXPECT(batch.fields.at("image.pixels").select(0, 0).sum().item<int64_t>() == 0);
  EXPECT(loader.next().size == 0);
}

TEST("loader: streams give each input rows of its own") {
  const auto data = dataset_of({{.images = {grey(4, 4)}, .weight = 10}, {.images = {grey(4, 4, 9)}, .weight = 11}});
  Value first, second, all;
  first.set("input", "array");
  Value options;
  options.set("column", "weight");
  options.set("shape", Value::Array{});
  first.set("options", options);
  options.set("stream", 1);
  second.set("input", "array");
  second.set("options", options);
  all.set("a", first);
  all.set("b", second);
  gd::Loader loader(data, gd::make_inputs(all), {.batch = 2, .streams = 2, .threads = 1});
  loader.push({0, 0, 1, 0}, 0, 0);
  loader.end();
  const gd::Batch batch = loader.next();
  EXPECT(batch.fields.at("a.values").data_ptr<float>()[1] == 10 && batch.fields.at("b.values").data_ptr<float>()[0] == 11);
  EXPECT_THROWS(gd::Loader(data, gd::make_inputs(all), {.batch = 2}), "expected a stream below 1 for data.b but got 1");
}

TEST("loader: stops at any moment, with threads busy, waiting or never started") {
  const auto data = dataset_of(studies());
  for (int round = 0; round < 60; ++round) {
    gd::Loader loader(data, image_and_text(), {.batch = 5, .threads = 1 + round % 4, .ahead = 1 + round % 3});
    if (round % 5 == 4) continue;
    for (int k = 0; k < 8; ++k) loader.push({1, 2, 3, 4, 5}, k, 0);
    for (int k = 0; k < round % 4; ++k) EXPECT(loader.next().size == 5);
    if (round % 2) std::this_thread::sleep_for(std::chrono::microseconds(50 * round));
  }
}

TEST("loader: what concerns all samples is thrown by next") {
  const auto data = dataset_of(studies());
  Value options, section, all;
  options.set("column", "pictures");
  section.set("input", "image");
  section.set("options", options);
  all.set("image", section);
  gd::Loader loader(data, gd::make_inputs(all), {.batch = 2, .threads = 3});
  loader.push({1, 2}, 0, 0);
  EXPECT_THROWS(loader.next(),
                "expected the column 'pictures' in memory.arrow but there is only: images, texts, label_vec, weight");
  EXPECT_THROWS(loader.next(), "pictures");
  gd::Loader beyond(data, image_and_text(), {.batch = 2, .threads = 3});
  beyond.push({1, 400}, 0, 0);
  EXPECT_THROWS(beyond.next(), "expected a row of an open shard but got row 400");
}

namespace {
struct Broken : gd::Input {
  gd::Features allocate(int64_t batch) const override {
    gd::Features out;
    out.set("present", at::zeros({batch}, at::kBool));
    return out;
  }
  void read(const gd::Dataset&, const gd::SampleKey& key, int64_t, gd::Features&) const override {
    if (key.row == 1) throw std::bad_alloc();
    if (key.row == 2) throw 42;
  }
};
}  // namespace

TEST("loader: exceptions of every kind end in next, not in the process") {
  const auto data = dataset_of(studies());
  for (const uint32_t row : {1u, 2u}) {
    gd::Loader loader(data, {{"it", 0, std::make_shared<Broken>()}}, {.batch = 1, .threads = 2});
    loader.push({row}, 0, 0);
    bool thrown = false;
    try {
      loader.next();
    } catch (...) {
      thrown = true;
    }
    EXPECT(thrown);
  }
}

TEST("loader: a wrong push is refused, waiting is measured, next waits for rows that come later") {
  const auto data = dataset_of(studies());
  gd::Loader loader(data, image_and_text(), {.batch = 4, .threads = 1});
  EXPECT_THROWS(loader.push({1, 2, 3}, 0, 0), "expected a multiple of 4 rows");
  EXPECT_THROWS(loader.push({1, 2, 3, 4, 5}, 0, 0, 5), "expected a short batch below 4");
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    loader.push({1, 2, 3, 4}, 0, 0);
    loader.end();
  });
  double waited = 0;
  EXPECT(loader.next(&waited).size == 4);
  EXPECT(waited > 0.02);
  EXPECT(loader.next().size == 0 && loader.pending() == 0 && loader.ready() == 0);
  later.join();
  EXPECT_THROWS(loader.push({1, 2, 3, 4}, 0, 0), "expected no rows after end()");
}
