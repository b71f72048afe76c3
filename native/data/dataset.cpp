#include "data/dataset.h"

#include "core/error.h"
#include "data/shard.h"

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <shared_mutex>

namespace gd {

// Shards are never removed and never move, so that a Cell stays valid without a lock; only the list of them is guarded.
struct Dataset::Impl {
  mutable std::shared_mutex mutex;
  std::vector<std::unique_ptr<const Shard>> shards;  // by first row
  int64_t rows = 0;                                  // one past the last row of the last shard

  const Shard* find(int64_t row) const {
    std::shared_lock lock(mutex);
    const auto after =
        std::upper_bound(shards.begin(), shards.end(), row, [](int64_t r, const auto& shard) { return r < shard->first_row; });
    if (after == shards.begin()) return nullptr;
    const Shard* shard = std::prev(after)->get();
    return row < shard->first_row + shard->rows ? shard : nullptr;
  }

  const Shard& at(int64_t row) const {
    const Shard* shard = find(row);
    if (!shard) fail("bad-row", "expected a row of an open shard but got row ", row);
    return *shard;
  }

  static const ShardBatch& batch(const Shard& shard, int64_t row) {
    const auto after = std::upper_bound(shard.batches.begin(), shard.batches.end(), row - shard.first_row,
                                        [](int64_t r, const ShardBatch& batch) { return r < batch.first_row; });
    return *std::prev(after);
  }

  static const ColumnPlace* column(const ShardBatch& batch, std::string_view name) {
    for (const auto& [known, place] : batch.columns)
      if (known == name) return &place;
    return nullptr;
  }

  // Reads and checks the places of a shard's columns.
  static void read_places(Shard& shard, const Value& places) {
    std::vector<std::shared_ptr<const std::vector<std::string>>> dictionaries;
    if (const Value* given = places.find("dictionaries"); given && !given->is_null()) {
      for (const Value& words : given->array()) {
        auto texts = std::make_shared<std::vector<std::string>>();
        for (const Value& word : words.array()) texts->push_back(word.is_null() ? std::string() : word.text());
        dictionaries.push_back(std::move(texts));
      }
    }
    for (const Value& given : places.at("batches").array()) {
      ShardBatch batch;
      batch.first_row = shard.rows;
      batch.rows = given.at("rows").integer();
      expect(batch.rows >= 0, "bad-shard", "expected a count of rows but got ", batch.rows);
      for (const auto& [name, place] : given.at("columns").object())
        batch.columns.emplace_back(name, ColumnPlace::from(place, dictionaries));
      shard.rows += batch.rows;
      if (batch.rows > 0) shard.batches.push_back(std::move(batch));
    }
    check_places(shard);
  }

  // Makes the shard visible.
  int64_t insert(std::unique_ptr<Shard> shard, const Value& places, std::optional<int64_t> first_row) {
    try {
      read_places(*shard, places);
    } catch (const Error& error) {  // also what Value says of numbers that no file can hold
      const std::string what = error.what();
      throw Error("bad-shard", what.find(shard->name) == std::string::npos ? shard->name + ": " + what : what,
                  "prepare the data set again");
    }
    std::unique_lock lock(mutex);
    shard->first_row = first_row.value_or(rows);
    const int64_t end = shard->first_row + shard->rows;
    expect(shard->first_row >= 0, "bad-shard", "expected a first row for ", shard->name, " but got ", shard->first_row);
    const auto after = std::lower_bound(shards.begin(), shards.end(), shard->first_row,
                                        [](const auto& held, int64_t r) { return held->first_row < r; });
    const bool overlaps =
        (after != shards.end() && (*after)->first_row < end) ||
        (after != shards.begin() && (*std::prev(after))->first_row + (*std::prev(after))->rows > shard->first_row);
    expect(!overlaps || shard->rows == 0, "bad-shard", "expected rows of its own for ", shard->name,
           " but another shard holds some of the rows ", shard->first_row, " to ", end - 1);
    rows = std::max(rows, end);
    if (shard->rows > 0) shards.insert(after, std::move(shard));
    return rows;
  }

  static std::unique_ptr<Shard> map(const std::string& path) {
    auto shard = std::make_unique<Shard>();
    shard->name = std::filesystem::path(path).filename().string();
    shard->file = std::make_unique<const MappedFile>(path);
    shard->bytes = shard->file->bytes();
    return shard;
  }
};

Dataset::Dataset() : impl_(std::make_unique<Impl>()) {}
Dataset::~Dataset() = default;

int64_t Dataset::add(const std::string& path, const Value& places) {
  return impl_->insert(Impl::map(path), places, std::nullopt);
}

int64_t Dataset::add(std::string name, std::shared_ptr<const std::vector<uint8_t>> bytes, const Value& places) {
  auto shard = std::make_unique<Shard>();
  shard->name = std::move(name);
  shard->bytes = *bytes;
  shard->memory = std::move(bytes);
  return impl_->insert(std::move(shard), places, std::nullopt);
}

void Dataset::add_at(int64_t first_row, const std::string& path, const Value& places) {
  impl_->insert(Impl::map(path), places, first_row);
}

Cell Dataset::cell(int64_t row, std::string_view name) const {
  const Shard& shard = impl_->at(row);
  const ShardBatch& batch = Impl::batch(shard, row);
  const ColumnPlace* place = Impl::column(batch, name);
  if (!place) {
    std::string names;
    for (const auto& [known, unused] : batch.columns) names += (names.empty() ? "" : ", ") + known;
    fail("missing-column", "expected the column '", name, "' in ", shard.name, " but there is only: ", names);
  }
  Cell out;
  out.shard_ = &shard;
  out.place_ = place;
  out.row_ = row;
  out.at_ = row - shard.first_row - batch.first_row + place->offset;
  return out;
}

bool Dataset::has(int64_t row, std::string_view column) const {
  return Impl::column(Impl::batch(impl_->at(row), row), column) != nullptr;
}

std::string Dataset::file(int64_t row) const {
  const Shard* shard = impl_->find(row);
  return shard ? shard->name : "no open shard";
}

std::string Dataset::where(int64_t row) const {
  const Shard* shard = impl_->find(row);
  return shard ? shard->name + " row " + std::to_string(row - shard->first_row)
               : "row " + std::to_string(row) + " of no open shard";
}

}  // namespace gd
