import { Ranking, type Truth, type Weights } from './ranking.js';

/**
 * Area under the ROC curve: the chance that a positive scores above a negative, a tie counting one half,
 *   AUROC = 1/(P·N) Σ_{i:y=1} Σ_{j:y=0} [ 1(s_i > s_j) + ½·1(s_i = s_j) ]   (Hanley & McNeil 1982).
 * Undefined, and so returned, where there is no positive or no negative.
 */
export function aurocOf(ranking: Ranking, weights?: Weights): number | undefined {
  const { positives, negatives } = ranking.totals(weights);
  if (positives === 0 || negatives === 0) return undefined;
  let area = 0;
  let above = 0;
  let falseAbove = 0;
  ranking.walk(({ truePositives, falsePositives }) => {
    // Trapezoid: the positives of this tie stand above the negatives still to come and level with their own.
    area += (falsePositives - falseAbove) * (above + truePositives) * 0.5;
    above = truePositives;
    falseAbove = falsePositives;
  }, weights);
  return area / (positives * negatives);
}

export function auroc(scores: ArrayLike<number>, truth: Truth, weights?: Weights): number | undefined {
  return aurocOf(new Ranking(scores, truth), weights);
}
