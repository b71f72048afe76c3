// An input: how one modality of a sample becomes fields of a batch. Registered like any part (core/registry.h), so a
// recipe's `data` section is a map modality → input with options. Kinds: image, text, array.
#pragma once

#include "core/batch.h"
#include "core/draw.h"
#include "core/registry.h"
#include "data/dataset.h"

namespace gd {

// Which draw of which sample: augmentation is a function of this and nothing else.
struct SampleKey {
  uint64_t seed = 0;
  int64_t epoch = 0;
  int64_t row = 0;
  bool training = true;  // false: deterministic evaluation transform
  Draw draw(std::string_view purpose, uint64_t view = 0) const {
    return Draw(key(seed, static_cast<uint64_t>(epoch), static_cast<uint64_t>(row), view, key_of(purpose)));
  }
};

struct Input {
  virtual ~Input() = default;
  // Allocates the fields for B samples (unprefixed names; always with "present" [B] bool, zeroed).
  virtual Features allocate(int64_t batch) const = 0;
  // Fills slot `slot`. Called from loader threads, several at a time on different slots: no torch operator inside, only raw
  // memory of the allocated tensors. Throws Error for bad data; the loader then marks the sample absent and lists a Reject.
  virtual void read(const Dataset& data, const SampleKey& key, int64_t slot, Features& out) const = 0;
  // After all slots: e.g. cut the text to the longest sample of the batch. Loader thread.
  virtual void finish(Features&) const {}
  // On the training thread, after the copy to the device: e.g. uint8 pixels → normalised float [B, C, H, W].
  virtual void on_device(Features&) const {}
};

// Options every kind of input shares: `stream` (integer, default 0): which of the plan's row streams it reads. Inputs on
// different streams see different rows in one batch (unpaired images and texts).
OptionList input_options(OptionList own);

}  // namespace gd
