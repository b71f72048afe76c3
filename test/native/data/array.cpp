#include "data/shard_builder.h"
#include "test.h"

#include <cstring>

using namespace native_test;

namespace {

Value options(const char* column, std::vector<double> shape) {
  Value out;
  out.set("column", column);
  out.set("shape", Value::Array(shape.begin(), shape.end()));
  return out;
}

std::vector<float> values(const gd::Features& fields) {
  const auto* from = fields.at("values").data_ptr<float>();
  return {from, from + fields.at("values").numel()};
}

}  // namespace

TEST("array: labels as float and as exact integers, a number column, a missing list") {
  const auto data = dataset_of({{.labels = {1, 0, -128}, .weight = 2.5f}, {.weight = 3}});
  EXPECT(values(read_one(*data, {input_of("array", options("label_vec", {3}))}, 0, 0)) == std::vector<float>({1, 0, -128}));
  Value whole = options("label_vec", {3});
  whole.set("dtype", "int64");
  const auto exact = read_one(*data, {input_of("array", whole)}, 0, 0);
  EXPECT(exact.at("values").data_ptr<int64_t>()[2] == -128);
  EXPECT(values(read_one(*data, {input_of("array", options("weight", {1}))}, 0, 1)) == std::vector<float>({3}));
  EXPECT(values(read_one(*data, {input_of("array", options("weight", {}))}, 0, 0)) == std::vector<float>({2.5f}));
  const auto absent = read_one(*data, {input_of("array", options("label_vec", {3}))}, 0, 1);
  EXPECT(!absent.at("present").item<bool>() && values(absent) == std::vector<float>({0, 0, 0}));
  Value filled = options("label_vec", {3});
  filled.set("missing", "fill");
  filled.set("fill", -1);
  const auto fill = read_one(*data, {input_of("array", filled)}, 0, 1);
  EXPECT(fill.at("present").item<bool>() && values(fill) == std::vector<float>({-1, -1, -1}));
  EXPECT_THROWS(read_one(*data, {input_of("array", options("label_vec", {4}))}, 0, 0),
                "expected 4 numbers (shape [4]) at memory.arrow row 0, field 'label_vec' but got 3");
  EXPECT_THROWS(read_one(*data, {input_of("array", options("nothing", {4}))}, 0, 0),
                "expected the column 'nothing' in memory.arrow");
}

TEST("array: raw signals, normalised per lead") {
  Stored signal;
  signal.height = 2;
  signal.width = 3;
  signal.dtype = "int16";
  const std::vector<int16_t> samples{1, 2, 3, -100, 0, 100};
  signal.data.resize(12);
  std::memcpy(signal.data.data(), samples.data(), 12);
  const auto data = dataset_of({{.images = {signal}}});
  Value given = options("images", {2, 3});
  given.set("mean", Value::Array{2.0, 0.0});
  given.set("deviation", Value::Array{1.0, 100.0});
  const auto out = read_one(*data, {input_of("array", given)}, 0, 0);
  EXPECT(values(out) == std::vector<float>({-1, 0, 1, -1, 0, 1}));
  EXPECT(out.at("values").sizes() == at::IntArrayRef({1, 2, 3}));
  signal.codec = "jpeg";
  EXPECT_THROWS(read_one(*dataset_of({{.images = {signal}}}), {input_of("array", given)}, 0, 0), "expected codec raw");
}

TEST("array: structs, fixed lists, nulls inside a list") {
  ShardBuilder shard;
  Value age = shard.numbers<int16_t>("int16", {40, 0, 60}, {true, false, true});
  shard.batch(3, {{"patient", shard.structure(3, {{"age", age}})},
                  {"box", shard.fixed_list(
                              3, 2, shard.numbers<float>("float32", {1, 2, 3, 4, 5, 6}, {true, true, true, false, true, true}))},
                  {"big", shard.numbers<int64_t>("int64", {9007199254740993, 2, 3})}});
  gd::Dataset data;
  data.add("table", std::make_shared<const std::vector<uint8_t>>(shard.bytes), shard.places());
  EXPECT(values(read_one(data, {input_of("array", options("patient.age", {}))}, 0, 2)) == std::vector<float>({60}));
  EXPECT(!read_one(data, {input_of("array", options("patient.age", {}))}, 0, 1).at("present").item<bool>());
  EXPECT(values(read_one(data, {input_of("array", options("box", {2}))}, 0, 2)) == std::vector<float>({5, 6}));
  EXPECT_THROWS(read_one(data, {input_of("array", options("box", {2}))}, 0, 1), "item 1 is null");
  Value filled = options("box", {2});
  filled.set("missing", "fill");
  filled.set("fill", 7);
  EXPECT(values(read_one(data, {input_of("array", filled)}, 0, 1)) == std::vector<float>({3, 7}));
  ShardBuilder measured;
  measured.batch(1, {{"measurements", measured.fixed_list(1, 2, measured.numbers<float>("float32", {NAN, 2}))}});
  gd::Dataset table;
  table.add("table", std::make_shared<const std::vector<uint8_t>>(measured.bytes), measured.places());
  EXPECT(std::isnan(values(read_one(table, {input_of("array", options("measurements", {2}))}, 0, 0))[0]));
  filled.set("column", "measurements");
  EXPECT(values(read_one(table, {input_of("array", filled)}, 0, 0)) == std::vector<float>({7, 2}));
  Value whole = options("big", {});
  whole.set("dtype", "int64");
  EXPECT(read_one(data, {input_of("array", whole)}, 0, 0).at("values").data_ptr<int64_t>()[0] == 9007199254740993);
}
