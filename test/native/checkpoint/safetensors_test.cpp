#include "checkpoint/safetensors.h"
#include "checkpoint/hash.h"
#include "checkpoint/writer.h"
#include "test.h"

#include <ATen/ATen.h>

#include <unistd.h>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace gd {
namespace {

struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("gadolinium-test-" + std::to_string(::getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string operator/(const char* name) const { return (path / name).string(); }
};

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void put(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

NamedTensors some() {
  at::manual_seed(3);
  return {{"a.weight", at::randn({3, 4})}, {"b", at::randn({2}).to(at::kBFloat16)}, {"count", at::full({}, 7, at::kLong)},
          {"empty", at::empty({0, 3})},    {"flags", at::ones({3}, at::kBool)},     {"c", at::randn({5}, at::kDouble)}};
}

}  // namespace

TEST("xxh64 has the published values") {
  const auto hash = [](std::string_view text) {
    Hash64 h;
    for (const char c : text) h.add(&c, 1);  // byte by byte: the remainder's path as well
    return h.text();
  };
  EXPECT(hash("") == "ef46db3751d8e999");
  EXPECT(hash("a") == "d24ec4f1a98c6e5b");
  EXPECT(hash("abc") == "44bc2cf5ad770999");
  EXPECT(hash("Nobody inspects the spammish repetition") == "fbcea83c8a378bf1");
}

TEST("a checkpoint comes back bit for bit, with its metadata") {
  const Folder folder;
  const std::string path = folder / "x.safetensors";
  const auto tensors = some();
  Value metadata;
  metadata.set("gadolinium", "{\"a\":\"\\u00e4\\n\"}");
  EXPECT(write_safetensors(path, tensors, metadata) == static_cast<int64_t>(std::filesystem::file_size(path)));
  const SafetensorsFile file(path);
  file.verify();
  EXPECT(file.metadata().at("gadolinium").text() == "{\"a\":\"\\u00e4\\n\"}");
  EXPECT(file.names().size() == tensors.size());
  for (const auto& [name, tensor] : tensors) {
    EXPECT(file.tensor(name).scalar_type() == tensor.scalar_type());
    EXPECT(file.tensor(name).equal(tensor));
  }
  EXPECT_THROWS(file.tensor("z"), "expected the tensor z");
}

TEST("a damaged checkpoint is an error and never a crash") {
  const Folder folder;
  const std::string path = folder / "x.safetensors", damaged = folder / "damaged.safetensors";
  write_safetensors(path, some(), Value(Value::Object{}));
  const std::string whole = bytes_of(path);
  for (size_t cut = 0; cut < whole.size(); cut += 3) {
    put(damaged, whole.substr(0, cut));
    EXPECT_THROWS((SafetensorsFile(damaged).verify(), 0), "");
  }
  // A flipped byte: in the data the hash says so; in the header it is an error or, where it only renames something, harmless.
  int noticed = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string other = whole;
    other[at] = static_cast<char>(other[at] ^ 0x20);
    put(damaged, other);
    try {
      const SafetensorsFile file(damaged);
      file.verify();
      for (const auto& name : file.names()) file.tensor(name).sum();
    } catch (const std::exception&) {
      ++noticed;
    }
  }
  EXPECT(noticed > static_cast<int>(whole.size()) / 2);
  put(damaged, std::string("\xff\xff\xff\xff\xff\xff\xff\x7f", 8) + whole);
  EXPECT_THROWS(SafetensorsFile(damaged), "ends within its header");
  EXPECT_THROWS(SafetensorsFile(folder / "absent"), "could not open");
}

TEST("a checkpoint that cannot be written is said so and leaves nothing behind") {
  const Folder folder;
  EXPECT_THROWS(write_safetensors(folder / "no/such/folder/x", some(), Value(Value::Object{})), "could not create");
  CheckpointWriter writer;
  CheckpointWriter::Done failed, good;
  writer.write(folder / "no/x", some(), Value(Value::Object{}), [&](const auto& done) { failed = done; });
  writer.write(folder / "x", {{"t", at::ones({4, 3, 2, 2}).contiguous(at::MemoryFormat::ChannelsLast)}}, Value(Value::Object{}),
               [&](const auto& done) { good = done; });
  writer.wait();
  EXPECT(failed.error.find("could not create") != std::string::npos);
  EXPECT(good.error.empty() && good.bytes > 0);
  EXPECT(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
  EXPECT(SafetensorsFile(folder / "x").tensor("t").equal(at::ones({4, 3, 2, 2})));
}

}  // namespace gd
