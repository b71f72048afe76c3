#include "data/shard_builder.h"
#include "test.h"

#include <ATen/ATen.h>

#include <map>
#include <set>

using namespace native_test;

namespace {

constexpr int64_t positions = 6, entities = 3;

// Rows of the column `triplets`, each [positions, entities] or nothing, beside pictures that flip.
std::unique_ptr<gd::Dataset> rows_of(const std::vector<std::vector<int8_t>>& rows) {
  ShardBuilder shard;
  std::vector<int32_t> lengths;
  std::vector<int8_t> all;
  for (const auto& row : rows) {
    lengths.push_back(static_cast<int32_t>(row.size()));
    all.insert(all.end(), row.begin(), row.end());
  }
  shard.batch(rows.size(), {{"triplets", shard.list(lengths, shard.numbers<int8_t>("int8", all))}});
  auto data = std::make_unique<gd::Dataset>();
  data->add("triplets.arrow", std::make_shared<const std::vector<uint8_t>>(shard.bytes), shard.places());
  return data;
}

gd::NamedInput triplets(Value::Object more = {}) {
  Value::Object options{{"shape", Value::Array{positions, entities}}, {"negatives", 2}};
  options.insert(options.end(), more.begin(), more.end());
  return input_of("triplets", Value(std::move(options)));
}

// Entity 0 is at positions 1 and 4 and said not to be at 2; entity 1 is said not to be; entity 2 is not mentioned.
std::vector<int8_t> study() {
  std::vector<int8_t> out(positions * entities, -1);
  out[1 * entities] = out[4 * entities] = 1;
  out[2 * entities] = 0;
  out[3 * entities + 1] = 0;
  return out;
}

}  // namespace

TEST("triplets: labels say there, not there and not mentioned; one right position comes first") {
  const auto data = rows_of({study(), {}});
  std::map<int64_t, int> right, wrong;
  for (int64_t epoch = 0; epoch < 400; ++epoch) {
    const auto out = read_one(*data, {triplets()}, 0, 0, epoch);
    const auto* labels = out.at("labels").data_ptr<int64_t>();
    EXPECT(labels[0] == 1 && labels[1] == 0 && labels[2] == -1);
    const auto* drawn = out.at("positions").data_ptr<int64_t>();
    ++right[drawn[0]];
    EXPECT(drawn[1] != drawn[2]);
    ++wrong[drawn[1]];
    ++wrong[drawn[2]];
  }
  // Both right ones, each about half the time; and each of the four others, what is said not to be there among them.
  EXPECT(right.size() == 2 && std::abs(right[1] - 200) < 45 && std::abs(right[4] - 200) < 45);
  EXPECT(wrong.size() == 4);
  for (const int64_t p : {0, 2, 3, 5}) EXPECT(std::abs(wrong[p] - 200) < 45);
  const auto absent = read_one(*data, {triplets()}, 0, 1);
  EXPECT(!absent.at("present").item<bool>());
  for (int64_t e = 0; e < entities; ++e) EXPECT(absent.at("labels").data_ptr<int64_t>()[e] == -1);
}

TEST("triplets: the same key draws the same, an epoch later another") {
  const auto data = rows_of({study()});
  const auto of = [&](int64_t epoch) { return read_one(*data, {triplets()}, 0, 0, epoch).at("positions"); };
  EXPECT(at::equal(of(3), of(3)));
  bool differs = false;
  for (int64_t epoch = 4; epoch < 10; ++epoch) differs = differs || !at::equal(of(3), of(epoch));
  EXPECT(differs);
}

TEST("triplets: sides exchange in mirrored images, where the recipe says so") {
  const auto data = rows_of({study()});
  const auto pairs = Value::Array{1, 0, 4, 5};
  const auto inputs = gd::make_inputs(Value(Value::Object{
      {"image", Value(Value::Object{{"input", "image"},
                                    {"options", Value(Value::Object{{"size", 4}, {"flip", 0.5}, {"flipText", "swap"}})}})},
      {"triplets", Value(Value::Object{{"input", "triplets"},
                                       {"options", Value(Value::Object{{"shape", Value::Array{positions, entities}},
                                                                       {"negatives", 2},
                                                                       {"sidePairs", pairs}})}})}}));
  std::set<int64_t> right;
  for (int64_t epoch = 0; epoch < 60; ++epoch)
    right.insert(read_one(*data, inputs, 1, 0, epoch).at("positions").data_ptr<int64_t>()[0]);
  EXPECT(right == std::set<int64_t>({0, 1, 4, 5}));
}

TEST("triplets: what does not fit is named") {
  EXPECT_THROWS(read_one(*rows_of({{1, 0}}), {triplets()}, 0, 0), "expected 6 times 3 numbers at triplets.arrow row 0");
  auto strange = study();
  strange[4] = 2;
  EXPECT_THROWS(read_one(*rows_of({strange}), {triplets()}, 0, 0), "expected 1, 0 or -1 at");
  std::vector<int8_t> everywhere(positions * entities, 1);
  EXPECT_THROWS(read_one(*rows_of({everywhere}), {triplets()}, 0, 0), "expected at least 2 positions that an entity is not at");
  EXPECT_THROWS(triplets({{"sidePairs", Value::Array{1}}}), "expected pairs of positions");
  EXPECT_THROWS(triplets({{"sidePairs", Value::Array{1, 6}}}), "expected numbers from 0 to 5");
}
