// The two directions of the soft-max contrast. Included once for each instruction set.
#include "kernels/contrast_blocks.inl"

// A log-sum-exp under way: Σ exp x = sum · exp(largest); with `weighted` Σ exp(x)·y beside it.
struct RunningSum {
  double largest = minus_infinity<double>, sum = 0, weighted = 0;

  void add(double other_largest, double other_sum, double other_weighted = 0) {
    const double top = std::max(largest, other_largest);
    const double mine = largest == minus_infinity<double> ? 0 : std::exp(largest - top);
    // An empty part may still carry a NaN.
    const double other = other_largest == minus_infinity<double> ? 1 : std::exp(other_largest - top);
    sum = sum * mine + other_sum * other;
    weighted = weighted * mine + other_weighted * other;
    largest = top;
  }
  double log() const { return largest == minus_infinity<double> ? std::log(sum) : largest + std::log(sum); }
  // The log as a T, and what that leaves over.
  template <class T>
  void write(void* log_to, void* rest_to, int64_t at) const {
    const double exact = log();
    const T rounded = static_cast<T>(exact);
    static_cast<T*>(log_to)[at] = rounded;
    if (rest_to)
      static_cast<T*>(rest_to)[at] = std::isfinite(exact) ? static_cast<T>(exact - static_cast<double>(rounded)) : T(0);
  }
  double mean() const { return sum == 0 ? 0 : weighted / sum; }
};

// Sums over the rows of one strip for each column of a block; strips are put together in order, whatever thread made them.
template <class T>
struct ColumnParts {
  T *largest, *sum, *label_largest, *label_sum, *label_weighted;  // [strips, block_columns]
  uint32_t* above;

  ColumnParts(Pieces& pieces, int64_t strips, bool labels, bool ranks) {
    const int64_t count = strips * block_columns;
    largest = pieces.take<T>(count);
    sum = pieces.take<T>(count);
    label_largest = pieces.take<T>(labels ? count : 0);
    label_sum = pieces.take<T>(labels ? count : 0);
    label_weighted = pieces.take<T>(labels ? count : 0);
    above = pieces.take<uint32_t>(ranks ? count : 0);
  }
};

// Largest values of a strip by row and by column. NaN is larger than nothing here and comes out of the sums.
template <class T>
inline void largest_of_strip(const T* z, int64_t rows, int64_t padded, T* by_row, T* by_column) {
  std::fill(by_column, by_column + padded, minus_infinity<T>);
  for (int64_t i = 0; i < rows; ++i) {
    Vector<T> largest = all<T>(minus_infinity<T>);
    for (int64_t j = 0; j < padded; j += lanes<T>) {
      const Vector<T> x = load<T>(z + i * score_row + j), column = load<T>(by_column + j);
      largest = x > largest ? x : largest;
      store<T>(by_column + j, x > column ? x : column);
    }
    by_row[i] = largest_of<T>(largest);
  }
}

template <class T>
GD_ALWAYS_INLINE T finite_or_zero(T x) {
  return x == minus_infinity<T> ? T(0) : x;
}

// Σ exp(x − by_row) of each row, Σ exp(x − by_column) of each column; with y the sums of exp(…)·y too, where −inf in y counts 0.
template <class T, bool weighted>
inline void sum_strip(const T* x, const T* y, int64_t rows, int64_t padded, const T* by_row, const T* by_column,
                      RunningSum* totals, T* column_sum, T* column_weighted) {
  alignas(64) T shift[block_columns];
  for (int64_t j = 0; j < padded; ++j) shift[j] = finite_or_zero(by_column[j]);
  std::fill(column_sum, column_sum + padded, T(0));
  if (weighted) std::fill(column_weighted, column_weighted + padded, T(0));
  for (int64_t i = 0; i < rows; ++i) {
    const Vector<T> top = all<T>(finite_or_zero(by_row[i]));
    Vector<T> sum = {}, sum_weighted = {};
    for (int64_t j = 0; j < padded; j += lanes<T>) {
      const Vector<T> value = load<T>(x + i * score_row + j);
      const Vector<T> in_row = exp_of<T>(value - top), in_column = exp_of<T>(value - load<T>(shift + j));
      sum += in_row;
      store<T>(column_sum + j, load<T>(column_sum + j) + in_column);
      if (weighted) {
        Vector<T> weight = load<T>(y + i * score_row + j);
        weight = weight == all<T>(minus_infinity<T>) ? Vector<T>{} : weight;
        sum_weighted += in_row * weight;
        store<T>(column_weighted + j, load<T>(column_weighted + j) + in_column * weight);
      }
    }
    totals[i].add(static_cast<double>(by_row[i]), sum_of<T>(sum), sum_of<T>(sum_weighted));
  }
}

