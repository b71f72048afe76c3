import type { PointingGameEntry } from '../../config/evaluate.js';
import { putInterval } from '../classification.js';
import { phraseMaps } from '../maps/phrase-maps.js';
import { byLabel } from '../metrics/per-label.js';
import { pointsInside } from '../metrics/pointing.js';
import { put, type TaskContext, type TaskResult } from '../task.js';

/**
 * Pointing game (Zhang et al. 2016): the share of phrases whose map is highest inside their regions. `hits` is over all phrases,
 * `hits.macro` the mean over labels.
 */
export async function pointingGame(entry: PointingGameEntry, context: TaskContext): Promise<TaskResult> {
  const notes: string[] = [];
  const labels: string[] = [];
  const hits: (number | undefined)[] = [];
  for await (const { map, truth, label } of phraseMaps(entry, context, notes)) {
    const hit = pointsInside(map.values, truth, entry.ties);
    labels.push(label);
    hits.push(hit === undefined ? undefined : Number(hit));
  }
  const lost = hits.filter((hit) => hit === undefined).length;
  if (lost > 0)
    notes.push(`${lost} of ${hits.length} phrases take no part: their regions lie outside what the model saw`);
  const pooled = byLabel(
    labels.map(() => 'all'),
    hits,
  );
  const parted = byLabel(labels, hits);
  const metrics: Record<string, number> = {};
  put(metrics, 'hits', pooled.macro());
  put(metrics, 'hits.macro', parted.macro());
  putInterval(metrics, 'hits', hits.length, entry.bootstrap, pooled.macro);
  putInterval(metrics, 'hits.macro', hits.length, entry.bootstrap, parted.macro);
  const means = parted.means();
  return {
    metrics,
    samples: hits.length - lost,
    table: {
      columns: ['label', 'phrases', 'hits'],
      rows: [...means.keys()]
        .sort()
        .map((label) => [
          label,
          labels.filter((one, i) => one === label && hits[i] !== undefined).length,
          means.get(label) ?? '–',
        ]),
    },
    notes,
  };
}
