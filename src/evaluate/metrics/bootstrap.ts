import { Draws } from '../../data/draws.js';
import type { Weights } from './ranking.js';

export interface Interval {
  low: number;
  high: number;
  /** Resamples in which the statistic had a value. */
  resamples: number;
}

export interface BootstrapOptions {
  /** Number of resamples; default 1000. */
  resamples?: number;
  /** Share of the resamples inside the interval; default 0.95. */
  level?: number;
  seed?: number;
}

/**
 * Percentile bootstrap interval (Efron): draws N samples with replacement, recomputes the statistic, and takes the outer
 * quantiles (linear between neighbours). The statistic gets the draw as counts per sample [N], so that sorting is paid
 * once and not per resample. Undefined where no resample gave a value.
 */
export function bootstrap(
  N: number,
  statistic: (counts: Weights) => number | undefined,
  { resamples = 1000, level = 0.95, seed = 0 }: BootstrapOptions = {},
): Interval | undefined {
  const draws = new Draws(seed);
  const counts = new Uint32Array(N);
  const values: number[] = [];
  for (let b = 0; b < resamples; b++) {
    counts.fill(0);
    for (let i = 0; i < N; i++) counts[draws.below(N)]!++;
    const value = statistic(counts);
    if (value !== undefined) values.push(value);
  }
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).sort();
  const tail = (1 - level) / 2;
  return { low: quantile(sorted, tail), high: quantile(sorted, 1 - tail), resamples: values.length };
}

function quantile(sorted: Float64Array, q: number): number {
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(sorted.length - 1, below + 1);
  return sorted[below]! + (at - below) * (sorted[above]! - sorted[below]!);
}
