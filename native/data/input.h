// An input: how one modality of a sample becomes fields of a batch. Registered like any part (core/registry.h), so a
// recipe's `data` section is a map modality → input with options. Kinds: image, text, array.
#pragma once

#include "core/batch.h"
#include "core/draw.h"
#include "core/registry.h"
#include "data/dataset.h"

namespace gd {

struct NamedInput;
struct Flip;
struct Sides;

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
  // Called once, before any read, with all inputs of the recipe: what one must know of another (the text of the image's
  // flips) is asked here. Throws Error("bad-option") when they do not fit together.
  virtual void meet(const std::vector<NamedInput>&) {}
  // Allocates the fields for B samples (unprefixed names; always with "present" [B] bool, zeroed).
  virtual Features allocate(int64_t batch) const = 0;
  // Fills slot `slot`. Called from loader threads, several at a time on different slots: no torch operator inside, only raw
  // memory of the allocated tensors. Throws Error for bad data; the loader then clears the slot and lists a Reject.
  // A sample that simply lacks the modality is cleared by the input itself and is no reject.
  virtual void read(const Dataset& data, const SampleKey& key, int64_t slot, Features& out) const = 0;
  // Makes the slot that of an absent sample: zeros, unless the fields mean something else by zero.
  virtual void clear(int64_t slot, Features& out) const;
  // After all slots: e.g. cut the text to the longest sample of the batch. Loader thread.
  virtual void finish(Features&) const {}
  // On the training thread, after the copy to the device: e.g. uint8 pixels → normalised float [B, C, H, W].
  virtual void on_device(Features&) const {}

  // What inputs tell each other in meet(): images how they flip, texts which tokens name a side.
  virtual const Flip* flip() const { return nullptr; }
  virtual const Sides* sides() const { return nullptr; }
};

struct NamedInput {
  std::string modality;
  int64_t stream = 0;
  std::shared_ptr<const Input> input;
};

// Inputs of a recipe: {modality: {input: "image", options: {…}}}, in the object's order.
// Throws Error("unknown-part") or Error("bad-option").
std::vector<NamedInput> make_inputs(const Value& data);

// Options every kind of input shares: `stream` (integer, default 0): which of the plan's row streams it reads. Inputs on
// different streams see different rows in one batch (unpaired images and texts).
OptionList input_options(OptionList own);

// The bytes of one slot of a field [B, …].
template <class T>
T* slot_of(const Features& fields, std::string_view name, int64_t slot) {
  const Tensor& field = fields.at(name);
  return field.data_ptr<T>() + slot * field.stride(0);
}

}  // namespace gd
