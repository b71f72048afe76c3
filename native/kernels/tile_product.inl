// Products of matrices in tiles that stay in registers, packing, and vectors of numbers with exp: what the CPU loops of the
// contrasts are made of. Included once for each instruction set, within a namespace of its own (see contrast_cpu.cpp), because
// the code follows from the compiler's target at that place; GD_VECTOR_BYTES says how long the vectors are. They are GCC's own, so
// one text serves AVX-512, AVX2, SSE and NEON. Includes nothing: the including file does.

constexpr int vector_bytes = GD_VECTOR_BYTES;

typedef float FloatVector __attribute__((vector_size(vector_bytes)));
typedef double DoubleVector __attribute__((vector_size(vector_bytes)));
typedef uint32_t WordVector __attribute__((vector_size(vector_bytes)));
typedef uint64_t LongVector __attribute__((vector_size(vector_bytes)));

template <class T>
using Vector = std::conditional_t<std::is_same_v<T, float>, FloatVector, DoubleVector>;
template <class T>
using Bits = std::conditional_t<std::is_same_v<T, float>, WordVector, LongVector>;
template <class T>
constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));

template <class T>
constexpr T minus_infinity = -std::numeric_limits<T>::infinity();

template <class T>
GD_ALWAYS_INLINE Vector<T> load(const T* from) {
  Vector<T> out;
  __builtin_memcpy(&out, from, sizeof(out));
  return out;
}

template <class T>
GD_ALWAYS_INLINE void store(T* to, Vector<T> value) {
  __builtin_memcpy(to, &value, sizeof(value));
}

template <class T>
GD_ALWAYS_INLINE Vector<T> all(T value) {
  return value - Vector<T>{};
}

template <class T>
GD_ALWAYS_INLINE double sum_of(Vector<T> x) {
  double out = 0;
  for (int l = 0; l < lanes<T>; ++l) out += static_cast<double>(x[l]);
  return out;
}

template <class T>
GD_ALWAYS_INLINE T largest_of(Vector<T> x) {
  T out = x[0];
  for (int l = 1; l < lanes<T>; ++l) out = x[l] > out ? x[l] : out;
  return out;
}

// e^x within 1 ulp or so: x = n·ln 2 + r with |r| ≤ ln 2 / 2, Taylor's series of e^r, 2^n by its bits. 0 below the smallest
// normal number, NaN for NaN; x is held below the overflow, which differences to a log-sum-exp never reach.
template <class T>
GD_ALWAYS_INLINE Vector<T> exp_of(Vector<T> x) {
  constexpr bool single = std::is_same_v<T, float>;
  constexpr T rounder = single ? 12582912.0 : 6755399441055744.0;  // 1.5 · 2^mantissa: adding it rounds to an integer
  constexpr T ln2_high = single ? 355.0 / 512 : 45426.0 / 65536;   // few bits, so that n·ln2_high is exact
  constexpr T ln2_low = single ? -2.12194440054690583e-4 : 1.42860682030941723e-6;
  constexpr T lowest = single ? -87.3 : -708.3, highest = single ? 88 : 709;
  constexpr int mantissa = single ? 23 : 52, bias = single ? 127 : 1023, degree = single ? 7 : 13;
  const Vector<T> held = x > all<T>(highest) ? all<T>(highest) : x;
  const Vector<T> shifted = held * all<T>(1.44269504088896341) + all<T>(rounder);
  const Vector<T> n = shifted - all<T>(rounder);
  const Vector<T> r = (held - n * all<T>(ln2_high)) - n * all<T>(ln2_low);
  constexpr auto inverse_factorials = [] {
    std::array<T, degree + 1> out{};
    double factorial = 1;
    for (int k = 0; k <= degree; ++k) {
      out[static_cast<size_t>(k)] = static_cast<T>(1 / factorial);
      factorial *= k + 1;
    }
    return out;
  }();
  Vector<T> series = all<T>(inverse_factorials[degree]);
#pragma GCC unroll 16
  for (int k = degree - 1; k >= 0; --k) series = series * r + all<T>(inverse_factorials[static_cast<size_t>(k)]);
  const Vector<T> power = (Vector<T>)(((Bits<T>)shifted + bias) << mantissa);
  return x < all<T>(lowest) ? Vector<T>{} : series * power;
}