// How many scores of a strip lie above the thresholds, by row and by column.
template <class T>
inline void count_above(const T* z, int64_t rows, int64_t padded, const T* by_row, const T* by_column, int32_t* row_above,
                        uint32_t* column_above) {
  if (column_above) std::fill(column_above, column_above + padded, 0u);
  for (int64_t i = 0; i < rows; ++i) {
    const T* at = z + i * score_row;
    if (by_row) {
      int32_t count = 0;
      for (int64_t j = 0; j < padded; ++j) count += at[j] > by_row[i] ? 1 : 0;
      row_above[i] += count;
    }
    if (column_above)
      for (int64_t j = 0; j < padded; ++j) column_above[j] += at[j] > by_column[j] ? 1u : 0u;
  }
}

// A block's part of an array over all columns; zeros past the end and where there is no array.
template <class T>
inline void copy_block(const void* from, int64_t first, int64_t count, int64_t padded, T* to) {
  if (!from) count = 0;
  if (from) std::copy_n(static_cast<const T*>(from) + first, count, to);
  std::fill(to + count, to + padded, T(0));
}

// The scores of the listed pairs in a strip.
template <class T>
inline void write_listed(const Factors<T>& f, const ContrastProblem& p, int64_t first_row, int64_t rows, int64_t first_column,
                         int64_t padded, const T* z, T* to) {
  for (int64_t i = 0; i < rows; ++i)
    each_listed(p.pair_offsets, p.pair_columns, first_row + i, first_column, padded, [&](int64_t place, int64_t j) {
      to[place] = f.a.holds(first_row + i) && f.b.holds(first_column + j) ? z[i * score_row + j] : T(0);
    });
}

template <class T>
void partner_scores(const ContrastProblem& p, void* row_own, void* column_own) {
  const Factors<T> f(p, 1);
  const auto write = [&](int64_t count, const auto& row_of, const auto& column_of, void* to) {
    T* own = static_cast<T*>(to);
    pair_scores(f, count, row_of, column_of, own);
    for (int64_t e = 0; e < count; ++e)
      if (!f.a.holds(row_of(e)) || !f.b.holds(column_of(e))) own[e] = std::numeric_limits<T>::quiet_NaN();
  };
  const auto itself = [](int64_t e) { return e; };
  if (p.row_partner) write(p.rows, itself, [&](int64_t i) { return p.row_partner[i]; }, row_own);
  if (p.column_partner) write(p.columns, [&](int64_t j) { return p.column_partner[j]; }, itself, column_own);
}

