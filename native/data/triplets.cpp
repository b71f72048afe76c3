// The input `triplets`: which entities a report says are there or not, and at which positions (MedKLIP, Wu et al. 2023, §3.1).
#include "core/error.h"
#include "data/flip.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

namespace gd {

// A row holds a matrix M [positions, entities] of 1 (there), 0 (said not to be) and −1 (not mentioned), in C order.
class TripletsInput : public Input {
 public:
  static constexpr const char* help =
      "What a report says of entities at anatomical positions, from a column of numbers [positions, entities]: labels, and drawn "
      "candidates for the position of each entity that is there (MedKLIP, Wu et al. 2023).";
  static std::vector<std::string> gives() { return {"labels", "positions", "present"}; }
  static OptionList options() {
    return input_options({
        text_option("column", "triplets", "column of numbers [positions, entities]: 1 there, 0 said not to be, -1 not mentioned"),
        required(numbers_option("shape", {}, "positions and entities")),
        integer_option("negatives", 7, "wrong positions drawn beside the right one, without replacement"),
        numbers_option("sidePairs", {},
                       "numbers of positions a, b, a, b … that exchange in a mirrored image; needs the image's flipText 'swap'"),
    });
  }

  TripletsInput(Scope, const Options& options)
      : column_(options.text("column")), negatives_(options.integer("negatives")), pairs_(options.integers("sidePairs")) {
    const auto shape = options.integers("shape");
    expect(shape.size() == 2 && shape[0] > 0 && shape[1] > 0, "bad-option",
           "expected two positive numbers, positions and entities, for triplets.shape");
    positions_ = shape[0];
    entities_ = shape[1];
    expect(negatives_ >= 1 && negatives_ < positions_, "bad-option", "expected 1 to ", positions_ - 1,
           " for triplets.negatives but got ", negatives_);
    expect(pairs_.size() % 2 == 0, "bad-option", "expected pairs of positions for triplets.sidePairs but got ", pairs_.size(),
           " numbers");
    mirror_.resize(static_cast<size_t>(positions_));
    std::iota(mirror_.begin(), mirror_.end(), 0);
    for (size_t i = 0; i + 1 < pairs_.size(); i += 2) {
      for (const int64_t p : {pairs_[i], pairs_[i + 1]})
        expect(p >= 0 && p < positions_, "bad-option", "expected numbers from 0 to ", positions_ - 1,
               " for triplets.sidePairs but got ", p);
      std::swap(mirror_[static_cast<size_t>(pairs_[i])], mirror_[static_cast<size_t>(pairs_[i + 1])]);
    }
  }

  void meet(const std::vector<NamedInput>& all) override {
    for (const auto& other : all) {
      const Flip* flip = other.input->flip();
      if (!flip || flip->probability == 0 || flip->text == Flip::Text::ignore) continue;
      expect(flip->text == Flip::Text::swap && !pairs_.empty(), "bad-option",
             "expected the image's flipText 'ignore', or 'swap' with triplets.sidePairs, but got 'refuse' or no pairs");
      flip_ = *flip;
    }
  }
  // Images ask whether anything can swap sides; no text of this input names one.
  const Sides* sides() const override { return pairs_.empty() ? nullptr : &no_words_; }

  Features allocate(int64_t batch) const override {
    Features out;
    out.set("labels", at::empty({batch, entities_}, at::kLong));
    out.set("positions", at::empty({batch, entities_, 1 + negatives_}, at::kLong));
    out.set("present", at::zeros({batch}, at::kBool));
    return out;
  }

  void clear(int64_t slot, Features& out) const override {
    Input::clear(slot, out);
    std::fill_n(slot_of<int64_t>(out, "labels", slot), entities_, int64_t{-1});
  }

  void read(const Dataset& data, const SampleKey& key, int64_t slot, Features& out) const override {
    const Cell cell = data.cell(key.row, column_);
    if (cell.is_null() || cell.size() == 0) return clear(slot, out);
    if (cell.size() != positions_ * entities_)
      fail("bad-triplets", "expected ", positions_, " times ", entities_, " numbers at ", cell.where(), " but got ", cell.size());
    thread_local std::vector<int8_t> said;
    said.resize(static_cast<size_t>(positions_ * entities_));
    const bool swaps = flipped(flip_, key, 0, false);
    for (int64_t p = 0; p < positions_; ++p) {
      const int64_t to = swaps ? mirror_[static_cast<size_t>(p)] : p;
      for (int64_t e = 0; e < entities_; ++e) {
        const int64_t i = p * entities_ + e, value = cell.item(i).integer();
        if (value < -1 || value > 1) fail("bad-triplets", "expected 1, 0 or -1 at ", cell.item(i).where(), " but got ", value);
        said[static_cast<size_t>(to * entities_ + e)] = static_cast<int8_t>(value);
      }
    }
    auto* labels = slot_of<int64_t>(out, "labels", slot);
    auto* candidates = slot_of<int64_t>(out, "positions", slot);
    Draw draw = key.draw("triplets");
    for (int64_t e = 0; e < entities_; ++e) {
      const auto at = [&](int64_t p) { return said[static_cast<size_t>(p * entities_ + e)]; };
      labels[e] = -1;
      for (int64_t p = 0; p < positions_; ++p) labels[e] = std::max<int64_t>(labels[e], at(p));
      choose(labels[e] == 1, at, draw, candidates + e * (1 + negatives_), cell);
    }
    *slot_of<bool>(out, "present", slot) = true;
  }

 private:
  // One right position and then wrong ones: places that the report does not name for the entity, 0 and −1 alike. An entity that is
  // not there gets any positions; nobody asks for them.
  template <class At>
  void choose(bool there, At at, Draw& draw, int64_t* to, const Cell& cell) const {
    thread_local std::vector<int64_t> right, wrong;
    right.clear();
    wrong.clear();
    for (int64_t p = 0; p < positions_; ++p) (there && at(p) == 1 ? right : wrong).push_back(p);
    const auto take = [&](std::vector<int64_t>& from) {
      const size_t which = static_cast<size_t>(draw.below(from.size()));
      const int64_t out = from[which];
      from[which] = from.back();
      from.pop_back();
      return out;
    };
    if (static_cast<int64_t>(wrong.size()) < negatives_ + (there ? 0 : 1))
      fail("bad-triplets", "expected at least ", negatives_, " positions that an entity is not at in ", cell.where(), " but got ",
           wrong.size());
    to[0] = take(there ? right : wrong);
    for (int64_t i = 1; i <= negatives_; ++i) to[i] = take(wrong);
  }

  std::string column_;
  int64_t positions_ = 0, entities_ = 0, negatives_;
  std::vector<int64_t> pairs_, mirror_;  // position → its mirror image
  Flip flip_;
  Sides no_words_;
};

GD_REGISTER(Input, "triplets", TripletsInput)

}  // namespace gd
