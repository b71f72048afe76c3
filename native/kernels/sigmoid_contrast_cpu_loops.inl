// The sigmoid contrast: sums and gradients in one pass. Included once for each instruction set.
#include "kernels/contrast_blocks.inl"

// One row: dz for the loss log(1 + exp(−y z)) of each pair, and their sum. `sign` is y, or 0 for pairs that are none.
template <class T>
inline double turn_signed_row(T weight, T bias, int64_t padded, const T* sign, T* z) {
  Vector<T> total = {};
  for (int64_t j = 0; j < padded; j += lanes<T>) {
    const Vector<T> y = load<T>(sign + j), zero = {};
    // A pair that is none may hold −inf, and 0·inf is no number.
    const Vector<T> agreement = y == zero ? zero : y * (load<T>(z + j) + all<T>(bias));
    const Vector<T> less = agreement < zero ? agreement : -agreement;  // −|q|, NaN for NaN
    const Vector<T> u = exp_of<T>(less), one = all<T>(1);
    const Vector<T> loss = log1p_of<T>(u) - (agreement < zero ? agreement : zero);
    const Vector<T> share = (agreement < zero ? one : u) / (one + u);  // 1 / (1 + exp(q))
    total += y == zero ? zero : loss;
    store<T>(z + j, -all<T>(weight) * y * share);
  }
  return sum_of<T>(total);
}

// Signs of one row's pairs in a block of columns.
template <class T>
inline void signs_of_row(const SigmoidContrastProblem& p, int64_t row, int64_t first, int64_t padded, const T* open,
                         const T* labels, T* sign) {
  for (int64_t j = 0; j < padded; ++j) sign[j] = labels && labels[j] > 0 ? T(1) : T(-1);
  const auto listed = [&](const int64_t* offsets, const int32_t* columns, T value) {
    if (!offsets) return;
    const int32_t* end = columns + offsets[row + 1];
    const int32_t* pair = std::lower_bound(columns + offsets[row], end, first);
    for (; pair != end && *pair < first + padded; ++pair) sign[*pair - first] = value;
  };
  listed(p.positive_offsets, p.positive_columns, T(1));
  if (p.row_partner && p.row_partner[row] >= first && p.row_partner[row] < first + padded)
    sign[p.row_partner[row] - first] = T(1);
  listed(p.excluded_offsets, p.excluded_columns, T(0));
  for (int64_t j = 0; j < padded; ++j) sign[j] *= open[j];
}

template <class T>
int64_t sums_and_gradient(const SigmoidContrastProblem& p, const SigmoidContrastResult* out, void* workspace) {
  const Factors<T> f(p, 1);
  Pieces pieces{static_cast<char*>(workspace)};
  Backward<T> backward(f, p.excluded_offsets, p.excluded_columns, pieces);
  double* sums = pieces.take<double>(p.rows);
  double* bias_gradients = pieces.take<double>(p.rows);
  T* own = pieces.take<T>(p.row_partner ? p.rows : 0);
  int32_t* above = pieces.take<int32_t>(p.row_partner ? p.rows : 0);
  T* signs = pieces.take<T>(omp_get_max_threads() * block_columns);
  if (!out) return pieces.used;

  std::fill_n(sums, p.rows, 0.0);
  std::fill_n(bias_gradients, p.rows, 0.0);
  if (p.row_partner) {
    std::fill_n(above, p.rows, 0);
    pair_scores(
        f, p.rows, [](int64_t i) { return i; }, [&](int64_t i) { return p.row_partner[i]; }, own);
  }
  const T bias = *static_cast<const T*>(p.bias);
  const auto turn = [&](int64_t first_row, int64_t rows, int64_t first_column, int64_t padded, T* z, T* s) {
    T* sign = signs + omp_get_thread_num() * block_columns;
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t row = first_row + i;
      T* at = z + i * score_row;
      if (!f.a.holds(row)) {
        std::fill(at, at + padded, T(0));
        continue;
      }
      if (p.row_partner) {
        int32_t count = 0;
        for (int64_t j = 0; j < padded; ++j) count += at[j] > own[row] ? 1 : 0;
        above[row] += count;
      }
      signs_of_row(p, row, first_column, padded, backward.open, s ? s + i * score_row : nullptr, sign);
      sums[row] += turn_signed_row(static_cast<const T*>(p.weight)[row], bias, padded, sign, at);
      Vector<T> total = {};
      for (int64_t j = 0; j < padded; j += lanes<T>) total += load<T>(at + j);
      bias_gradients[row] += sum_of<T>(total);
    }
  };
  T* da = static_cast<T*>(out->a);
  backward.run(
      da, static_cast<T*>(out->b), [](int64_t, int64_t) {}, turn);
  if (da) backward.finish(da, static_cast<T*>(out->scale));
  for (int64_t i = 0; i < p.rows; ++i) {
    static_cast<T*>(out->row_sum)[i] = static_cast<T>(sums[i]);
    if (out->bias) static_cast<T*>(out->bias)[i] = static_cast<T>(bias_gradients[i]);
    if (p.row_partner) out->row_rank[i] = is_pair(f, p, i, p.row_partner[i]) ? above[i] + 1 : 0;
  }
  return pieces.used;
}
