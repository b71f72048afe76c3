#include "data/shard_builder.h"
#include "test.h"

#include <algorithm>
#include <numeric>
#include <set>

using namespace native_test;

namespace {

constexpr int kStart = 101, kEnd = 102, kPad = 0, kMask = 103;

Value special(Value options = {}) {
  options.set("startId", kStart);
  options.set("endId", kEnd);
  options.set("padId", kPad);
  options.set("maskId", kMask);
  options.set("vocabularySize", 200000);
  return options;
}

std::vector<int64_t> ids(const gd::Features& fields, const char* name = "ids") {
  const auto* from = fields.at(name).data_ptr<int64_t>();
  return {from, from + fields.at(name).numel()};
}

std::vector<int64_t> read(const std::vector<Study>& studies, Value options, int64_t epoch = 0, bool training = true,
                          int64_t row = 0) {
  return ids(read_one(*dataset_of(studies), {input_of("text", special(std::move(options)))}, 0, row, epoch, training));
}

Study study(std::vector<std::vector<int32_t>> sentences, std::string kind = "findings") {
  return {.texts = {{std::move(kind), std::move(sentences)}}};
}

}  // namespace

TEST("text: sentences are joined between the special tokens and padded to a multiple") {
  EXPECT(read({study({{7, 8}, {9}})}, {}) == std::vector<int64_t>({kStart, 7, 8, 9, kEnd, 0, 0, 0}));
  Value options;
  options.set("padTo", 1);
  EXPECT(read({study({{7, 8}, {9}})}, options) == std::vector<int64_t>({kStart, 7, 8, 9, kEnd}));
  options.set("maxTokens", 4);
  EXPECT(read({study({{7, 8}, {9}})}, options) == std::vector<int64_t>({kStart, 7, 8, kEnd}));
  const auto fields = read_one(*dataset_of({study({{7, 8}, {9}})}), {input_of("text", special())}, 0, 0);
  EXPECT(fields.at("mask").sum().item<int64_t>() == 5 && fields.at("present").item<bool>());
  EXPECT((fields.at("targets") == -100).all().item<bool>());
}

TEST("text: 100,000 tokens are cut, an empty text is refused, a missing one is absent") {
  std::vector<int32_t> many(100000);
  std::iota(many.begin(), many.end(), 1000);
  const auto cut = read({study({many})}, {});
  EXPECT(cut.size() == 128 && cut.front() == kStart && cut[1] == 1000 && cut[126] == 1125 && cut.back() == kEnd);
  std::vector<std::vector<int32_t>> single;
  for (const int32_t id : many) single.push_back({id});
  Value shuffled;
  shuffled.set("shuffle", true);
  EXPECT(read({study(single)}, shuffled).size() == 128);
  EXPECT_THROWS(read({study({})}, {}), "expected at least one token at memory.arrow row 0, field 'texts' but the text is empty");
  EXPECT_THROWS(read({study({{}, {}})}, {}), "the text is empty");
  const auto absent = read_one(*dataset_of({Study{}}), {input_of("text", special())}, 0, 0);
  EXPECT(!absent.at("present").item<bool>());
  EXPECT(ids(absent) == std::vector<int64_t>({kStart, kEnd, 0, 0, 0, 0, 0, 0}));
  EXPECT(absent.at("mask").sum().item<int64_t>() == 2);
}

TEST("text: token ids beyond the vocabulary are refused") {
  Value options = special();
  options.set("vocabularySize", 50);
  EXPECT_THROWS(read_one(*dataset_of({study({{49, 50}})}), {input_of("text", options)}, 0, 0), "expected token ids below 50");
  EXPECT_THROWS(read({study({{-1}})}, {}), "but got -1");
}

TEST("text: shuffling permutes sentences by epoch, keeps them whole, and never in evaluation") {
  const Study one = study({{11, 12}, {21}, {31, 32, 33}, {41}, {51}});
  Value options;
  options.set("shuffle", true);
  std::set<std::vector<int64_t>> orders;
  for (int64_t epoch = 0; epoch < 20; ++epoch) {
    auto row = read({one}, options, epoch);
    EXPECT(row == read({one}, options, epoch));
    orders.insert(row);
    const auto at = std::find(row.begin(), row.end(), 31);
    EXPECT(at[1] == 32 && at[2] == 33);
    std::sort(row.begin(), row.end());
    EXPECT(std::count(row.begin(), row.end(), 41) == 1);
  }
  EXPECT(orders.size() > 10);
  EXPECT(read({one}, options, 3, false) == read({one}, {}, 0));
}

TEST("text: some sentences drawn without replacement, in their order unless shuffled") {
  const Study one = study({{1}, {2}, {3}, {4}, {5}, {6}});
  Value options;
  options.set("sentences", 2);
  std::set<std::vector<int64_t>> pairs;
  for (int64_t epoch = 0; epoch < 60; ++epoch) {
    const auto row = read({one}, options, epoch);
    EXPECT(row[1] < row[2] && row[3] == kEnd);
    pairs.insert(row);
  }
  EXPECT(pairs.size() == 15);
  EXPECT(read({one}, options, 0, false)[1] == 1 && read({one}, options, 0, false)[2] == 2);
}

TEST("text: kinds choose among texts; views take different ones; join keeps the order of kinds") {
  Study one;
  one.texts = {{"impression", {{5}}}, {"history", {{6}}}, {"findings", {{7}}}};
  Value options;
  options.set("kinds", Value::Array{"findings", "impression"});
  std::set<int64_t> seen;
  for (int64_t epoch = 0; epoch < 20; ++epoch) {
    options.set("view", 0);
    const auto first = read({one}, options, epoch);
    options.set("view", 1);
    const auto second = read({one}, options, epoch);
    EXPECT(first[1] + second[1] == 12);
    seen.insert(first[1]);
  }
  EXPECT(seen.size() == 2);
  options.set("view", 0);
  options.set("choose", "join");
  EXPECT(read({one}, options) == std::vector<int64_t>({kStart, 7, 5, kEnd, 0, 0, 0, 0}));
  options.set("kinds", Value::Array{"caption"});
  EXPECT(read({one}, options)[1] == kEnd);
}

