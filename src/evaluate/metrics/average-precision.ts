import { Ranking, type Truth, type Weights } from './ranking.js';

/**
 * Average precision, step-wise and without interpolation: AP = Σ_k (R_k − R_{k−1})·P_k over descending thresholds.
 * (The trapezoid rule over the same curve gives another, larger number.) Undefined where there is no positive.
 */
export function averagePrecisionOf(ranking: Ranking, weights?: Weights): number | undefined {
  const { positives } = ranking.totals(weights);
  if (positives === 0) return undefined;
  let sum = 0;
  let before = 0;
  ranking.walk(({ truePositives, falsePositives }) => {
    if (truePositives === before) return;
    sum += ((truePositives - before) * truePositives) / (truePositives + falsePositives);
    before = truePositives;
  }, weights);
  return sum / positives;
}

export function averagePrecision(scores: ArrayLike<number>, truth: Truth, weights?: Weights): number | undefined {
  return averagePrecisionOf(new Ranking(scores, truth), weights);
}
