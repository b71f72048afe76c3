import { type Best, bestSoFar, markBest, retain } from '../checkpoint/files.js';
import type { ResolvedConfig } from '../config/schema.js';
import type { CheckpointWritten } from '../events/types.js';
import type { Say } from './news.js';

/** Metrics by `<evaluation name>/<metric>` and the step whose weights they are of. */
export interface Evaluated {
  step: number;
  metrics: Record<string, number>;
}

/** What was evaluated, where it is better than the run's best so far by the recipe's metric. */
export function betterThanBefore(run: string, config: ResolvedConfig, { step, metrics }: Evaluated): Best | undefined {
  const wanted = config.checkpoint.best;
  const value = wanted ? metrics[wanted.metric] : undefined;
  if (!wanted || value === undefined) return undefined;
  const before = bestSoFar(run, wanted.metric)?.value;
  const better = before === undefined || (wanted.mode === 'max' ? value > before : value < before);
  return better ? { metric: wanted.metric, value, step } : undefined;
}

/** Marks a checkpoint that was just written as the best where it is, and removes those that are not to be kept. */
export function tidyCheckpoints(
  run: string,
  config: ResolvedConfig,
  { step, path }: CheckpointWritten,
  evaluated: Evaluated,
  say: Say,
): void {
  try {
    // Only the evaluation of these very weights says how good they are.
    const best = evaluated.step === step ? betterThanBefore(run, config, evaluated) : undefined;
    if (best) markBest(run, path, best);
    retain(run, config.checkpoint.keep);
  } catch (error) {
    say({
      type: 'warning',
      code: 'retention-failed',
      message: `could not tidy the checkpoints: ${(error as Error).message}`,
    });
  }
}
