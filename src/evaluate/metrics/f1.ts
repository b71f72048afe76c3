import { matthewsOf } from './agreement.js';
import { addCounts, type BinaryCounts, type Confusion, countsOfClass } from './confusion.js';
import { meanOfDefined } from './per-class.js';
import type { Ranking } from './ranking.js';

/** TP / (TP + FP); undefined where nothing was called positive. */
export function precision({ truePositives, falsePositives }: BinaryCounts): number | undefined {
  return ratio(truePositives, truePositives + falsePositives);
}

/** TP / (TP + FN), also called sensitivity; undefined where nothing is positive. */
export function recall({ truePositives, falseNegatives }: BinaryCounts): number | undefined {
  return ratio(truePositives, truePositives + falseNegatives);
}

/** TN / (TN + FP); undefined where nothing is negative. */
export function specificity({ trueNegatives, falsePositives }: BinaryCounts): number | undefined {
  return ratio(trueNegatives, trueNegatives + falsePositives);
}

/** F1 = 2·TP / (2·TP + FP + FN); undefined where the class is neither there nor predicted. */
export function f1({ truePositives, falsePositives, falseNegatives }: BinaryCounts): number | undefined {
  return ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives);
}

/** Mean F1 over the classes that are there or predicted. */
export function macroF1(matrix: Confusion): number | undefined {
  return meanOfDefined(Array.from(matrix.truths, (_, k) => f1(countsOfClass(matrix, k))));
}

/** F1 of the counts of all findings added up. */
export function microF1(all: readonly BinaryCounts[]): number | undefined {
  return f1(addCounts(all));
}

export interface BestThreshold {
  threshold: number;
  value: number;
}

/**
 * The threshold (among the observed scores; positive = at or above) with the highest F1, Matthews correlation or accuracy;
 * of equals the highest threshold, or with `ties` the lowest. For accuracy that may be infinity: nothing is called. A threshold chosen on the set it is reported on flatters the model: choose it on `valid`.
 */
export function bestThreshold(
  ranking: Ranking,
  by: 'f1' | 'mcc' | 'accuracy',
  ties: 'highest' | 'lowest' = 'highest',
): BestThreshold | undefined {
  const { positives, negatives } = ranking.totals();
  if (positives === 0 || negatives === 0) return undefined;
  const all = positives + negatives;
  let best: BestThreshold | undefined =
    by === 'accuracy' ? { threshold: Number.POSITIVE_INFINITY, value: negatives / all } : undefined;
  ranking.walk(({ threshold, truePositives, falsePositives }) => {
    const counts = {
      truePositives,
      falsePositives,
      falseNegatives: positives - truePositives,
      trueNegatives: negatives - falsePositives,
    };
    const value =
      by === 'f1'
        ? f1(counts)!
        : by === 'mcc'
          ? matthewsOf(counts)
          : (truePositives + negatives - falsePositives) / all;
    if (best === undefined || value > best.value || (ties === 'lowest' && value === best.value))
      best = { threshold, value };
  });
  return best;
}

function ratio(part: number, whole: number): number | undefined {
  return whole > 0 ? part / whole : undefined;
}
