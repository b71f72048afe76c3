#include "data/shard_builder.h"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace native_test {

int64_t ShardBuilder::put(const void* data, size_t size) {
  bytes.resize((bytes.size() + 63) / 64 * 64);
  const auto at = static_cast<int64_t>(bytes.size());
  bytes.resize(bytes.size() + size);
  if (size) std::memcpy(bytes.data() + at, data, size);
  return at;
}

Value ShardBuilder::place(const char* type, size_t length, const std::vector<bool>& valid) {
  Value out;
  out.set("type", type);
  out.set("length", length);
  if (!valid.empty()) {
    std::vector<uint8_t> bitmap((length + 7) / 8);
    for (size_t i = 0; i < length; ++i) bitmap[i / 8] = static_cast<uint8_t>(bitmap[i / 8] | (valid[i] ? 1 << i % 8 : 0));
    out.set("validity", put(bitmap.data(), bitmap.size()));
  }
  return out;
}

Value ShardBuilder::binary(const std::vector<std::vector<uint8_t>>& values, const std::vector<bool>& valid) {
  std::vector<int32_t> offsets{0};
  std::vector<uint8_t> all;
  for (const auto& value : values) {
    all.insert(all.end(), value.begin(), value.end());
    offsets.push_back(static_cast<int32_t>(all.size()));
  }
  Value out = place("binary", values.size(), valid);
  out.set("offsets", put(offsets.data(), offsets.size() * 4));
  out.set("values", put(all.data(), all.size()));
  out.set("bytes", all.size());
  return out;
}

Value ShardBuilder::texts(const std::vector<std::string>& values) {
  std::vector<std::vector<uint8_t>> all;
  for (const auto& value : values) all.emplace_back(value.begin(), value.end());
  Value out = binary(all);
  out.set("type", "utf8");
  return out;
}

Value ShardBuilder::words(const std::vector<std::string>& values) {
  Value::Array words;
  std::vector<int16_t> indices;
  for (const auto& value : values) {
    size_t i = 0;
    while (i < words.size() && words[i].text() != value) ++i;
    if (i == words.size()) words.push_back(value);
    indices.push_back(static_cast<int16_t>(i));
  }
  Value out = numbers("dictionary", indices);
  out.set("index", "int16");
  out.set("dictionary", dictionaries_.size());
  dictionaries_.push_back(std::move(words));
  return out;
}

Value ShardBuilder::list(const std::vector<int32_t>& lengths, Value item, const std::vector<bool>& valid) {
  std::vector<int32_t> offsets{0};
  for (const int32_t length : lengths) offsets.push_back(offsets.back() + length);
  Value out = place("list", lengths.size(), valid);
  out.set("offsets", put(offsets.data(), offsets.size() * 4));
  out.set("children", Value(Value::Object{{"item", std::move(item)}}));
  return out;
}

Value ShardBuilder::fixed_list(size_t rows, int64_t width, Value item) {
  Value out = place("fixed-list", rows, {});
  out.set("width", width);
  out.set("children", Value(Value::Object{{"item", std::move(item)}}));
  return out;
}

Value ShardBuilder::structure(size_t rows, Value::Object children, const std::vector<bool>& valid) {
  Value out = place("struct", rows, valid);
  out.set("children", Value(std::move(children)));
  return out;
}

void ShardBuilder::batch(size_t rows, Value::Object columns) {
  Value out;
  out.set("rows", rows);
  out.set("columns", Value(std::move(columns)));
  batches_.push_back(std::move(out));
}

Value ShardBuilder::places() const {
  Value out;
  out.set("dictionaries", dictionaries_);
  out.set("batches", batches_);
  return out;
}

