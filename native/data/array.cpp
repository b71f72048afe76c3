// The input `array`: numbers of a row — labels, signals, tables, anything with a fixed shape.
#include "data/choose.h"
#include "data/mapped_file.h"

#include <ATen/ATen.h>

#include <cmath>
#include <cstring>

namespace gd {

namespace {

template <class T>
void widen(const uint8_t* from, double* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, from + static_cast<size_t>(i) * sizeof(T), sizeof(T));
    to[i] = static_cast<double>(value);
  }
}

}  // namespace

class ArrayInput : public Input {
 public:
  static constexpr const char* help =
      "Numbers of a row in a fixed shape: a number column, a list of numbers, or the raw values of a stored signal.";
  static std::vector<std::string> gives() { return {"values", "present"}; }
  static OptionList options() {
    return input_options({
        required(
            text_option("column", "", "column, with dots into structs: label_vec, patient.age_years; images: a stored signal")),
        required(
            numbers_option("shape", {}, "shape of one sample, e.g. 12, 5000 for leads and samples; the numbers come in C order")),
        choice_option("dtype", {"float32", "int64"}, "type of the result; int64 takes integers only and gives them exactly"),
        integer_option("view", 0, "a column of stored signals: number of this view"),
        choice_option("choose", {"random", "position"}, choose_help),
        choice_option("missing", {"absent", "fill"},
                      "a row without a value is marked absent, or filled with `fill` and counted as present. A single number "
                      "that is null refuses the row and NaN is handed on (for encoders that flag it), or both become `fill`"),
        number_option("fill", 0, "number for missing ones, before mean and deviation"),
        numbers_option("mean", {0}, "subtracted, one for all or one per entry of the first axis"),
        numbers_option("deviation", {1}, "divided by, one for all or one per entry of the first axis"),
    });
  }

  ArrayInput(Scope, const Options& options)
      : shape_(options.integers("shape")),
        whole_(options.text("dtype") == "int64"),
        view_(options.integer("view")),
        random_(options.text("choose") == "random"),
        fills_(options.text("missing") == "fill"),
        fill_(options.number("fill")),
        mean_(options.numbers("mean")),
        deviation_(options.numbers("deviation")) {
    const std::string& column = options.text("column");
    for (size_t from = 0; from <= column.size();) {
      const size_t to = std::min(column.find('.', from), column.size());
      path_.push_back(column.substr(from, to - from));
      from = to + 1;
    }
    for (const int64_t extent : shape_) {
      expect(extent >= 1 && extent <= (int64_t{1} << 32) / size_, "bad-option",
             "expected positive numbers for array.shape but got ", extent);
      size_ *= extent;
    }
    expect(view_ >= 0, "bad-option", "expected at least 0 for array.view but got ", view_);
    const auto rows = static_cast<size_t>(shape_.empty() ? 1 : shape_.front());
    for (auto* each : {&mean_, &deviation_}) {
      expect(each->size() == 1 || each->size() == rows, "bad-option", "expected 1 or ", rows,
             " numbers for the array's mean and deviation but got ", each->size());
      each->resize(rows, each->front());
    }
    for (const double d : deviation_) expect(d > 0, "bad-option", "expected positive numbers for array.deviation but got ", d);
    for (size_t i = 0; i < rows; ++i) plain_ = plain_ && mean_[i] == 0 && deviation_[i] == 1;
    expect(!whole_ || plain_, "bad-option", "expected dtype float32 with a mean or deviation but got int64");
    expect(!whole_ || fill_ == std::floor(fill_), "bad-option", "expected an integer for array.fill with dtype int64 but got ",
           fill_);
  }

  Features allocate(int64_t batch) const override {
    std::vector<int64_t> shape{batch};
    shape.insert(shape.end(), shape_.begin(), shape_.end());
    Features out;
    out.set("values", at::empty(shape, whole_ ? at::kLong : at::kFloat));
    out.set("present", at::zeros({batch}, at::kBool));
    return out;
  }