template <class T>
int64_t statistics(const ContrastProblem& p, const ContrastStatistics* out, void* workspace) {
  constexpr int64_t wide = tile_columns<T>;
  Factors<T> f(p, p.label_scale);
  f.hardness = static_cast<T>(p.hardness);
  const T *row_threshold = static_cast<const T*>(p.row_threshold), *column_threshold = static_cast<const T*>(p.column_threshold);
  const int64_t n = p.rows, m = p.columns, threads = omp_get_max_threads(), labels = f.labels ? 1 : 0,
                second = f.second() ? 1 : 0;
  const int64_t strip_rows = task_rows_of(n), strips = (n + strip_rows - 1) / strip_rows;
  const int64_t panels = panels_of<T>(p.width), label_panels = panels_of<T>(p.label_width);
  Pieces pieces{static_cast<char*>(workspace)};
  T* columns = pieces.take<T>(packed_size<T>(block_columns, p.width));
  T* label_columns = pieces.take<T>(labels * packed_size<T>(block_columns, p.label_width));
  T* rows = pieces.take<T>(threads * packed_size<T>(strip_rows, p.width));
  T* label_rows = pieces.take<T>(threads * labels * packed_size<T>(strip_rows, p.label_width));
  T* scores = pieces.take<T>(threads * strip_rows * score_row);
  T* label_scores = pieces.take<T>(threads * second * strip_rows * score_row);
  T* largest = pieces.take<T>(threads * strip_rows);
  T* open = pieces.take<T>(block_columns);
  T* column_bar = pieces.take<T>(column_threshold ? block_columns : 0);
  int32_t* row_above = pieces.take<int32_t>(row_threshold ? n : 0);
  ColumnParts<T> parts(pieces, strips, f.second(), column_threshold != nullptr);
  RunningSum* row_sums = pieces.take<RunningSum>(n);
  RunningSum* row_label_sums = pieces.take<RunningSum>(second * n);
  if (!out) return pieces.used;

  const bool parallel = f.parallel();
  std::fill_n(row_sums, n, RunningSum{});
  std::fill_n(row_label_sums, second * n, RunningSum{});
  if (row_threshold) std::fill_n(row_above, n, 0);

  for (int64_t first_column = 0; first_column < m; first_column += block_columns) {
    const int64_t column_count = std::min(block_columns, m - first_column), padded = round_up(column_count, wide);
    for_each_task(padded / wide, parallel, [&](int64_t t) {
      pack_transposed(f.b, first_column + t * wide, columns + t * panels * wide * wide);
      if (f.labels) pack_transposed(f.column_labels, first_column + t * wide, label_columns + t * label_panels * wide * wide);
    });
    const T* closed = open_columns(f.b, first_column, padded, open) ? nullptr : open;
    if (column_threshold) copy_block(column_threshold, first_column, column_count, padded, column_bar);

    for_each_task(strips, parallel, [&](int64_t t) {
      const int64_t thread = omp_get_thread_num(), first_row = t * strip_rows, count = std::min(strip_rows, n - first_row);
      const int64_t part = t * block_columns;
      T* mine = rows + thread * packed_size<T>(strip_rows, p.width);
      T* z = scores + thread * strip_rows * score_row;
      T* by_row = largest + thread * strip_rows;
      const auto close = [&](T* x) {
        close_pairs(f.a, first_row, count, first_column, padded, closed, p.excluded_offsets, p.excluded_columns, x);
      };
      pack_rows(f.a, first_row, strip_rows, strip_rows, mine);
      score_strip(mine, strip_rows, 0, count, columns, padded, p.width, z);
      if (p.pair_offsets) write_listed(f, p, first_row, count, first_column, padded, z, static_cast<T*>(out->pair_score));
      close(z);
      largest_of_strip(z, count, padded, by_row, parts.largest + part);
      sum_strip<T, false>(z, nullptr, count, padded, by_row, parts.largest + part, row_sums + first_row, parts.sum + part,
                          nullptr);
      if (row_threshold || column_threshold)
        count_above(z, count, padded, row_threshold ? row_threshold + first_row : nullptr, column_bar,
                    row_threshold ? row_above + first_row : nullptr, column_threshold ? parts.above + part : nullptr);
      if (f.second()) {
        T* s = label_scores + thread * strip_rows * score_row;
        if (f.labels) {
          T* mine_labels = label_rows + thread * packed_size<T>(strip_rows, p.label_width);
          pack_rows(f.row_labels, first_row, strip_rows, strip_rows, mine_labels);
          score_strip(mine_labels, strip_rows, 0, count, label_columns, padded, p.label_width, s);
          close(s);
        } else {
          scale_strip(z, f.hardness, count, padded, s);
        }
        largest_of_strip(s, count, padded, by_row, parts.label_largest + part);
        sum_strip<T, true>(s, z, count, padded, by_row, parts.label_largest + part, row_label_sums + first_row,
                           parts.label_sum + part, parts.label_weighted + part);
      }
    });

    for_each_task((column_count + 31) / 32, parallel, [&](int64_t t) {
      for (int64_t j = t * 32; j < std::min(column_count, t * 32 + 32); ++j) {
        const int64_t column = first_column + j;
        RunningSum total, label_total;
        uint32_t above = 0;
        for (int64_t s = 0; s < strips; ++s) {
          const int64_t at = s * block_columns + j;
          total.add(static_cast<double>(parts.largest[at]), static_cast<double>(parts.sum[at]));
          if (f.second())
            label_total.add(static_cast<double>(parts.label_largest[at]), static_cast<double>(parts.label_sum[at]),
                            static_cast<double>(parts.label_weighted[at]));
          if (column_threshold) above += parts.above[at];
        }
        total.write<T>(out->column_lse, out->column_lse_rest, column);
        if (f.second()) label_total.write<T>(out->column_label_lse, nullptr, column);
        if (f.labels) static_cast<T*>(out->column_target)[column] = static_cast<T>(label_total.mean());
        if (column_threshold)
          out->column_rank[column] = std::isnan(column_threshold[column]) ? 0 : static_cast<int32_t>(above) + 1;
      }
    });
  }

  for (int64_t i = 0; i < n; ++i) {
    row_sums[i].write<T>(out->row_lse, out->row_lse_rest, i);
    if (f.second()) row_label_sums[i].write<T>(out->row_label_lse, nullptr, i);
    if (f.labels) static_cast<T*>(out->row_target)[i] = static_cast<T>(row_label_sums[i].mean());
    if (row_threshold) out->row_rank[i] = std::isnan(row_threshold[i]) ? 0 : row_above[i] + 1;
  }
  return pieces.used;
}

