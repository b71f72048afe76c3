import type { ZeroShotEntry } from '../config/evaluate.js';
import { GadoliniumError } from '../errors.js';
import { bestThreshold } from './metrics/f1.js';
import { column } from './metrics/per-class.js';
import { Ranking, type Truth } from './metrics/ranking.js';

/** Probabilities and truths of findings, both [N, K]. */
export interface ScoredFindings {
  probability: Float64Array;
  truth: Truth;
}

/** Where each finding counts as called, by the entry's rule. `valid` is asked only where the rule looks there. */
export async function chosenThresholds(
  { threshold: rule, split }: Pick<ZeroShotEntry, 'threshold' | 'split'>,
  names: readonly string[],
  reported: ScoredFindings,
  notes: string[],
  valid: () => Promise<ScoredFindings>,
): Promise<number[]> {
  if (rule === 'argmax') return names.map(() => 0.5);
  const own = rule === 'best-f1-of-reported';
  if (!own && split === 'valid') {
    throw GadoliniumError.expected(
      'bad-evaluation',
      "another split than 'valid'",
      `threshold '${rule}'`,
      split,
      'thresholds are chosen on valid; chosen on the set that is reported they would flatter the model',
    );
  }
  if (own) notes.push('thresholds were chosen on the reported rows themselves: F1 and accuracy flatter the model');
  const { probability, truth } = own ? reported : await valid();
  return names.map((name, k) => {
    const ranking = new Ranking(column(probability, names.length, k), column(truth, names.length, k));
    // MedKLIP's code takes the first of equals in ascending order.
    const best = bestThreshold(ranking, rule === 'best-mcc' ? 'mcc' : 'f1', own ? 'lowest' : 'highest');
    if (best) return best.threshold;
    const where = own ? split : 'valid';
    notes.push(`finding '${name}' has no positives or no negatives in split '${where}': its threshold stays 0.5`);
    return 0.5;
  });
}
