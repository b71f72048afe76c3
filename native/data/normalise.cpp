#include "data/normalise.h"

#include "core/error.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

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

// One pass over the pixels; as composed operators it would be four.
template <int Channels>
void spread(const uint8_t* from, int64_t pixels, bool repeat, const float* scale, const float* shift, float* __restrict__ to) {
  float a[Channels], b[Channels];
  for (int c = 0; c < Channels; ++c) {
    a[c] = scale[c];
    b[c] = shift[c];
  }
  if (repeat) {
    for (int64_t i = 0; i < pixels; ++i) {
      const auto level = static_cast<float>(from[i]);
      for (int c = 0; c < Channels; ++c) to[Channels * i + c] = level * a[c] + b[c];
    }
  } else {
    for (int64_t i = 0; i < pixels; ++i)
      for (int c = 0; c < Channels; ++c) to[Channels * i + c] = static_cast<float>(from[Channels * i + c]) * a[c] + b[c];
  }
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
    if (channels == 3)
      spread<3>(from + first * stored, count, stored == 1, scale_.data(), shift_.data(), to + first * 3);
    else
      spread<1>(from + first, count, false, scale_.data(), shift_.data(), to + first);
  });
  return out;
}

}  // namespace gd
