import type { BinaryCounts, Confusion } from './confusion.js';

/** Matthews correlation of one finding; 0 where a margin is empty (the limit by convention). */
export function matthewsOf(counts: BinaryCounts): number {
  const { truePositives: tp, falsePositives: fp, falseNegatives: fn, trueNegatives: tn } = counts;
  const root = Math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn));
  return root > 0 ? (tp * tn - fp * fn) / root : 0;
}

/**
 * Matthews correlation of K classes (Gorodkin 2004): with c correct of s samples, t_k true and p_k predicted of class k,
 *   (c·s − Σ t_k·p_k) / √((s² − Σ p_k²)(s² − Σ t_k²)), 0 where the root is 0.
 */
export function matthews({ truths, predictions, total, correct, K }: Confusion): number {
  let together = 0;
  let predicted = 0;
  let true_ = 0;
  for (let k = 0; k < K; k++) {
    together += truths[k]! * predictions[k]!;
    predicted += predictions[k]! ** 2;
    true_ += truths[k]! ** 2;
  }
  const root = Math.sqrt((total ** 2 - predicted) * (total ** 2 - true_));
  return root > 0 ? (correct * total - together) / root : 0;
}

/**
 * Cohen's kappa: 1 − Σ w_ij·O_ij / Σ w_ij·E_ij, E from the margins. Weights: none (w = 1 off the diagonal), linear |i−j|, or
 * quadratic (i−j)² for graded classes in order. Undefined where all samples and predictions are one class.
 */
export function kappa(
  { counts, truths, predictions, total, K }: Confusion,
  weighting: 'none' | 'linear' | 'quadratic' = 'none',
): number | undefined {
  let observed = 0;
  let expected = 0;
  for (let i = 0; i < K; i++) {
    for (let j = 0; j < K; j++) {
      const apart = Math.abs(i - j);
      const w = weighting === 'none' ? Number(apart > 0) : weighting === 'linear' ? apart : apart ** 2;
      observed += w * counts[i * K + j]!;
      expected += (w * truths[i]! * predictions[j]!) / total;
    }
  }
  return expected > 0 ? 1 - observed / expected : undefined;
}
