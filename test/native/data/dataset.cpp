#include "data/dataset.h"

#include "core/draw.h"
#include "core/error.h"
#include "data/shard_builder.h"
#include "test.h"

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace native_test;

namespace {

std::vector<Study> some() {
  std::vector<Study> out;
  for (uint32_t i = 0; i < 9; ++i)
    out.push_back({.images = {grey(5, 6, i), grey(4, 3, i)},
                   .texts = {{"findings", {{1, 2}, {3}}}, {"impression", {{4}}}},
                   .labels = {1, 0},
                   .weight = static_cast<float>(i)});
  return out;
}

ShardBuilder built() {
  ShardBuilder shard;
  const auto studies = some();
  add_studies(shard, {studies.begin(), studies.begin() + 5});
  add_studies(shard, {studies.begin() + 5, studies.end()});
  return shard;
}

// Reads whatever inputs could read; damaged places must end in Error, never in a crash.
int read_all(const std::vector<uint8_t>& bytes, const Value& places) {
  int errors = 0;
  gd::Dataset data;
  try {
    data.add("damaged.arrow", std::make_shared<const std::vector<uint8_t>>(bytes), places);
  } catch (const gd::Error& error) {
    EXPECT(error.code == "bad-shard");
    return 1;
  }
  Value image, text, array;
  image.set("size", 4);
  text.set("choose", "join");
  array.set("column", "label_vec");
  array.set("shape", Value::Array{2.0});
  static const std::vector<gd::NamedInput> inputs = {input_of("image", image), input_of("text", text), input_of("array", array)};
  for (int64_t row = 0; row < 9; ++row)
    for (size_t i = 0; i < inputs.size(); ++i) {
      try {
        read_one(data, inputs, i, row);
      } catch (const gd::Error& error) {
        EXPECT(error.code.rfind("bad-", 0) == 0);
        ++errors;
      }
    }
  return errors;
}

std::string temporary(const char* name) { return (std::filesystem::temp_directory_path() / name).string(); }

}  // namespace

TEST("dataset: rows of several batches and shards, lazily placed") {
  const ShardBuilder shard = built();
  const std::string path = temporary("gadolinium_dataset_test.arrow");
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(shard.bytes.data()), static_cast<std::streamsize>(shard.bytes.size()));
  gd::Dataset data;
  data.add_at(9, path, shard.places());
  EXPECT_THROWS(data.cell(8, "weight"), "expected a row of an open shard but got row 8");
  EXPECT(data.cell(15, "weight").number() == 6);
  EXPECT(data.where(15) == "gadolinium_dataset_test.arrow row 6");
  data.add_at(0, path, shard.places());
  EXPECT(data.cell(8, "weight").number() == 8 && data.cell(9, "weight").number() == 0);
  EXPECT_THROWS(data.add_at(5, path, shard.places()), "another shard holds some of the rows 5 to 13");
  EXPECT(data.add(path, shard.places()) == 27);
  EXPECT(data.has(20, "texts") && !data.has(20, "meta"));
  const gd::Cell texts = data.cell(26, "texts");
  EXPECT(texts.size() == 2 && texts.item(1).text("kind") == "impression");
  EXPECT(texts.item(0).field("sentences").item(0).integers() == std::vector<int32_t>({1, 2}));
  EXPECT(texts.item(0).field("sentences").item(0).integers(1) == std::vector<int32_t>({1}));
  EXPECT_THROWS(texts.item(2), "expected an item below 2 at gadolinium_dataset_test.arrow row 8, field 'texts' but got number 2");
  EXPECT_THROWS(
      texts.item(0).field("body"),
      "expected the field 'body' at gadolinium_dataset_test.arrow row 8, field 'texts[]' but there is only: kind, sentences");
  EXPECT_THROWS(texts.item(0).field("kind").number(), "expected a number");
  std::remove(path.c_str());
  EXPECT_THROWS(data.add(path, shard.places()), "expected a readable shard at " + path);
  EXPECT_THROWS(data.add(std::filesystem::temp_directory_path().string(), shard.places()), "regular file");
}

