import { meanOfDefined } from './per-class.js';
import type { Weights } from './ranking.js';

/** Share of queries whose first partner is among the first k; ranks count from 0 = found first. */
export function recallAt(ranks: Int32Array, k: number, weights?: Weights): number | undefined {
  let hits = 0;
  let total = 0;
  for (let i = 0; i < ranks.length; i++) {
    const w = weights ? weights[i]! : 1;
    total += w;
    if (ranks[i]! < k) hits += w;
  }
  return total > 0 ? hits / total : undefined;
}

/** Median place of the first partner, counted from 1; between the two middle places where the number of queries is even. */
export function medianRank(ranks: Int32Array): number | undefined {
  if (ranks.length === 0) return undefined;
  const sorted = Int32Array.from(ranks).sort();
  const half = sorted.length >> 1;
  const upper = sorted[half]! + 1;
  return sorted.length % 2 ? upper : (sorted[half - 1]! + 1 + upper) / 2;
}

/** Mean place of the first partner, counted from 1. */
export function meanRank(ranks: Int32Array): number | undefined {
  if (ranks.length === 0) return undefined;
  return ranks.reduce((sum, rank) => sum + rank + 1, 0) / ranks.length;
}

/** Mean of 1 / place of the first partner. */
export function meanReciprocalRank(ranks: Int32Array): number | undefined {
  if (ranks.length === 0) return undefined;
  let sum = 0;
  for (const rank of ranks) sum += 1 / (rank + 1);
  return sum / ranks.length;
}

/**
 * Precision at k by class (GLoRIA's retrieval of class-labelled texts): mean over queries of the share of the first k
 * candidates that are of the query's class. nearest [Q, M] holds candidate numbers, best first, M ≥ k.
 */
export function precisionAt(
  nearest: Uint32Array,
  M: number,
  k: number,
  queryClasses: Int32Array,
  candidateClasses: Int32Array,
): number | undefined {
  if (k > M) throw new RangeError(`expected at least ${k} candidates a query but got ${M}`);
  const shares = Array.from(queryClasses, (wanted, q) => {
    let same = 0;
    for (let r = 0; r < k; r++) if (candidateClasses[nearest[q * M + r]!] === wanted) same++;
    return same / k;
  });
  return meanOfDefined(shares);
}
