import type { ResolvedConfig } from '../config/schema.js';
import { textKindsOf } from '../evaluate/evaluate.js';
import { openRows } from '../evaluate/rows.js';
import { runTask } from '../evaluate/tasks.js';
import type { EngineEmbedder } from '../model/engine-embedder.js';
import type { Engine } from '../native/engine.js';
import type { Say } from './news.js';

/**
 * Runs the recipe's evaluations with the model as it is. A task that fails is a warning and not the end of training. Returns every
 * metric as `<evaluation name>/<metric>`, for the plateau schedule and for the best checkpoint.
 */
export async function evaluateAll(
  config: ResolvedConfig,
  data: string,
  engine: Engine,
  embedder: EngineEmbedder,
  step: number,
  say: Say,
): Promise<Record<string, number>> {
  const out: Record<string, number> = {};
  if (config.evaluate.length === 0) return out;
  const { logitScale, averagedLogitScale = logitScale } = await engine.later<{
    logitScale?: number;
    averagedLogitScale?: number;
  }>('parameters');
  const rows = openRows(data);
  const textKinds = textKindsOf(config);
  try {
    for (const entry of config.evaluate) {
      const begun = performance.now();
      try {
        const { metrics, samples, table, gallery, notes } = await runTask(entry, {
          embedder,
          rows,
          data,
          logitScale: averagedLogitScale,
          textKinds,
          inputs: config.data,
        });
        say({
          type: 'evaluation',
          step,
          name: entry.name,
          metrics,
          samples,
          milliseconds: performance.now() - begun,
          ...(table ? { table } : {}),
          ...(gallery ? { gallery } : {}),
        });
        for (const note of notes)
          say({ type: 'warning', code: 'evaluation-note', message: `${entry.name}: ${note}`, step });
        for (const [metric, value] of Object.entries(metrics)) out[`${entry.name}/${metric}`] = value;
      } catch (error) {
        say({
          type: 'warning',
          code: 'evaluation-failed',
          message: `${entry.name}: ${(error as Error).message}`,
          step,
        });
      }
    }
  } finally {
    rows.close();
  }
  return out;
}