TEST("dataset: the arrays of a file that pyarrow wrote, by the places that TypeScript read") {
  const auto bytes = file_bytes("data-path/places.json");
  gd::Dataset data;
  data.add("test/fixtures/data-path/places.arrow", Value::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  for (int64_t row = 0; row < 7; ++row) {
    EXPECT(data.cell(row, "sample_id").text() == "s" + std::to_string(row));
    const gd::Cell images = data.cell(row, "images");
    EXPECT(images.size() == (row == 3 ? 0 : 1 + row % 3));
    for (int64_t k = 0; k < images.size(); ++k) {
      EXPECT(images.item(k).text("codec") == (row == 5 ? "jpeg" : "raw"));
      EXPECT(images.item(k).field("data").is_null() == (row == 4 && k == 0));
      if (images.item(k).field("data").is_null()) continue;
      const auto pixels = images.item(k).field("data").bytes();
      EXPECT(std::vector<uint8_t>(pixels.begin(), pixels.end()) == grey(5, 6, static_cast<uint32_t>(row + k)).data);
    }
    const gd::Cell sentences = data.cell(row, "texts").item(0).field("sentences");
    EXPECT(sentences.size() == 3 && sentences.item(1).size() == 0 && sentences.item(2).integers()[0] == 100 * row);
    EXPECT(data.cell(row, "texts").item(0).text("kind") == (row % 2 ? "findings" : "impression"));
    EXPECT(data.cell(row, "label_vec").is_null() == (row == 2));
    if (row != 2) EXPECT(data.cell(row, "label_vec").integers() == std::vector<int32_t>({1, 0, -1, -128}));
    EXPECT(data.cell(row, "box").item(0).number() == 0.5 * static_cast<double>(row) &&
           data.cell(row, "box").item(2).number() == 2);
    EXPECT(data.cell(row, "age").is_null() == (row == 6));
    EXPECT(data.cell(row, "flag").integer() == row % 2);
    EXPECT(data.cell(row, "big").integer() == (int64_t{1} << 53) + 1 + 2 * row);
  }
}

TEST("dataset: a shard cut at every fiftieth is refused or read, never a crash") {
  const ShardBuilder shard = built();
  EXPECT(read_all(shard.bytes, shard.places()) == 0);
  for (size_t part = 0; part < 50; ++part) {
    auto cut = shard.bytes;
    cut.resize(shard.bytes.size() * part / 50);
    EXPECT(read_all(cut, shard.places()) > 0);
  }
  gd::Dataset data;
  EXPECT_THROWS(data.add("cut.arrow", std::make_shared<const std::vector<uint8_t>>(100), shard.places()),
                "in cut.arrow inside the file's 100 bytes");
}

TEST("dataset: flipped bytes anywhere and wild numbers in the places never crash") {
  const ShardBuilder shard = built();
  for (size_t i = 8; i < shard.bytes.size(); i += 2) {
    auto flipped = shard.bytes;
    flipped[i] ^= 0xFF;
    read_all(flipped, shard.places());
  }
  // Every number of the places, replaced by wild ones.
  const std::string text = shard.places().dump();
  gd::Draw draw(3);
  for (size_t at = 0; at < text.size(); ++at) {
    if (at > 0 && (std::isdigit(text[at - 1]) || text[at - 1] != ':')) continue;
    size_t end = at;
    while (end < text.size() && (std::isdigit(text[end]) || text[end] == '-')) ++end;
    if (end == at) continue;
    static const char* wild[] = {"-1", "-9000000000000000", "9000000000000000", "4611686018427387904", "7", "2147483647", "1"};
    read_all(shard.bytes, Value::parse(text.substr(0, at) + wild[draw.below(7)] + text.substr(end)));
  }
}

TEST("dataset: shards appear while threads read") {
  const ShardBuilder shard = built();
  const auto bytes = std::make_shared<const std::vector<uint8_t>>(shard.bytes);
  gd::Dataset data;
  data.add("first", bytes, shard.places());
  std::atomic<int64_t> rows{9};
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 3; ++t)
    readers.emplace_back([&, t] {
      gd::Draw draw(static_cast<uint64_t>(t));
      while (!stop) {
        const auto row = static_cast<int64_t>(draw.below(static_cast<uint64_t>(rows.load())));
        if (data.cell(row, "weight").number() != static_cast<double>(row % 9)) ++wrong;
      }
    });
  for (int k = 0; k < 200; ++k) rows = data.add("more", bytes, shard.places());
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT(wrong == 0 && rows == 9 * 201);
}