// log(1 + u) for 0 ≤ u ≤ 1: 2 artanh(u / (2 + u)), whose series ends quickly as its argument is at most 1/3.
template <class T>
GD_ALWAYS_INLINE Vector<T> log1p_of(Vector<T> u) {
  constexpr int terms = std::is_same_v<T, float> ? 8 : 17;
  const Vector<T> s = u / (u + all<T>(2)), square = s * s;
  Vector<T> series = all<T>(T(1) / (2 * terms - 1));
#pragma GCC unroll 32
  for (int k = terms - 1; k >= 1; --k) series = series * square + all<T>(T(1) / (2 * k - 1));
  return (s + s) * series;
}

// ---- the product

// A tile of tile_rows × tile_columns sums fits the registers beside one row of b and one number of a.
constexpr int tile_rows = vector_bytes == 64 ? 8 : 6;
template <class T>
constexpr int tile_columns = 2 * lanes<T>;

// The left factor of a product: element (i, k) is at[i · row + (k / run) · next + (k % run) · step] with k < runs · run. Plain rows
// have one run and rows in panels one a panel; a transposed matrix has the step of its row length (a template's argument).
template <class T>
struct Left {
  const T* at;
  int64_t row, run, runs = 1, next = 0;
};

// Sums grow in the registers over so many k, then join those of before: one long chain would gather rounding.
constexpr int64_t chain = 256;

// c[tile_rows, tile_columns] (+)= left · right over `runs` runs of `run`; `right` is [runs · run, tile_columns], contiguous. Each
// sum runs over k in order, so that an element's value does not depend on its place in the tile.
template <class T, int64_t fixed_step>
GD_ALWAYS_INLINE void multiply_chain(const T* left, int64_t row, int64_t run, int64_t runs, int64_t next, const T* right, T* c,
                                     int64_t c_row, bool add) {
  constexpr int wide = 2;
  Vector<T> sums[tile_rows][wide];
  for (auto& of_row : sums)
    for (auto& sum : of_row) sum = Vector<T>{};
  for (int64_t s = 0; s < runs; ++s) {
    const T* a = left + s * next;
    for (int64_t k = 0; k < run; ++k, a += fixed_step, right += tile_columns<T>) {
      Vector<T> b[wide];
      for (int v = 0; v < wide; ++v) b[v] = load<T>(right + v * lanes<T>);
      for (int i = 0; i < tile_rows; ++i) {
        const Vector<T> x = all<T>(a[i * row]);
        for (int v = 0; v < wide; ++v) sums[i][v] += x * b[v];
      }
    }
  }
  for (int i = 0; i < tile_rows; ++i)
    for (int v = 0; v < wide; ++v) {
      T* to = c + i * c_row + v * lanes<T>;
      store<T>(to, add ? load<T>(to) + sums[i][v] : sums[i][v]);
    }
}

template <class T, int64_t fixed_step>
inline void multiply_tile(const Left<T>& left, const T* right, T* c, int64_t c_row, bool add) {
  if (left.runs > 1) {
    const int64_t together = chain / left.run;
    for (int64_t s = 0; s < left.runs; s += together, add = true)
      multiply_chain<T, fixed_step>(left.at + s * left.next, left.row, left.run, std::min(together, left.runs - s), left.next,
                                    right + s * left.run * tile_columns<T>, c, c_row, add);
  } else {
    for (int64_t k = 0; k < left.run; k += chain, add = true)
      multiply_chain<T, fixed_step>(left.at + k * fixed_step, left.row, std::min(chain, left.run - k), 1, 0,
                                    right + k * tile_columns<T>, c, c_row, add);
  }
}

