/**
 * Expected calibration error (Guo et al. 2017): samples fall by confidence into equal-width bins ((b−1)/B, b/B],
 *   ECE = Σ_b (n_b / N)·|accuracy_b − confidence_b|.
 * confidence: probability of the prediction; correct: 1 where the prediction is the truth.
 */
export function expectedCalibrationError(
  confidence: ArrayLike<number>,
  correct: ArrayLike<number>,
  bins = 15,
): number | undefined {
  const N = confidence.length;
  if (N === 0) return undefined;
  const sums = new Float64Array(bins);
  for (let i = 0; i < N; i++) {
    const c = confidence[i]!;
    if (!(c >= 0 && c <= 1)) throw new RangeError(`expected a probability for sample ${i} but got ${c}`);
    // |accuracy_b − confidence_b|·n_b is the absolute value of the bin's sum of (correct − confidence).
    sums[Math.min(bins - 1, Math.max(0, Math.ceil(c * bins) - 1))]! += correct[i]! - c;
  }
  return sums.reduce((total, sum) => total + Math.abs(sum), 0) / N;
}

/** Brier score of one finding: mean of (p − y)². Unknown truth (-1) is left out. */
export function brier(probability: ArrayLike<number>, truth: Int8Array): number | undefined {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < truth.length; i++) {
    if (truth[i]! < 0) continue;
    sum += (probability[i]! - truth[i]!) ** 2;
    count++;
  }
  return count ? sum / count : undefined;
}
