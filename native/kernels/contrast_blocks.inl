// The pairs of rows and columns in blocks: packing, scores, masks and the two products of the backward. What the soft-max and
// the sigmoid contrast share on the CPU. Included once for each instruction set.
#include "kernels/tile_product.inl"

// Columns of a block: their packed half of b stays in the last cache. Threads wait for each other after each block, so that small
// blocks would be slow where other programs take a thread away.
constexpr int64_t block_columns = 1024;
// From one row of scores to the next: no power of two, which would put a tile's rows into the same lines of the first cache.
constexpr int64_t score_row = block_columns + 16;
// Rows of a block of the backward.
constexpr int64_t block_rows = 1024 / (8 * tile_rows) * (8 * tile_rows);
// Rows, or columns, that one task takes: many read the packed other side less often, few feed more threads. By N alone, so that
// results do not depend on the number of threads.
constexpr int64_t most_task_rows = 8 * tile_rows;
inline int64_t task_rows_of(int64_t rows) {
  return tile_rows << std::clamp<int64_t>(std::bit_width(static_cast<uint64_t>(rows / (tile_rows * 32))), 0, 3);
}

// Fewer multiplications than this are done before other threads have woken.
constexpr int64_t worth_threads = 1 << 20;

template <class T>
constexpr ElementType real_type = std::is_same_v<T, float> ? ElementType::f32 : ElementType::f64;

// Both factors of the scores, scale included on the left; and of the label scores, where there are labels.
template <class T>
struct Factors {
  Matrix<T> a, b, row_labels, column_labels;
  T label_scale;
  bool labels;
  T hardness = 0;  // above 0: of scores that stand in the labels' place

  template <class Problem>
  explicit Factors(const Problem& p, double label_scale_given)
      : a{p.a, p.type, p.rows, p.width, p.a_stride, p.row_there, static_cast<const T*>(p.scale), p.scale_by_row},
        b{p.b, p.type, p.columns, p.width, p.b_stride, p.column_there},
        row_labels{p.row_labels, real_type<T>, p.rows, p.label_width, p.label_width, p.row_there, &label_scale},
        column_labels{p.column_labels, real_type<T>, p.columns, p.label_width, p.label_width, p.column_there},
        label_scale(static_cast<T>(label_scale_given)),
        labels(p.row_labels != nullptr) {}
  Factors(const Factors&) = delete;
  bool second() const { return labels || hardness > 0; }  // whether there are two scores a pair
  bool parallel() const { return a.rows * b.rows * a.width > worth_threads; }
};

template <class T>
constexpr int64_t panels_of(int64_t width) {
  return round_up(width, tile_columns<T>) / tile_columns<T>;
}
// Rows from one panel of packed rows to the next: some more than there are, because panels that lie a power of two apart share
// few lines of the caches.
constexpr int64_t panel_pitch(int64_t rows) { return rows + tile_rows; }

// Numbers in `rows` packed rows of a width, and in a block of packed columns.
template <class T>
constexpr int64_t packed_size(int64_t rows, int64_t width) {
  return panel_pitch(rows) * round_up(width, tile_columns<T>);
}

// z[count, score_row] = rows `from` … of packed rows, panels `pitch` rows apart, times the packed columns.
template <class T>
inline void score_strip(const T* rows, int64_t pitch, int64_t from, int64_t count, const T* columns, int64_t column_count,
                        int64_t width, T* z) {
  constexpr int64_t wide = tile_columns<T>;
  const int64_t panels = panels_of<T>(width);
  for (int64_t j = 0; j < column_count; j += wide)
    for (int64_t i = 0; i < count; i += tile_rows)
      multiply_tile<T, 1>(Left<T>{rows + (from + i) * wide, wide, wide, panels, pitch * wide}, columns + j * panels * wide,
                          z + i * score_row + j, score_row, false);
}

