// The data path alone: samples per second of one core, from a mapped shard to training batches.
// cmake --build build/release --target data_path_bench && build/release/data_path_bench [samples] [loader threads]
#include "data/loader.h"

#include <ATen/Parallel.h>
#include <malloc.h>
#include <sys/resource.h>
#include <vips/vips.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace {

using gd::Value;

// A shard of one column `images`: what `prepare` writes, laid out here so that the bench needs no other program.
struct Shard {
  std::string path;
  Value places;
  int64_t rows;
};

Value place(const char* type, int64_t length, int64_t values, int64_t bytes, int64_t offsets = -1) {
  Value out;
  out.set("type", type);
  out.set("length", length);
  out.set("values", values);
  out.set("bytes", bytes);
  out.set("offsets", offsets);
  return out;
}

template <class T>
int64_t append(std::ofstream& file, const std::vector<T>& values) {
  static const char zeros[64] = {};
  const int64_t at = file.tellp();
  file.write(zeros, (64 - at % 64) % 64);
  const int64_t start = file.tellp();
  file.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
  return start;
}

Shard write_shard(const std::string& name, int64_t rows, int32_t side, int16_t channels, const std::string& codec,
                  const std::vector<std::vector<uint8_t>>& images) {
  Shard shard;
  shard.path = (std::filesystem::temp_directory_path() / ("gadolinium_bench_" + name + ".arrow")).string();
  shard.rows = rows;
  std::ofstream file(shard.path, std::ios::binary);
  file.write("ARROW1\0\0", 8);
  const int64_t batch_rows = 256;
  Value::Array batches;
  for (int64_t first = 0; first < rows; first += batch_rows) {
    const int64_t n = std::min(batch_rows, rows - first);
    std::vector<uint8_t> data;
    std::vector<int32_t> offsets{0}, list{0}, sides(static_cast<size_t>(n), side);
    std::vector<int16_t> codecs(static_cast<size_t>(n), 0), channel(static_cast<size_t>(n), channels);
    for (int64_t i = 0; i < n; ++i) {
      const auto& image = images[static_cast<size_t>(first + i) % images.size()];
      data.insert(data.end(), image.begin(), image.end());
      offsets.push_back(static_cast<int32_t>(data.size()));
      list.push_back(static_cast<int32_t>(i + 1));
    }
    Value codec_place = place("dictionary", n, append(file, codecs), n * 2);
    codec_place.set("index", "int16");
    codec_place.set("dictionary", 0);
    const int64_t data_at = append(file, data), offsets_at = append(file, offsets);
    Value item;
    item.set("type", "struct");
    item.set("length", n);
    item.set("children", Value(Value::Object{{"data", place("binary", n, data_at, static_cast<int64_t>(data.size()), offsets_at)},
                                             {"codec", codec_place},
                                             {"height", place("int32", n, append(file, sides), n * 4)},
                                             {"width", place("int32", n, append(file, sides), n * 4)},
                                             {"channels", place("int16", n, append(file, channel), n * 2)}}));
    Value images_place = place("list", n, -1, 0, append(file, list));
    images_place.set("children", Value(Value::Object{{"item", item}}));
    Value batch;
    batch.set("rows", n);
    batch.set("columns", Value(Value::Object{{"images", images_place}}));
    batches.push_back(batch);
  }
  shard.places.set("dictionaries", Value::Array{Value::Array{Value(codec)}});
  shard.places.set("batches", batches);
  return shard;
}

// A picture with edges and texture, so that codecs have honest work.
std::vector<uint8_t> picture(int64_t side, int64_t channels, uint64_t salt) {
  std::vector<uint8_t> out(static_cast<size_t>(side * side * channels));
  gd::Draw draw(salt);
  const double a = draw.uniform(2, 9), b = draw.uniform(2, 9);
  for (int64_t y = 0; y < side; ++y)
    for (int64_t x = 0; x < side; ++x)
      for (int64_t c = 0; c < channels; ++c) {
        const double u = static_cast<double>(x) / static_cast<double>(side), v = static_cast<double>(y) / static_cast<double>(side);
        const double level = 120 + 70 * std::sin(a * 6.28 * u + static_cast<double>(c)) * std::cos(b * 6.28 * v) + 12 * draw.normal();
        out[static_cast<size_t>((y * side + x) * channels + c)] = static_cast<uint8_t>(std::clamp(level, 0.0, 255.0));
      }
  return out;
}

