// The input `text`: token ids of a text's sentences, as `prepare` stored them → one row of ids with special tokens.
#include "data/choose.h"
#include "data/flip.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>

namespace gd {

class TextInput : public Input {
 public:
  static constexpr const char* help =
      "Token ids of a text of the row: sentences drawn, shuffled and joined, special tokens around them, optionally masked.";
  static std::vector<std::string> gives() { return {"ids", "mask", "targets", "present"}; }
  static OptionList options() {
    return input_options({
        text_option("column", "texts", "column of texts"),
        texts_option("kinds", {}, "only texts of these kinds, e.g. findings and impression; empty: any"),
        texts_option("languages", {}, "only texts in these languages, e.g. en; empty: any"),
        integer_option("view", 0, "number of this view: other views of a sample draw another text"),
        choice_option("choose", {"random", "position", "join"},
                      std::string(choose_help) + "; join: all of them, one after another, in the order of `kinds`"),
        integer_option("sentences", 0,
                       "sentences drawn without replacement in training, the first so many in evaluation; 0: all"),
        flag_option("shuffle", false,
                    "put the sentences of each text in random order in training; otherwise they keep their order. Texts that are "
                    "joined stay one behind the other"),
        integer_option("maxTokens", 128, "longest text, tokens with the special ones; the rest is cut off"),
        integer_option("padTo", 8, "the batch's length is rounded up to a multiple of this, at most maxTokens"),
        integer_option("startId", -1, "token before the text; -1: none"),
        integer_option("endId", -1, "token after the text; -1: none"),
        integer_option("padId", 0, "token after the end of shorter texts"),
        integer_option("maskId", -1, "token that hides another; needed with maskProbability"),
        integer_option("vocabularySize", 0,
                       "tokens known to the encoder: others are refused, random ones drawn below it; 0: unknown"),
        numbers_option(
            "sidePairs", {},
            "token ids a, b, a, b … of words that exchange in a mirror, e.g. left and right; see the image's flipText"),
        number_option("maskProbability", 0,
                      "masked language modelling (Devlin et al. 2019): part of the tokens that become targets; of them 80 % are "
                      "hidden, 10 % replaced by a random token, 10 % kept. Training only"),
        flag_option("wholeWords", false,
                    "draw words instead of tokens for masking: all tokens of a word become targets together"),
        numbers_option(
            "continuations", {},
            "ids of the tokens that go on with a word (##… of WordPiece), needed with wholeWords; a run takes them from "
            "its data's tokenizer"),
    });
  }

  TextInput(Scope, const Options& options)
      : column_(options.text("column")),
        kinds_(options.texts("kinds")),
        languages_(options.texts("languages")),
        view_(options.integer("view")),
        random_(options.text("choose") == "random"),
        join_(options.text("choose") == "join"),
        sentences_(options.integer("sentences")),
        shuffle_(options.flag("shuffle")),
        most_(options.integer("maxTokens")),
        pad_to_(options.integer("padTo")),
        start_(options.integer("startId")),
        end_(options.integer("endId")),
        pad_(options.integer("padId")),
        mask_(options.integer("maskId")),
        vocabulary_(options.integer("vocabularySize")),
        mask_probability_(options.number("maskProbability")) {
    expect(most_ >= 3 && most_ <= 1 << 20, "bad-option", "expected at least 3 for text.maxTokens but got ", most_);
    expect(pad_to_ >= 1, "bad-option", "expected at least 1 for text.padTo but got ", pad_to_);
    expect(view_ >= 0, "bad-option", "expected at least 0 for text.view but got ", view_);
    expect(sentences_ >= 0, "bad-option", "expected at least 0 for text.sentences but got ", sentences_);
    expect(mask_probability_ >= 0 && mask_probability_ < 1, "bad-option",
           "expected 0 to below 1 for text.maskProbability but got ", mask_probability_);
    expect(mask_probability_ == 0 || (mask_ >= 0 && vocabulary_ > 0), "bad-option",
           "expected text.maskId and text.vocabularySize with text.maskProbability but got ", mask_, " and ", vocabulary_);
    whole_words_ = options.flag("wholeWords");
    for (const int64_t id : options.integers("continuations")) {
      expect(id >= 0 && id < 1 << 24, "bad-option", "expected token ids for text.continuations but got ", id);
      if (static_cast<size_t>(id) >= continues_.size()) continues_.resize(static_cast<size_t>(id) + 1);
      continues_[static_cast<size_t>(id)] = true;
    }
    const auto sides = options.integers("sidePairs");
    expect(sides.size() % 2 == 0, "bad-option", "expected pairs of token ids for text.sidePairs but got ", sides.size(),
           " numbers");
    pairs_.column = column_;
    for (size_t i = 0; i < sides.size(); i += 2)
      pairs_.pairs.emplace_back(static_cast<int32_t>(sides[i]), static_cast<int32_t>(sides[i + 1]));
  }