// Columns that are no candidates of anybody in the block of columns: absent or past the end. `open` gets 1 or 0 for each.
template <class T>
inline bool open_columns(const Matrix<T>& b, int64_t first, int64_t padded, T* open) {
  bool every = true;
  for (int64_t j = 0; j < padded; ++j) {
    const bool holds = b.holds(first + j);
    open[j] = holds ? T(1) : T(0);
    every = every && holds;
  }
  return every;
}

// f(place in the list, column within the block) of a row's listed pairs in a block of columns.
template <class F>
inline void each_listed(const int64_t* offsets, const int32_t* columns, int64_t row, int64_t first_column, int64_t padded, F f) {
  const int32_t* end = columns + offsets[row + 1];
  for (const int32_t* pair = std::lower_bound(columns + offsets[row], end, first_column);
       pair != end && *pair < first_column + padded; ++pair)
    f(pair - columns, *pair - first_column);
}

// Puts −inf where a pair is none: absent rows, closed columns (`open` null: all are open), excluded pairs.
template <class T>
inline void close_pairs(const Matrix<T>& a, int64_t first_row, int64_t rows, int64_t first_column, int64_t padded, const T* open,
                        const int64_t* excluded_offsets, const int32_t* excluded_columns, T* z) {
  for (int64_t i = 0; i < rows; ++i) {
    T* at = z + i * score_row;
    if (!a.holds(first_row + i)) {
      std::fill(at, at + padded, minus_infinity<T>);
      continue;
    }
    if (open)
      for (int64_t j = 0; j < padded; ++j) at[j] = open[j] > 0 ? at[j] : minus_infinity<T>;
    if (excluded_offsets)
      each_listed(excluded_offsets, excluded_columns, first_row + i, first_column, padded,
                  [&](int64_t, int64_t j) { at[j] = minus_infinity<T>; });
  }
}

// Whether the pair (row, column) is a candidate at all.
template <class T, class Problem>
inline bool is_pair(const Factors<T>& f, const Problem& p, int64_t row, int64_t column) {
  if (!f.a.holds(row) || !f.b.holds(column)) return false;
  if (!p.excluded_offsets) return true;
  return !std::binary_search(p.excluded_columns + p.excluded_offsets[row], p.excluded_columns + p.excluded_offsets[row + 1],
                             static_cast<int32_t>(column));
}

// Scores of a strip times a factor.
template <class T>
inline void scale_strip(const T* z, T factor, int64_t rows, int64_t padded, T* to) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < padded; j += lanes<T>)
      store<T>(to + i * score_row + j, load<T>(z + i * score_row + j) * all<T>(factor));
}

// Scores of `count` single pairs (row_of(e), column_of(e)), bit for bit those of the blocks, so that ties are ties: tiles of which
// the diagonal alone is used.
template <class T, class RowOf, class ColumnOf>
inline void pair_scores(const Factors<T>& f, int64_t count, const RowOf& row_of, const ColumnOf& column_of, T* out) {
  constexpr int64_t wide = tile_columns<T>;
  const int64_t depth = round_up(f.a.width, wide), groups = (count + tile_rows - 1) / tile_rows;
  for_each_task((groups + 15) / 16, f.parallel(), [&](int64_t task) {
    const std::unique_ptr<T[]> rows(new T[static_cast<size_t>(tile_rows * depth)]),
        columns(new T[static_cast<size_t>(wide * depth)]);
    alignas(64) T tile[tile_rows * wide];
    std::fill_n(columns.get(), wide * depth, T(0));
    for (int64_t g = task * 16; g < std::min(groups, task * 16 + 16); ++g) {
      for (int64_t i = 0; i < tile_rows; ++i) {
        const int64_t e = std::min(g * tile_rows + i, count - 1), column = column_of(e);
        f.a.read(row_of(e), 0, depth, rows.get() + i * depth);
        T part[wide];
        for (int64_t d = 0; d < depth; d += wide) {
          f.b.read(column, d, wide, part);
          for (int64_t k = 0; k < wide; ++k) columns[static_cast<size_t>((d + k) * wide + i)] = part[k];
        }
      }
      multiply_tile<T, 1>(Left<T>{rows.get(), depth, depth}, columns.get(), tile, wide, false);
      for (int64_t i = 0; i < tile_rows && g * tile_rows + i < count; ++i) out[g * tile_rows + i] = tile[i * wide + i];
    }
  });
}