  void read(const Dataset& data, const SampleKey& key, int64_t slot, Features& out) const override {
    Cell cell = data.cell(key.row, path_.front());
    for (size_t i = 1; i < path_.size() && !cell.is_null(); ++i) cell = cell.field(path_[i]);
    bool present = !cell.is_null();
    if (present && cell.is_list() && cell.size() > 0 && cell.item(0).type() == ColumnPlace::Type::structure) {
      const int64_t which = choose(cell.size(), random_, key, "array", view_);
      present = which >= 0;
      if (present) cell = cell.item(which);
    } else if (present && cell.is_list() && cell.size() == 0 && size_ > 0) {
      present = false;  // an empty list of signals or of labels: nothing is known
    }
    if (!present && !fills_) return clear(slot, out);
    if (whole_) {
      auto* to = slot_of<int64_t>(out, "values", slot);
      if (present)
        integers(cell, to);
      else
        std::fill(to, to + size_, static_cast<int64_t>(fill_));
    } else {
      thread_local std::vector<double> values;
      values.assign(static_cast<size_t>(size_), fill_);
      if (present) numbers(cell, values.data());
      auto* to = slot_of<float>(out, "values", slot);
      const int64_t row = size_ / static_cast<int64_t>(mean_.size());
      for (int64_t i = 0; i < size_; ++i) {
        const auto r = static_cast<size_t>(i / row);
        to[i] = static_cast<float>(plain_ ? values[static_cast<size_t>(i)]
                                          : (values[static_cast<size_t>(i)] - mean_[r]) / deviation_[r]);
      }
    }
    *slot_of<bool>(out, "present", slot) = true;
  }

 private:
  void counted(const Cell& cell, int64_t count) const {
    if (count != size_)
      fail("bad-array", "expected ", size_, " numbers (shape ", at::IntArrayRef(shape_), ") at ", cell.where(), " but got ",
           count);
  }

  // Calls each(place, item) for the items that are there; missing ones are `fill` or refuse the row.
  template <class Each, class Fill>
  void items(const Cell& cell, Each each, Fill fill) const {
    if (!cell.is_list()) {
      counted(cell, 1);
      return each(0, cell);
    }
    counted(cell, cell.size());
    for (int64_t i = 0; i < size_; ++i) {
      const Cell item = cell.item(i);
      if (!item.is_null())
        each(i, item);
      else if (fills_)
        fill(i);
      else
        fail("bad-array", "expected a number at ", item.where(), " but item ", i, " is null");
    }
  }

  void integers(const Cell& cell, int64_t* to) const {
    if (cell.type() == ColumnPlace::Type::structure)
      fail("bad-array", "expected dtype float32 for stored signals at ", cell.where(), " but got int64");
    items(
        cell, [&](int64_t i, const Cell& item) { to[i] = item.integer(); },
        [&](int64_t i) { to[i] = static_cast<int64_t>(fill_); });
  }

  void numbers(const Cell& cell, double* to) const {
    if (cell.type() == ColumnPlace::Type::structure) return signal(cell, to);
    items(
        cell,
        [&](int64_t i, const Cell& item) {
          const double value = item.number();
          if (!fills_ || !std::isnan(value)) to[i] = value;  // the place holds `fill` already
        },
        [](int64_t) {});
  }

  // An item of `images` with codec raw: values of `dtype`, turned by slope and intercept unless that was done already.
  void signal(const Cell& item, double* to) const {
    const auto codec = item.text("codec");
    if (codec != "raw") fail("bad-array", "expected codec raw at ", item.where(), " but got '", codec, "'");
    const Cell data = item.field("data");
    if (data.is_null()) fail("bad-array", "expected values at ", data.where(), " but got none");
    const auto bytes = data.bytes();
    will_need(bytes);
    const auto dtype = item.text("dtype");
    const int64_t width = dtype == "uint8"                         ? 1
                          : dtype == "int16" || dtype == "uint16"  ? 2
                          : dtype == "int32" || dtype == "float32" ? 4
                                                                   : 0;
    if (width == 0)
      fail("bad-array", "expected uint8, int16, uint16, int32 or float32 at ", item.where(), " but got '", dtype, "'");
    if (static_cast<int64_t>(bytes.size()) % width != 0)
      fail("bad-array", "expected a multiple of ", width, " bytes at ", data.where(), " but got ", bytes.size());
    counted(item, static_cast<int64_t>(bytes.size()) / width);
    if (dtype == "uint8") widen<uint8_t>(bytes.data(), to, size_);
    if (dtype == "int16") widen<int16_t>(bytes.data(), to, size_);
    if (dtype == "uint16") widen<uint16_t>(bytes.data(), to, size_);
    if (dtype == "int32") widen<int32_t>(bytes.data(), to, size_);
    if (dtype == "float32") widen<float>(bytes.data(), to, size_);
    if (item.number("rescaled", 1) != 0) return;
    const double slope = item.number("slope", 1), intercept = item.number("intercept", 0);
    for (int64_t i = 0; i < size_; ++i) to[i] = to[i] * slope + intercept;
  }

  std::vector<std::string> path_;
  std::vector<int64_t> shape_;
  int64_t size_ = 1;
  bool whole_;
  int64_t view_;
  bool random_, fills_;
  double fill_;
  std::vector<double> mean_, deviation_;
  bool plain_ = true;
};

GD_REGISTER(Input, "array", ArrayInput)

}  // namespace gd