TEST("text: joined sections are shuffled each within itself, and drawn from all of them") {
  Study one;
  one.texts = {{"impression", {{21}, {22}, {23}}}, {"findings", {{11}, {12}, {13}, {14}}}};
  Value options;
  options.set("kinds", Value::Array{"findings", "impression"});
  options.set("choose", "join");
  options.set("shuffle", true);
  std::set<std::vector<int64_t>> orders;
  for (int64_t epoch = 0; epoch < 200; ++epoch) {
    auto row = read({one}, options, epoch);
    orders.insert(row);
    EXPECT(row == read({one}, options, epoch));
    std::sort(row.begin() + 1, row.begin() + 5);
    std::sort(row.begin() + 5, row.begin() + 8);
    EXPECT(row == std::vector<int64_t>({kStart, 11, 12, 13, 14, 21, 22, 23, kEnd, 0, 0, 0, 0, 0, 0, 0}));
  }
  // Of 4! · 3! = 144 orders, 200 draws meet about 108.
  EXPECT(orders.size() > 85);
  options.set("sentences", 3);
  std::set<int64_t> of_findings;
  for (int64_t epoch = 0; epoch < 60; ++epoch) {
    const auto row = read({one}, options, epoch);
    const auto count = std::count_if(row.begin() + 1, row.begin() + 4, [](int64_t id) { return id < 20; });
    EXPECT(std::is_partitioned(row.begin() + 1, row.begin() + 4, [](int64_t id) { return id < 20; }));
    of_findings.insert(count);
  }
  EXPECT(of_findings.size() >= 3);
}

TEST("text: masked language modelling hides 15 % by Devlin's 80/10/10, the same each time") {
  std::vector<int32_t> many(20000);
  for (size_t i = 0; i < many.size(); ++i) many[i] = static_cast<int32_t>(1000 + i);
  Value options = special();
  options.set("maskProbability", 0.15);
  options.set("maxTokens", 20002);
  const auto data = dataset_of({study({many})});
  const auto fields = read_one(*data, {input_of("text", options)}, 0, 0);
  const auto row = ids(fields), targets = ids(fields, "targets");
  EXPECT(row == ids(read_one(*data, {input_of("text", options)}, 0, 0)));
  EXPECT(row != ids(read_one(*data, {input_of("text", options)}, 0, 0, 1)));
  double chosen = 0, hidden = 0, kept = 0, other = 0;
  for (size_t i = 1; i <= many.size(); ++i) {
    if (targets[i] == -100) {
      EXPECT(row[i] == many[i - 1]);
      continue;
    }
    EXPECT(targets[i] == many[i - 1]);
    ++chosen;
    hidden += row[i] == kMask;
    kept += row[i] == targets[i];
    other += row[i] != kMask && row[i] != targets[i];
  }
  EXPECT(targets.front() == -100 && row.front() == kStart);
  EXPECT_CLOSE(chosen / 20000, 0.15, 0.01);
  EXPECT_CLOSE(hidden / chosen, 0.8, 0.03);
  EXPECT_CLOSE(kept / chosen, 0.1, 0.025);
  EXPECT_CLOSE(other / chosen, 0.1, 0.025);
  const auto evaluated = read_one(*data, {input_of("text", options)}, 0, 0, 0, false);
  EXPECT((evaluated.at("targets") == -100).all().item<bool>());
}

TEST("text: whole words are masked together, at the rate of words") {
  // Words of one to four tokens: 1000 + k begins the k-th, 5 goes on with it.
  std::vector<int32_t> tokens;
  std::vector<int64_t> word_of;
  for (int32_t k = 0; k < 4000; ++k)
    for (int32_t i = 0; i <= k % 4; ++i) {
      tokens.push_back(i == 0 ? 1000 + k : 5);
      word_of.push_back(k);
    }
  Value options = special();
  options.set("maxTokens", 20000);
  options.set("maskProbability", 0.15);
  options.set("wholeWords", true);
  EXPECT_THROWS(read_one(*dataset_of({study({tokens})}), {input_of("text", options)}, 0, 0), "expected text.continuations");
  options.set("continuations", Value::Array{Value(5)});
  const auto targets = ids(read_one(*dataset_of({study({tokens})}), {input_of("text", options)}, 0, 0), "targets");
  std::vector<int> hidden(4000, 0);
  for (size_t i = 0; i < tokens.size(); ++i)
    if (targets[i + 1] != -100) {
      EXPECT(targets[i + 1] == tokens[i]);
      ++hidden[static_cast<size_t>(word_of[i])];
    }
  int words = 0;
  for (int k = 0; k < 4000; ++k) {
    EXPECT(hidden[static_cast<size_t>(k)] == 0 || hidden[static_cast<size_t>(k)] == k % 4 + 1);
    words += hidden[static_cast<size_t>(k)] > 0;
  }
  EXPECT(words > 540 && words < 660);
}

TEST("text: options that do not fit are named") {
  Value options;
  options.set("maskProbability", 0.15);
  EXPECT_THROWS(input_of("text", options), "expected text.maskId and text.vocabularySize");
  Value odd;
  odd.set("sidePairs", Value::Array{3.0});
  EXPECT_THROWS(input_of("text", odd), "expected pairs of token ids");
}