// The backward of any loss of the pairs, without the factor scale on da:
//   da_i = Σ_j dz_ij b_j,   db_j = Σ_i dz_ij (scale_i a_i)
// `turn(first_row, rows, first_column, padded columns, z, s)` makes a strip of dz out of the scores z, in place; s are the label
// scores or null. Pairs that are none come as −inf and must become 0. `begin_block(first_column, padded)` is called before the
// strips of a block of columns. With null da and db only the strips are turned.
template <class T>
struct Backward {
  const Factors<T>& f;
  const int64_t* excluded_offsets;
  const int32_t* excluded_columns;
  int64_t task_rows;
  int64_t height, pitch;                         // rows of a block, and from one of its panels to the next
  T *rows, *label_rows;                          // packed rows of a block
  T *columns, *label_columns, *columns_as_rows;  // packed columns of a block, transposed and not
  T *scores, *label_scores, *transposed;         // dz of a block; of each thread
  T* open;

  Backward(const Factors<T>& f, const int64_t* excluded_offsets, const int32_t* excluded_columns, Pieces& pieces)
      : f(f), excluded_offsets(excluded_offsets), excluded_columns(excluded_columns) {
    const int64_t threads = omp_get_max_threads(), labels = f.labels ? 1 : 0;
    task_rows = task_rows_of(f.a.rows);
    height = std::min(block_rows, round_up(f.a.rows, task_rows));
    pitch = panel_pitch(height);
    rows = pieces.take<T>(packed_size<T>(height, f.a.width));
    label_rows = pieces.take<T>(labels * packed_size<T>(height, f.row_labels.width));
    columns = pieces.take<T>(packed_size<T>(block_columns, f.a.width));
    label_columns = pieces.take<T>(labels * packed_size<T>(block_columns, f.row_labels.width));
    columns_as_rows = pieces.take<T>(packed_size<T>(block_columns, f.a.width));
    scores = pieces.take<T>(height * score_row);
    label_scores = pieces.take<T>((f.second() ? 1 : 0) * threads * task_rows * score_row);
    transposed = pieces.take<T>(threads * height * task_rows);
    open = pieces.take<T>(block_columns);
  }

  template <class Begin, class Turn>
  void run(T* da, T* db, const Begin& begin_block, const Turn& turn) {
    constexpr int64_t wide = tile_columns<T>;
    const int64_t width = f.a.width, panels = panels_of<T>(width), label_panels = panels_of<T>(f.row_labels.width);
    const bool parallel = f.parallel();
    for (int64_t first_row = 0; first_row < f.a.rows; first_row += height) {
      const int64_t row_count = std::min(height, f.a.rows - first_row), strips = (row_count + task_rows - 1) / task_rows;
      // Rows past the last one, up to a whole tile, are zeros.
      for_each_task(strips, parallel, [&](int64_t t) {
        const int64_t at = t * task_rows;
        pack_rows(f.a, first_row + at, task_rows, pitch, rows + at * wide);
        if (f.labels) pack_rows(f.row_labels, first_row + at, task_rows, pitch, label_rows + at * wide);
      });
      for (int64_t first_column = 0; first_column < f.b.rows; first_column += block_columns) {
        const int64_t column_count = std::min(block_columns, f.b.rows - first_column), padded = round_up(column_count, wide);
        for_each_task(padded / wide, parallel, [&](int64_t t) {
          pack_transposed(f.b, first_column + t * wide, columns + t * panels * wide * wide);
          if (f.labels) pack_transposed(f.column_labels, first_column + t * wide, label_columns + t * label_panels * wide * wide);
          pack_rows(f.b, first_column + t * wide, wide, block_columns, columns_as_rows + t * wide * wide);
        });
        const T* closed = open_columns(f.b, first_column, padded, open) ? nullptr : open;
        begin_block(first_column, padded);
        for_each_task(strips, parallel, [&](int64_t t) {
          const int64_t at = t * task_rows, count = std::min(task_rows, row_count - at);
          T* z = scores + at * score_row;
          score_strip(rows, pitch, at, count, columns, padded, width, z);
          close_pairs(f.a, first_row + at, count, first_column, padded, closed, excluded_offsets, excluded_columns, z);
          T* s = nullptr;
          if (f.labels) {
            s = label_scores + omp_get_thread_num() * task_rows * score_row;
            score_strip(label_rows, pitch, at, count, label_columns, padded, f.row_labels.width, s);
          } else if (f.hardness > 0) {
            s = label_scores + omp_get_thread_num() * task_rows * score_row;
            scale_strip(z, f.hardness, count, padded, s);
          }
          turn(first_row + at, count, first_column, padded, z, s);
        });
        if (!da) continue;
        pull(da + first_row * width, db + first_column * width, row_count, column_count, first_column > 0, first_row > 0,
             parallel);
      }
    }
  }

