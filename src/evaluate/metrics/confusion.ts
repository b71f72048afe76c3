import type { Weights } from './ranking.js';

/** Truth against prediction of K classes: counts[truth · K + predicted], row and column sums, total, and the diagonal's sum. */
export interface Confusion {
  K: number;
  counts: Float64Array;
  truths: Float64Array;
  predictions: Float64Array;
  total: number;
  correct: number;
}

/** Confusion matrix of class numbers in [0, K). */
export function confusion(truth: Int32Array, predicted: Int32Array, K: number, weights?: Weights): Confusion {
  if (truth.length !== predicted.length) {
    throw new RangeError(`expected a prediction for each of ${truth.length} samples but got ${predicted.length}`);
  }
  const counts = new Float64Array(K * K);
  for (let i = 0; i < truth.length; i++) {
    const t = truth[i]!;
    const p = predicted[i]!;
    if (t < 0 || t >= K || p < 0 || p >= K) {
      throw new RangeError(`expected classes below ${K} for sample ${i} but got truth ${t}, prediction ${p}`);
    }
    counts[t * K + p]! += weights ? weights[i]! : 1;
  }
  return fromCounts(counts, K);
}

/** The same from counts already made. */
export function fromCounts(counts: Float64Array, K: number): Confusion {
  const truths = new Float64Array(K);
  const predictions = new Float64Array(K);
  let total = 0;
  let correct = 0;
  for (let t = 0; t < K; t++) {
    for (let p = 0; p < K; p++) {
      const n = counts[t * K + p]!;
      truths[t]! += n;
      predictions[p]! += n;
      total += n;
      if (t === p) correct += n;
    }
  }
  return { K, counts, truths, predictions, total, correct };
}

/** True and false positives and negatives of one class against all others. */
export interface BinaryCounts {
  truePositives: number;
  falsePositives: number;
  falseNegatives: number;
  trueNegatives: number;
}

export function countsOfClass({ counts, truths, predictions, total, K }: Confusion, k: number): BinaryCounts {
  const truePositives = counts[k * K + k]!;
  const falsePositives = predictions[k]! - truePositives;
  const falseNegatives = truths[k]! - truePositives;
  return {
    truePositives,
    falsePositives,
    falseNegatives,
    trueNegatives: total - truePositives - falsePositives - falseNegatives,
  };
}

/** Counts of one finding where a score at or above the threshold (`strict`: above it) says positive; unknown truth (-1) is left out. */
export function countsAt(
  scores: ArrayLike<number>,
  truth: Int8Array,
  threshold: number,
  weights?: Weights,
  strict = false,
): BinaryCounts {
  const counts = { truePositives: 0, falsePositives: 0, falseNegatives: 0, trueNegatives: 0 };
  for (let i = 0; i < truth.length; i++) {
    if (truth[i]! < 0) continue;
    const w = weights ? weights[i]! : 1;
    const says = strict ? scores[i]! > threshold : scores[i]! >= threshold;
    if (truth[i] === 1) counts[says ? 'truePositives' : 'falseNegatives'] += w;
    else counts[says ? 'falsePositives' : 'trueNegatives'] += w;
  }
  return counts;
}

export function addCounts(all: readonly BinaryCounts[]): BinaryCounts {
  const sum = { truePositives: 0, falsePositives: 0, falseNegatives: 0, trueNegatives: 0 };
  for (const one of all) {
    sum.truePositives += one.truePositives;
    sum.falsePositives += one.falsePositives;
    sum.falseNegatives += one.falseNegatives;
    sum.trueNegatives += one.trueNegatives;
  }
  return sum;
}