std::vector<uint8_t> jpeg(const std::vector<uint8_t>& pixels, int side, int channels) {
  VipsImage* image = vips_image_new_from_memory_copy(pixels.data(), pixels.size(), side, side, channels, VIPS_FORMAT_UCHAR);
  VipsImage* meant = nullptr;
  vips_copy(image, &meant, "interpretation", channels == 1 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB, nullptr);
  void* bytes = nullptr;
  size_t size = 0;
  vips_jpegsave_buffer(meant, &bytes, &size, "Q", 90, nullptr);
  std::vector<uint8_t> out(static_cast<uint8_t*>(bytes), static_cast<uint8_t*>(bytes) + size);
  g_free(bytes);
  g_object_unref(meant);
  g_object_unref(image);
  return out;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void measure(const char* what, const Shard& shard, Value options, bool on_device, int threads, int64_t samples) {
  auto data = std::make_shared<gd::Dataset>();
  data->add(shard.path, shard.places);
  Value section, all;
  section.set("input", "image");
  section.set("options", std::move(options));
  all.set("image", section);
  const auto inputs = gd::make_inputs(all);
  const int64_t batch = 64;
  const auto run = [&](int64_t count) {
    gd::Loader loader(data, inputs, {.batch = batch, .threads = threads, .ahead = 2, .seed = 1});
    std::vector<uint32_t> rows;
    for (int64_t i = 0; i < count / batch * batch; ++i) rows.push_back(static_cast<uint32_t>(gd::mix(static_cast<uint64_t>(i)) % static_cast<uint64_t>(shard.rows)));
    loader.push(rows, 0, 0);
    loader.end();
    int64_t rejects = 0;
    while (true) {
      gd::Batch next = loader.next();
      if (next.size == 0) break;
      rejects += static_cast<int64_t>(next.rejects.size());
      if (!on_device) continue;
      gd::Features fields = next.fields.under("image");
      inputs[0].input->on_device(fields);
    }
    if (rejects) std::printf("  %lld samples rejected\n", static_cast<long long>(rejects));
  };
  run(samples / 4);  // warm: page cache, decoder, allocator
  const double cpu = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  run(samples);
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const double used = cpu_seconds() - cpu;
  const auto n = static_cast<double>(samples / batch * batch);
  std::printf("%-64s %8.0f samples/s, %8.0f samples per core-second\n", what, n / wall, n / used);
  std::fflush(stdout);
}

Value training(int64_t size) {
  Value out;
  out.set("size", size);
  out.set("cropScale", Value::Array{0.5, 1.0});
  out.set("flip", 0.5);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t samples = argc > 1 ? std::atoll(argv[1]) : 8192;
  const int threads = argc > 2 ? std::atoi(argv[2]) : 1;
  at::set_num_threads(1);
  vips_init("bench");
  std::vector<std::vector<uint8_t>> small, colour, grey_jpeg, colour_jpeg;
  for (uint64_t i = 0; i < 64; ++i) {
    small.push_back(picture(256, 1, i));
    colour.push_back(picture(256, 3, i));
    if (i >= 16) continue;
    grey_jpeg.push_back(jpeg(picture(512, 1, i), 512, 1));
    colour_jpeg.push_back(jpeg(picture(512, 3, i), 512, 3));
  }
  std::printf("loader threads: %d; random resized crop to 224, mirror\n", threads);
  const Shard grey = write_shard("grey", 2048, 256, 1, "raw", small);
  measure("256² grey raw", grey, training(224), false, threads, samples);
  Value one = training(224);
  one.set("channels", 1);
  measure("256² grey raw, normalised to 1 channel of float", grey, one, true, threads, samples);
  measure("256² grey raw, normalised to 3 channels of float", grey, training(224), true, threads, samples);
  // A batch of 3-channel floats is 38 MB: the allocator gives it back to the system each time, and faulting its pages in again
  // costs more than filling them.
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  measure("the same, while the allocator keeps its memory", grey, training(224), true, threads, samples);
  Value changed = training(224);
  for (const char* name : {"affine", "brightness", "contrast", "blur", "noise"}) changed.set(name, 0.5);
  measure("256² grey raw; affine, brightness, contrast, blur, noise at 0.5", grey, changed, false, threads, samples / 4);
  Value equalised = training(224);
  equalised.set("equalise", 1);
  measure("256² grey raw; equalise always", grey, equalised, false, threads, samples / 4);
  Value rgb = training(224);
  rgb.set("colour", true);
  measure("256² colour raw", write_shard("colour", 1024, 256, 3, "raw", colour), rgb, false, threads, samples / 2);
  measure("512² grey JPEG", write_shard("grey_jpeg", 1024, 512, 1, "jpeg", grey_jpeg), training(224), false, threads, samples / 8);
  measure("512² colour JPEG", write_shard("colour_jpeg", 1024, 512, 3, "jpeg", colour_jpeg), rgb, false, threads, samples / 8);
  for (const char* name : {"grey", "colour", "grey_jpeg", "colour_jpeg"})
    std::filesystem::remove(std::filesystem::temp_directory_path() / (std::string("gadolinium_bench_") + name + ".arrow"));
  return 0;
}