// Gradients and log-sum-exps of the columns of a block.
template <class T>
struct ColumnBlock {
  T *lse, *rest, *gradient, *label_lse, *target_gradient;
  ColumnBlock(Pieces& pieces, bool labels)
      : lse(pieces.take<T>(block_columns)),
        rest(pieces.take<T>(block_columns)),
        gradient(pieces.take<T>(block_columns)),
        label_lse(pieces.take<T>(labels ? block_columns : 0)),
        target_gradient(pieces.take<T>(labels ? block_columns : 0)) {}
  void read(const ContrastCotangents& in, int64_t first, int64_t count, int64_t padded, bool labels) {
    copy_block(in.column_lse, first, count, padded, lse);
    copy_block(in.column_lse_rest, first, count, padded, rest);
    copy_block(in.column_gradient, first, count, padded, gradient);
    if (!labels) return;
    copy_block(in.column_label_lse, first, count, padded, label_lse);
    copy_block(in.column_target_gradient, first, count, padded, target_gradient);
  }
};

// One row of z becomes dz; `labels` are the row's label scores.
template <class T, bool targets>
inline void turn_row(const ContrastCotangents& in, const ColumnBlock<T>& block, int64_t row, int64_t padded, T* z,
                     const T* labels) {
  const auto of_row = [row](const void* x) { return all<T>(x ? static_cast<const T*>(x)[row] : T(0)); };
  const Vector<T> g = of_row(in.row_gradient), lse = of_row(in.row_lse), rest = of_row(in.row_lse_rest);
  const Vector<T> label_g = of_row(in.row_target_gradient), label_lse = of_row(in.row_label_lse);
  for (int64_t j = 0; j < padded; j += lanes<T>) {
    const Vector<T> x = load<T>(z + j);
    Vector<T> dz = g * exp_of<T>((x - lse) - rest) +
                   load<T>(block.gradient + j) * exp_of<T>((x - load<T>(block.lse + j)) - load<T>(block.rest + j));
    if (targets) {
      const Vector<T> y = load<T>(labels + j);
      const Vector<T> pull =
          label_g * exp_of<T>(y - label_lse) + load<T>(block.target_gradient + j) * exp_of<T>(y - load<T>(block.label_lse + j));
      dz += x == all<T>(minus_infinity<T>) ? Vector<T>{} : pull;
    }
    store<T>(z + j, dz);
  }
}

template <class T>
struct PairScore {
  int64_t row, column;
  T z;
};

// The partners' pairs in a strip.
template <class T>
inline int64_t partners_in_strip(const Factors<T>& f, const ContrastProblem& p, int64_t first_row, int64_t rows,
                              int64_t first_column, int64_t padded, const T* z, PairScore<T>* out) {
  int64_t count = 0;
  const auto add = [&](int64_t row, int64_t column) {
    if (row < first_row || row >= first_row + rows || column < first_column || column >= first_column + padded) return;
    if (f.a.holds(row) && f.b.holds(column)) out[count++] = {row, column, z[(row - first_row) * score_row + column - first_column]};
  };
  if (p.row_partner)
    for (int64_t row = first_row; row < first_row + rows; ++row) add(row, p.row_partner[row]);
  if (p.column_partner)
    for (int64_t column = first_column; column < std::min(first_column + padded, p.columns); ++column)
      add(p.column_partner[column], column);
  return count;
}

