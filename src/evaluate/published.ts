import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PACKAGE_ROOT } from '../package.js';

/** One published result, with where it was read. */
export interface PublishedFigure {
  method: string;
  /** Names and units of our own metrics (shares, not percentages). */
  metrics: Record<string, number>;
  /** paper, or repo: the authors' repository. Figures that nobody has read again are not kept. */
  standing: 'paper' | 'repo';
  source: string;
  /** How the published protocol differs from ours. */
  note: string;
}

const fileSchema = z.strictObject({
  /** The data set's name, as in its dataset.json. */
  dataset: z.string(),
  note: z.string(),
  figures: z.array(
    z.strictObject({
      task: z.string(),
      /** The label vocabulary; absent = whatever was asked. */
      labels: z.string().optional(),
      method: z.string(),
      metrics: z.record(z.string(), z.number()),
      standing: z.enum(['paper', 'repo']),
      source: z.string(),
    }),
  ),
});

/** All tables of src/evaluate/published, by file name. They are data, so they are not copied when TypeScript is compiled. */
export function publishedTables(): z.output<typeof fileSchema>[] {
  const folder = join(PACKAGE_ROOT, 'src/evaluate/published');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => fileSchema.parse(JSON.parse(readFileSync(join(folder, name), 'utf8'))));
}

/** What others have reported for the same task on the same data set and labels. */
export function publishedFor(dataset: string, task: string, labels: string | undefined): PublishedFigure[] {
  return publishedTables()
    .filter((table) => table.dataset === dataset)
    .flatMap(({ note, figures }) =>
      figures
        .filter((one) => one.task === task && (one.labels === undefined || one.labels === labels))
        .map(({ method, metrics, standing, source }) => ({ method, metrics, standing, source, note })),
    );
}
