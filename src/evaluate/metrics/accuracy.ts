import type { Confusion } from './confusion.js';
import { meanOfDefined } from './per-class.js';
import type { Weights } from './ranking.js';

/** Share of samples whose prediction is the truth. */
export function accuracy({ correct, total }: Confusion): number | undefined {
  return total > 0 ? correct / total : undefined;
}

/** Balanced accuracy: mean recall over the classes that occur in the truth. */
export function balancedAccuracy({ counts, truths, K }: Confusion): number | undefined {
  return meanOfDefined(Array.from(truths, (n, k) => (n > 0 ? counts[k * K + k]! / n : undefined)));
}

/**
 * Share of samples whose true class is among the k highest scores [N, K]. Of equal scores the lower class number comes
 * first, so a model that scores all classes alike is not right on all of them.
 */
export function topKAccuracy(
  scores: Float64Array,
  truth: Int32Array,
  K: number,
  k: number,
  weights?: Weights,
): number | undefined {
  let hits = 0;
  let total = 0;
  for (let i = 0; i < truth.length; i++) {
    const w = weights ? weights[i]! : 1;
    total += w;
    const t = truth[i]!;
    const own = scores[i * K + t]!;
    let before = 0;
    for (let c = 0; c < K; c++) {
      const score = scores[i * K + c]!;
      if (score > own || (score === own && c < t)) before++;
    }
    if (before < k) hits += w;
  }
  return total > 0 ? hits / total : undefined;
}

/** Class number of the highest score in each row of [N, K]; the first of equals. */
export function argmaxRows(scores: Float64Array, K: number): Int32Array {
  const best = new Int32Array(scores.length / K);
  for (let i = 0; i < best.length; i++) {
    let at = 0;
    for (let k = 1; k < K; k++) if (scores[i * K + k]! > scores[i * K + at]!) at = k;
    best[i] = at;
  }
  return best;
}
