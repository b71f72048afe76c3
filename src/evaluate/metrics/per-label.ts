import { meanOfDefined } from './per-class.js';
import type { Weights } from './ranking.js';

/** A number a sample, averaged within the labels and then over them (macro). Samples without a value take no part. */
export interface ByLabel {
  means(weights?: Weights): Map<string, number | undefined>;
  /** Mean of the labels' means. */
  macro(weights?: Weights): number | undefined;
}

export function byLabel(labels: readonly string[], values: readonly (number | undefined)[]): ByLabel {
  const all = [...new Set(labels)];
  const means = (weights?: Weights) => {
    const sums = new Map(all.map((label) => [label, { sum: 0, count: 0 }]));
    for (const [i, value] of values.entries()) {
      if (value === undefined) continue;
      const weight = weights ? weights[i]! : 1;
      const held = sums.get(labels[i]!)!;
      held.sum += weight * value;
      held.count += weight;
    }
    return new Map(
      all.map((label) => {
        const { sum, count } = sums.get(label)!;
        return [label, count > 0 ? sum / count : undefined];
      }),
    );
  };
  return { means, macro: (weights) => meanOfDefined([...means(weights).values()]) };
}