void add_studies(ShardBuilder& shard, const std::vector<Study>& studies) {
  std::vector<int32_t> images_each, texts_each, labels_each, sentences_each, heights, widths;
  std::vector<int32_t> tokens_each, tokens;
  std::vector<std::vector<uint8_t>> data;
  std::vector<bool> has_data;
  std::vector<std::string> codecs, dtypes, views, kinds;
  std::vector<int16_t> channels;
  std::vector<int8_t> bits, labels;
  std::vector<float> weights;
  for (const Study& study : studies) {
    images_each.push_back(static_cast<int32_t>(study.images.size()));
    for (const Stored& image : study.images) {
      data.push_back(image.data);
      has_data.push_back(image.codec != "none");
      codecs.push_back(image.codec);
      dtypes.push_back(image.dtype);
      views.push_back(image.view);
      heights.push_back(image.height);
      widths.push_back(image.width);
      channels.push_back(image.channels);
      bits.push_back(image.bits_stored);
    }
    texts_each.push_back(static_cast<int32_t>(study.texts.size()));
    for (const Words& text : study.texts) {
      kinds.push_back(text.kind);
      sentences_each.push_back(static_cast<int32_t>(text.sentences.size()));
      for (const auto& sentence : text.sentences) {
        tokens_each.push_back(static_cast<int32_t>(sentence.size()));
        tokens.insert(tokens.end(), sentence.begin(), sentence.end());
      }
    }
    labels_each.push_back(static_cast<int32_t>(study.labels.size()));
    labels.insert(labels.end(), study.labels.begin(), study.labels.end());
    weights.push_back(study.weight);
  }
  Value image = shard.structure(data.size(), {{"data", shard.binary(data, has_data)},
                                              {"codec", shard.words(codecs)},
                                              {"height", shard.numbers("int32", heights)},
                                              {"width", shard.numbers("int32", widths)},
                                              {"channels", shard.numbers("int16", channels)},
                                              {"dtype", shard.words(dtypes)},
                                              {"view", shard.words(views)},
                                              {"bits_stored", shard.numbers("int8", bits)}});
  Value sentences = shard.list(sentences_each, shard.list(tokens_each, shard.numbers("int32", tokens)));
  Value text = shard.structure(kinds.size(), {{"kind", shard.words(kinds)}, {"sentences", std::move(sentences)}});
  shard.batch(studies.size(), {{"images", shard.list(images_each, std::move(image))},
                               {"texts", shard.list(texts_each, std::move(text))},
                               {"label_vec", shard.list(labels_each, shard.numbers("int8", labels))},
                               {"weight", shard.numbers("float32", weights)}});
}

std::shared_ptr<gd::Dataset> dataset_of(const std::vector<Study>& studies, size_t rows_a_batch) {
  ShardBuilder shard;
  for (size_t at = 0; at < studies.size(); at += rows_a_batch)
    add_studies(shard, {studies.begin() + static_cast<int64_t>(at),
                        studies.begin() + static_cast<int64_t>(std::min(at + rows_a_batch, studies.size()))});
  auto data = std::make_shared<gd::Dataset>();
  data->add("memory.arrow", std::make_shared<const std::vector<uint8_t>>(shard.bytes), shard.places());
  return data;
}

Stored grey(int32_t height, int32_t width, uint32_t salt) {
  Stored out;
  out.height = height;
  out.width = width;
  out.data.resize(static_cast<size_t>(height) * static_cast<size_t>(width));
  for (int32_t y = 0; y < height; ++y)
    for (int32_t x = 0; x < width; ++x)
      out.data[static_cast<size_t>(y * width + x)] = static_cast<uint8_t>(
          (static_cast<uint32_t>(x) * 37 + static_cast<uint32_t>(y) * 101 + (static_cast<uint32_t>(x * y) ^ salt) * 7 + salt) &
          255);
  return out;
}

std::vector<uint8_t> file_bytes(const std::string& fixture) {
  // Tests run from the project's root, whatever built them.
  std::ifstream file("test/fixtures/" + fixture, std::ios::binary);
  if (!file) throw std::runtime_error("expected the fixture test/fixtures/" + fixture + " (run from the project's root)");
  return {std::istreambuf_iterator<char>(file), {}};
}

gd::NamedInput input_of(const std::string& kind, Value options) {
  Value section;
  section.set("input", kind);
  section.set("options", std::move(options));
  Value data;
  data.set("it", std::move(section));
  return gd::make_inputs(data).front();
}

gd::Features read_one(const gd::Dataset& data, const std::vector<gd::NamedInput>& inputs, size_t which, int64_t row,
                      int64_t epoch, bool training, uint64_t seed) {
  const auto& input = *inputs[which].input;
  gd::Features out = input.allocate(1);
  input.read(data, {seed, epoch, row, training}, 0, out);
  input.finish(out);
  return out;
}

}  // namespace native_test