  // da (+)= dz · b and db (+)= dzᵀ · a of one block.
  void pull(T* da, T* db, int64_t row_count, int64_t column_count, bool add_a, bool add_b, bool parallel) {
    constexpr int64_t wide = tile_columns<T>;
    const int64_t width = f.a.width, panels = panels_of<T>(width);
    const int64_t row_tasks = (row_count + task_rows - 1) / task_rows, column_tasks = (column_count + task_rows - 1) / task_rows;
    for_each_task(row_tasks + column_tasks, parallel, [&](int64_t t) {
      const bool of_rows = t >= column_tasks;  // the longer tasks first
      const int64_t first = (of_rows ? t - column_tasks : t) * task_rows;
      const int64_t end = std::min(first + task_rows, of_rows ? row_count : column_count);
      T* turned = transposed + omp_get_thread_num() * height * task_rows;
      if (!of_rows)
        for (int64_t j = first; j < end; j += tile_rows)
          for (int64_t i = 0; i < row_count; ++i)
            __builtin_memcpy(turned + ((j - first) * height + i * tile_rows), scores + i * score_row + j, tile_rows * sizeof(T));
      for (int64_t p = 0; p < panels; ++p)
        for (int64_t x = first; x < end; x += tile_rows) {
          if (of_rows)
            multiply_edge<T, 1>(Left<T>{scores + x * score_row, score_row, column_count},
                                columns_as_rows + p * block_columns * wide, da + x * width + p * wide, width, end - x,
                                width - p * wide, add_a);
          else
            multiply_edge<T, tile_rows>(Left<T>{turned + (x - first) * height, 1, row_count}, rows + p * pitch * wide,
                                        db + x * width + p * wide, width, end - x, width - p * wide, add_b);
        }
    });
  }

  // From da without its scale: the gradient of each row's scale, and da itself.
  void finish(T* da, T* scale_gradient) const {
    constexpr int64_t wide = tile_columns<T>;
    const int64_t width = f.a.width;
    Matrix<T> plain = f.a;
    plain.factors = nullptr;
    for_each_task((f.a.rows + 63) / 64, f.parallel(), [&](int64_t t) {
      for (int64_t i = t * 64; i < std::min(f.a.rows, t * 64 + 64); ++i) {
        const T scale = f.a.holds(i) ? f.a.factors[f.a.factor_by_row ? i : 0] : T(0);
        T* at = da + i * width;
        T from[wide], sums[wide] = {};
        for (int64_t d = 0; d < width; d += wide) {
          plain.read(i, d, wide, from);
          const int64_t inside = std::min(wide, width - d);
          for (int64_t k = 0; k < inside; ++k) {
            sums[k] += from[k] * at[d + k];
            at[d + k] *= scale;
          }
        }
        double total = 0;
        for (const T sum : sums) total += static_cast<double>(sum);
        scale_gradient[i] = static_cast<T>(total);
      }
    });
  }
};
