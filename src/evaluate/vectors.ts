import { GadoliniumError } from '../errors.js';
import type { FeatureMatrix } from './embedder.js';

/** Each row divided by its length, so that inner products are cosines. A row of zeros stays; a row with a NaN is an error. */
export function normalised({ data, rows, width }: FeatureMatrix, name: (row: number) => string): FeatureMatrix {
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) {
    let square = 0;
    for (let d = i * width; d < (i + 1) * width; d++) square += data[d]! * data[d]!;
    if (!Number.isFinite(square)) {
      throw GadoliniumError.expected(
        'feature-not-finite',
        'finite numbers',
        `the feature of ${name(i)}`,
        'infinity or NaN',
        'the weights have probably diverged: evaluate an earlier checkpoint',
      );
    }
    const factor = square > 0 ? 1 / Math.sqrt(square) : 0;
    for (let d = i * width; d < (i + 1) * width; d++) out[d] = data[d]! * factor;
  }
  return { data: out, rows, width };
}

/** Inner products of all rows of `a` with all rows of `b`, row-major [a.rows, b.rows]. For few rows on one side. */
export function products(a: FeatureMatrix, b: FeatureMatrix): Float64Array {
  requireSameWidth(a, b);
  const out = new Float64Array(a.rows * b.rows);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < b.rows; j++) out[i * b.rows + j] = dot(a.data, i * a.width, b.data, j * b.width, a.width);
  }
  return out;
}

/** The rows of a matrix in the given order. */
export function takeRows({ data, width, shape }: FeatureMatrix, rows: ArrayLike<number>): FeatureMatrix {
  const out = new Float32Array(rows.length * width);
  for (let i = 0; i < rows.length; i++) {
    out.set(data.subarray(rows[i]! * width, (rows[i]! + 1) * width), i * width);
  }
  return { data: out, rows: rows.length, width, ...(shape ? { shape } : {}) };
}

export interface Nearest {
  /** [queries, k] candidate numbers, best first; of equal scores the lower number. */
  candidates: Uint32Array;
  scores: Float64Array;
  k: number;
}

/** The k candidates of highest (or with `sign` -1 lowest) inner product for each query; memory O(queries · k). */
export function nearest(queries: FeatureMatrix, candidates: FeatureMatrix, count: number, sign: 1 | -1 = 1): Nearest {
  requireSameWidth(queries, candidates);
  const k = Math.min(count, candidates.rows);
  const found: Nearest = {
    candidates: new Uint32Array(queries.rows * k),
    scores: new Float64Array(queries.rows * k),
    k,
  };
  const { width } = queries;
  const bestScores = new Float64Array(k);
  const best = new Uint32Array(k);
  for (let q = 0; q < queries.rows; q++) {
    let held = 0;
    for (let c = 0; c < candidates.rows; c++) {
      const score = sign * dot(queries.data, q * width, candidates.data, c * width, width);
      if (held === k && score <= bestScores[k - 1]!) continue;
      // Insertion from the end: k is small, and later equals stay behind.
      let at = held < k ? held++ : k - 1;
      for (; at > 0 && bestScores[at - 1]! < score; at--) {
        bestScores[at] = bestScores[at - 1]!;
        best[at] = best[at - 1]!;
      }
      bestScores[at] = score;
      best[at] = c;
    }
    found.candidates.set(best, q * k);
    for (let r = 0; r < k; r++) found.scores[q * k + r] = sign * bestScores[r]!;
  }
  return found;
}

// Four sums at a time: a single one would wait for each addition before.
function dot(a: Float32Array, from: number, b: Float32Array, at: number, width: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let d = 0;
  for (; d + 3 < width; d += 4) {
    s0 += a[from + d]! * b[at + d]!;
    s1 += a[from + d + 1]! * b[at + d + 1]!;
    s2 += a[from + d + 2]! * b[at + d + 2]!;
    s3 += a[from + d + 3]! * b[at + d + 3]!;
  }
  for (; d < width; d++) s0 += a[from + d]! * b[at + d]!;
  return s0 + s1 + (s2 + s3);
}

/** Both sides of a similarity must have one width. */
export function requireSameWidth(a: FeatureMatrix, b: FeatureMatrix): void {
  if (a.width === b.width) return;
  throw GadoliniumError.expected(
    'feature-width',
    'features of one width',
    'both sides of a similarity',
    `${a.width} and ${b.width}`,
    'name projected features (a head brings both towers to one width)',
  );
}