// dz of a partner's or of a listed pair. By itself, in float64 and direction by direction, because in a cross-entropy the two
// terms of a direction all but cancel where the pair has nearly the whole soft-max. `listed`: the gradient of the list.
template <class T>
inline T turn_pair(const ContrastProblem& p, const ContrastCotangents& in, const PairScore<T>& pair, const T* label,
                   double listed) {
  const auto direction = [&](int64_t at, bool mine, const void* g, const void* lse, const void* rest, const void* own,
                             const void* label_g, const void* label_lse) {
    const auto read = [at](const void* x) { return x ? static_cast<double>(static_cast<const T*>(x)[at]) : 0.0; };
    double dz = read(g) * std::exp(static_cast<double>(pair.z) - read(lse) - read(rest));
    if (mine) dz += read(own);
    if (label && pair.z != minus_infinity<T>) dz += read(label_g) * std::exp(static_cast<double>(*label) - read(label_lse));
    return dz;
  };
  return static_cast<T>(direction(pair.row, p.row_partner && p.row_partner[pair.row] == pair.column, in.row_gradient, in.row_lse,
                                  in.row_lse_rest, in.row_own_gradient, in.row_target_gradient, in.row_label_lse) +
                        direction(pair.column, p.column_partner && p.column_partner[pair.column] == pair.row, in.column_gradient,
                                  in.column_lse, in.column_lse_rest, in.column_own_gradient, in.column_target_gradient,
                                  in.column_label_lse) +
                        listed);
}

template <class T>
int64_t gradient(const ContrastProblem& p, const ContrastCotangents* in, const ContrastGradients* out, void* workspace) {
  Factors<T> f(p, p.label_scale);
  f.hardness = static_cast<T>(p.hardness);
  Pieces pieces{static_cast<char*>(workspace)};
  Backward<T> backward(f, p.excluded_offsets, p.excluded_columns, pieces);
  ColumnBlock<T> block(pieces, f.second());
  if (!out) return pieces.used;

  const auto begin_block = [&](int64_t first, int64_t padded) {
    block.read(*in, first, std::min(padded, p.columns - first), padded, f.second());
  };
  const T* listed = static_cast<const T*>(in->pair_gradient);
  const auto turn = [&](int64_t first_row, int64_t rows, int64_t first_column, int64_t padded, T* z, T* s) {
    PairScore<T> partners[most_task_rows + block_columns];
    const int64_t partner_count = partners_in_strip(f, p, first_row, rows, first_column, padded, z, partners);
    T before[block_columns];
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t row = first_row + i;
      T* at = z + i * score_row;
      const T* labels = s ? s + i * score_row : nullptr;
      if (!f.a.holds(row)) {
        std::fill(at, at + padded, T(0));
        continue;
      }
      const auto each_of_row = [&](const auto& f_pair) {
        if (p.pair_offsets) each_listed(p.pair_offsets, p.pair_columns, row, first_column, padded, f_pair);
      };
      each_of_row([&](int64_t, int64_t j) { before[j] = at[j]; });
      if (s)
        turn_row<T, true>(*in, block, row, padded, at, labels);
      else
        turn_row<T, false>(*in, block, row, padded, at, nullptr);
      each_of_row([&](int64_t place, int64_t j) {
        if (f.b.holds(first_column + j))
          at[j] = turn_pair(p, *in, PairScore<T>{row, first_column + j, before[j]}, labels ? labels + j : nullptr,
                            static_cast<double>(listed[place]));
      });
    }
    for (int64_t k = 0; k < partner_count; ++k) {
      const PairScore<T>& pair = partners[k];
      const int64_t at = (pair.row - first_row) * score_row + pair.column - first_column;
      double more = 0;
      if (p.pair_offsets)
        each_listed(p.pair_offsets, p.pair_columns, pair.row, pair.column, 1,
                    [&](int64_t place, int64_t) { more = static_cast<double>(listed[place]); });
      z[at] = turn_pair(p, *in, pair, s ? s + at : nullptr, more);
    }
  };
  T* da = static_cast<T*>(out->a);
  backward.run(da, static_cast<T*>(out->b), begin_block, turn);
  backward.finish(da, static_cast<T*>(out->scale));
  return pieces.used;
}