// The same into the upper left `rows` × `columns` of a matrix that holds no more.
template <class T, int64_t fixed_step>
inline void multiply_edge(const Left<T>& left, const T* right, T* c, int64_t c_row, int64_t rows, int64_t columns, bool add) {
  if (rows >= tile_rows && columns >= tile_columns<T>) return multiply_tile<T, fixed_step>(left, right, c, c_row, add);
  alignas(64) T whole[tile_rows * tile_columns<T>];
  multiply_tile<T, fixed_step>(left, right, whole, tile_columns<T>, false);
  for (int64_t i = 0; i < std::min<int64_t>(rows, tile_rows); ++i)
    for (int64_t j = 0; j < std::min<int64_t>(columns, tile_columns<T>); ++j)
      c[i * c_row + j] = (add ? c[i * c_row + j] : T(0)) + whole[i * tile_columns<T> + j];
}

// ---- reading and packing

constexpr int64_t round_up(int64_t count, int64_t unit) { return (count + unit - 1) / unit * unit; }

template <class T, class E>
GD_ALWAYS_INLINE void convert(const E* from, int64_t count, T factor, T* to) {
  for (int64_t k = 0; k < count; ++k) to[k] = static_cast<T>(from[k]) * factor;
}

// factor · x[row, first … first + count)
template <class T>
inline void read_row(const void* x, ElementType type, int64_t stride, int64_t row, int64_t first, int64_t count, T factor,
                     T* to) {
  const int64_t at = row * stride + first;
  switch (type) {
    case ElementType::f64: return convert(static_cast<const double*>(x) + at, count, factor, to);
    case ElementType::f32: return convert(static_cast<const float*>(x) + at, count, factor, to);
    case ElementType::f16: return convert(static_cast<const c10::Half*>(x) + at, count, factor, to);
    case ElementType::bf16: return convert(static_cast<const c10::BFloat16*>(x) + at, count, factor, to);
  }
}

// Rows of a matrix as the loops read them: absent ones and those past the end are zeros, whatever their memory holds.
template <class T>
struct Matrix {
  const void* at;
  ElementType type;
  int64_t rows, width, stride;
  const uint8_t* there = nullptr;
  const T* factors = nullptr;  // of the rows; null: 1
  bool factor_by_row = false;

  bool holds(int64_t row) const { return row >= 0 && row < rows && (!there || there[row]); }
  void read(int64_t row, int64_t first, int64_t count, T* to) const {
    const int64_t inside = std::clamp<int64_t>(width - first, 0, count);
    if (inside > 0 && holds(row)) {
      read_row(at, type, stride, row, first, inside, factors ? factors[factor_by_row ? row : 0] : T(1), to);
      std::fill(to + inside, to + count, T(0));
    } else {
      std::fill(to, to + count, T(0));
    }
  }
};

// Rows first … first + count of x in panels of tile_columns: to[panel][row of `pitch`][tile_columns].
template <class T>
inline void pack_rows(const Matrix<T>& x, int64_t first, int64_t count, int64_t pitch, T* to) {
  constexpr int64_t wide = tile_columns<T>;
  for (int64_t r = 0; r < count; ++r)
    for (int64_t d = 0; d < x.width; d += wide) x.read(first + r, d, wide, to + (d / wide * pitch + r) * wide);
}

// tile_columns rows of x from `first`, transposed: to[width, rounded up][tile_columns].
template <class T>
inline void pack_transposed(const Matrix<T>& x, int64_t first, T* to) {
  constexpr int64_t wide = tile_columns<T>, deep = std::min<int64_t>(16, wide);
  alignas(64) T block[wide][deep];
  for (int64_t d = 0; d < round_up(x.width, wide); d += deep) {
    for (int64_t j = 0; j < wide; ++j) x.read(first + j, d, deep, block[j]);
    for (int64_t k = 0; k < deep; ++k)
      for (int64_t j = 0; j < wide; ++j) to[(d + k) * wide + j] = block[j][k];
  }
}

// ---- work

template <class Task>
inline void for_each_task(int64_t count, bool parallel, const Task& task) {
#pragma omp parallel for schedule(dynamic, 1) if (parallel && count > 1)
  for (int64_t t = 0; t < count; ++t) task(t);
}

// Hands out pieces of one workspace; with a null start it only counts.
struct Pieces {
  char* start = nullptr;
  int64_t used = 0;
  template <class T>
  T* take(int64_t count) {
    T* out = start ? reinterpret_cast<T*>(start + used) : nullptr;
    used += round_up(count * static_cast<int64_t>(sizeof(T)), 64);
    return out;
  }
};
