#include "data/normalise.h"

#include "core/error.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cstring>

namespace gd {

Normalise::Normalise(int64_t channels, std::vector<double> mean, std::vector<double> deviation, const char* owner) {
  const auto each = [&](std::vector<double>& values, const char* name) {
    const auto wanted = static_cast<size_t>(std::max<int64_t>(channels, 1));
    expect(values.size() == 1 || values.size() == wanted, "bad-option", "expected 1 or ", wanted, " numbers for ", owner, ".",
           name, " but got ", values.size());
    if (values.size() == 1) values.resize(wanted, values.front());
  };
  each(mean, "mean");
  each(deviation, "deviation");
  for (size_t i = 0; i < mean.size(); ++i) {
    expect(deviation[i] > 0, "bad-option", "expected a positive number for ", owner, ".deviation but got ", deviation[i]);
    scale_.push_back(static_cast<float>(1 / (255 * deviation[i])));
    shift_.push_back(static_cast<float>(-mean[i] / deviation[i]));
  }
}

namespace {

typedef float Eight __attribute__((vector_size(32)));
typedef int32_t Order __attribute__((vector_size(32)));

void store(const Eight& v, float* to) { std::memcpy(to, &v, sizeof v); }

// value · scale + shift over `count` values, whose channel is their place modulo `channels`. One pass; as composed operators
// it would be four. 24 values at a time hold a whole number of pixels of 1 and of 3 channels.
void spread(const uint8_t* from, int64_t count, const std::vector<float>& scale, const std::vector<float>& shift,
            float* __restrict__ to) {
  float a[24], b[24];
  for (size_t i = 0; i < 24; ++i) {
    a[i] = scale[i % scale.size()];
    b[i] = shift[i % shift.size()];
  }
  int64_t i = 0;
  for (; i + 24 <= count; i += 24)
    for (int64_t j = 0; j < 24; ++j) to[i + j] = static_cast<float>(from[i + j]) * a[j] + b[j];
  for (int64_t j = 0; i + j < count; ++j) to[i + j] = static_cast<float>(from[i + j]) * a[j] + b[j];
}

// The same for one stored channel that becomes three: eight pixels are three vectors.
void spread_grey(const uint8_t* from, int64_t pixels, const std::vector<float>& scale, const std::vector<float>& shift,
                 float* __restrict__ to) {
  constexpr Order order[3] = {{0, 0, 0, 1, 1, 1, 2, 2}, {2, 3, 3, 3, 4, 4, 4, 5}, {5, 5, 6, 6, 6, 7, 7, 7}};
  Eight a[3], b[3];
  for (int v = 0; v < 3; ++v)
    for (int i = 0; i < 8; ++i) {
      a[v][i] = scale[static_cast<size_t>((8 * v + i) % 3)];
      b[v][i] = shift[static_cast<size_t>((8 * v + i) % 3)];
    }
  int64_t i = 0;
  for (; i + 8 <= pixels; i += 8) {
    Eight level;
    for (int j = 0; j < 8; ++j) level[j] = static_cast<float>(from[i + j]);
    for (int v = 0; v < 3; ++v) store(__builtin_shuffle(level, order[v]) * a[v] + b[v], to + 3 * i + 8 * v);
  }
  for (; i < pixels; ++i)
    for (size_t c = 0; c < 3; ++c) to[3 * i + static_cast<int64_t>(c)] = static_cast<float>(from[i]) * scale[c] + shift[c];
}

}  // namespace

Tensor Normalise::operator()(const Tensor& pixels) const {
  const auto channels = static_cast<int64_t>(scale_.size());
  const int64_t stored = pixels.size(3);
  if (!pixels.is_cpu() || !pixels.is_contiguous()) {
    const auto options = pixels.options().dtype(at::kFloat);
    const Tensor scale = at::tensor(scale_, at::kFloat).to(options.device());
    const Tensor shift = at::tensor(shift_, at::kFloat).to(options.device());
    return at::addcmul(shift, pixels.to(at::kFloat), scale).permute({0, 3, 1, 2});
  }
  const int64_t b = pixels.size(0), h = pixels.size(1), w = pixels.size(2);
  Tensor out = at::empty({b, channels, h, w}, pixels.options().dtype(at::kFloat), at::MemoryFormat::ChannelsLast);
  const auto* from = pixels.data_ptr<uint8_t>();
  auto* to = out.data_ptr<float>();
  constexpr int64_t piece = 8192;
  at::parallel_for(0, (b * h * w + piece - 1) / piece, 4, [&](int64_t begin, int64_t end) {
    const int64_t first = begin * piece, count = std::min(end * piece, b * h * w) - first;
    if (stored < channels)
      spread_grey(from + first, count, scale_, shift_, to + first * channels);
    else
      spread(from + first * channels, count * channels, scale_, shift_, to + first * channels);
  });
  return out;
}

}  // namespace gd