  const Sides* sides() const override { return pairs_.pairs.empty() ? nullptr : &pairs_; }

  void meet(const std::vector<NamedInput>& all) override {
    for (const auto& other : all) {
      const Flip* flip = other.input->flip();
      if (!flip || flip->text != Flip::Text::swap || flip->probability == 0) continue;
      expect(!pairs_.pairs.empty(), "bad-option", "expected text.sidePairs, because ", other.modality,
             ".flipText is 'swap', but got none");
      expect(!swaps_ || flip_.probability == flip->probability, "bad-option",
             "expected one probability for all inputs with flipText 'swap' but got ", flip_.probability, " and ",
             flip->probability);
      flip_ = *flip;
      swaps_ = true;
    }
  }

  Features allocate(int64_t batch) const override {
    Features out;
    out.set("ids", at::empty({batch, most_}, at::kLong));
    out.set("mask", at::empty({batch, most_}, at::kBool));
    out.set("targets", at::empty({batch, most_}, at::kLong));
    out.set("present", at::zeros({batch}, at::kBool));
    return out;
  }

  void read(const Dataset& data, const SampleKey& key, int64_t slot, Features& out) const override {
    const Cell texts = data.cell(key.row, column_);
    const std::vector<int64_t> chosen = candidates(texts, key);
    if (chosen.empty()) return clear(slot, out);
    std::vector<int32_t> ids = joined(texts, chosen, key);
    if (ids.empty()) fail("bad-text", "expected at least one token at ", texts.where(), " but the text is empty");
    for (const int32_t id : ids)
      if (id < 0 || (vocabulary_ > 0 && id >= vocabulary_))
        fail("bad-text", "expected token ids below ", vocabulary_, " at ", texts.where(), " but got ", id,
             "; the data set was prepared with another tokenizer");
    if (swaps_ && flipped(flip_, key, 0, false)) swap_sides(pairs_, ids);
    write(ids, key, slot, out);
    *slot_of<bool>(out, "present", slot) = true;
  }

  // An absent text still has its special tokens: attention over no token at all would be 0/0.
  void clear(int64_t slot, Features& out) const override {
    write({}, SampleKey{.training = false}, slot, out);
    *slot_of<bool>(out, "present", slot) = false;
  }

  // Cuts all rows to the longest one. Copied by hand: a torch operator would start a team of OpenMP threads for this thread.
  void finish(Features& out) const override {
    const int64_t batch = out.at("mask").size(0);
    int64_t longest = 1;
    for (int64_t slot = 0; slot < batch; ++slot) {
      const bool* mask = slot_of<bool>(out, "mask", slot);
      while (longest < most_ && mask[longest]) ++longest;
    }
    const int64_t length = std::min(most_, (longest + pad_to_ - 1) / pad_to_ * pad_to_);
    if (length == most_) return;
    for (const char* name : {"ids", "mask", "targets"}) {
      const Tensor& whole = out.at(name);
      Tensor cut = at::empty({batch, length}, whole.options().pinned_memory(whole.is_pinned()));
      const size_t width = whole.element_size();
      for (int64_t slot = 0; slot < batch; ++slot)
        std::memcpy(static_cast<char*>(cut.data_ptr()) + static_cast<size_t>(slot * length) * width,
                    static_cast<const char*>(whole.data_ptr()) + static_cast<size_t>(slot * most_) * width,
                    static_cast<size_t>(length) * width);
      out.set(name, cut);
    }
  }

 private:
  // Numbers of the texts that this view reads, in order; more than one only with `join`.
  std::vector<int64_t> candidates(const Cell& texts, const SampleKey& key) const {
    const auto among = [](const std::vector<std::string>& wanted, std::string_view word) {
      return wanted.empty() ? 0 : std::find(wanted.begin(), wanted.end(), word) - wanted.begin();
    };
    std::vector<std::pair<int64_t, int64_t>> found;  // place of its kind in `kinds`, number
    for (int64_t i = 0; i < texts.size(); ++i) {
      const Cell text = texts.item(i);
      if (text.is_null()) continue;
      const int64_t kind = kinds_.empty() ? 0 : among(kinds_, text.text("kind"));
      if (kind == static_cast<int64_t>(kinds_.size()) && !kinds_.empty()) continue;
      if (!languages_.empty() && among(languages_, text.text("lang")) == static_cast<int64_t>(languages_.size())) continue;
      found.emplace_back(kind, i);
    }
    std::vector<int64_t> out;
    if (join_) {
      std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      for (const auto& [kind, number] : found) out.push_back(number);
      return out;
    }
    const int64_t which = choose(static_cast<int64_t>(found.size()), random_, key, "text", view_);
    if (which >= 0) out.push_back(found[static_cast<size_t>(which)].second);
    return out;
  }

  // The ids of the drawn sentences, as many as fit.
  std::vector<int32_t> joined(const Cell& texts, const std::vector<int64_t>& chosen, const SampleKey& key) const {
    std::vector<Cell> sentences;
    std::vector<size_t> text_of;
    for (const int64_t number : chosen) {
      const Cell text = texts.item(number);
      if (!text.has("sentences") || text.field("sentences").is_null())
        fail("bad-text", "expected token ids in the field 'sentences' at ", text.where(),
             " but got none; prepare the data set with a tokenizer");
      const Cell all = text.field("sentences");
      for (int64_t s = 0; s < all.size(); ++s) sentences.push_back(all.item(s));
      text_of.resize(sentences.size(), text_of.empty() ? 0 : text_of.back() + 1);
    }
    const auto count = static_cast<int64_t>(sentences.size());
    std::vector<int64_t> order(sentences.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
    int64_t taken = sentences_ > 0 ? std::min(sentences_, count) : count;
    if (key.training && (shuffle_ || taken < count)) {
      Draw draw = key.draw("sentences", static_cast<uint64_t>(view_));
      for (int64_t i = 0; i < taken; ++i)  // Fisher–Yates: the first `taken` are a draw without replacement
        std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(i) + draw.below(static_cast<uint64_t>(count - i))]);
      if (!shuffle_)
        std::sort(order.begin(), order.begin() + taken);
      else if (join_)  // impression's sentences do not move into the findings (BioViL shuffles within a section)
        std::stable_sort(order.begin(), order.begin() + taken,
                         [&](int64_t a, int64_t b) { return text_of[static_cast<size_t>(a)] < text_of[static_cast<size_t>(b)]; });
    }
    const int64_t room = most_ - (start_ >= 0) - (end_ >= 0);
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < taken && static_cast<int64_t>(ids.size()) < room; ++i) {
      const auto more =
          sentences[static_cast<size_t>(order[static_cast<size_t>(i)])].integers(room - static_cast<int64_t>(ids.size()));
      ids.insert(ids.end(), more.begin(), more.end());
    }
    return ids;
  }

  void write(const std::vector<int32_t>& ids, const SampleKey& key, int64_t slot, Features& out) const {
    auto* row = slot_of<int64_t>(out, "ids", slot);
    auto* mask = slot_of<bool>(out, "mask", slot);
    auto* targets = slot_of<int64_t>(out, "targets", slot);
    std::fill(targets, targets + most_, no_target);
    int64_t at = 0;
    if (start_ >= 0) row[at++] = start_;
    const bool masked = mask_probability_ > 0 && key.training;
    if (masked && whole_words_ && continues_.empty())
      fail("bad-option", "expected text.continuations with text.wholeWords but the tokenizer gave none");
    Draw draw = key.draw("mask", static_cast<uint64_t>(view_));
    bool drawn = false, first = true;
    for (const int32_t id : ids) {
      row[at] = id;
      const bool goes_on =
          whole_words_ && !first && static_cast<size_t>(id) < continues_.size() && continues_[static_cast<size_t>(id)];
      if (masked && !goes_on) drawn = draw.chance(mask_probability_);
      first = false;
      if (masked && drawn) {
        targets[at] = id;
        const double what = draw.uniform();
        if (what < 0.8)
          row[at] = mask_;
        else if (what < 0.9)
          row[at] = static_cast<int64_t>(draw.below(static_cast<uint64_t>(vocabulary_)));
      }
      ++at;
    }
    if (end_ >= 0) row[at++] = end_;
    if (at == 0) row[at++] = pad_;  // an absent text of a tokenizer without special tokens
    std::fill(mask, mask + at, true);
    std::fill(mask + at, mask + most_, false);
    std::fill(row + at, row + most_, pad_);
  }

  std::string column_;
  std::vector<std::string> kinds_, languages_;
  int64_t view_;
  bool random_, join_;
  int64_t sentences_;
  bool shuffle_;
  int64_t most_, pad_to_, start_, end_, pad_, mask_, vocabulary_;
  double mask_probability_;
  bool whole_words_ = false;
  std::vector<bool> continues_;
  Sides pairs_;
  Flip flip_;
  bool swaps_ = false;
};

GD_REGISTER(Input, "text", TextInput)

}  // namespace gd
