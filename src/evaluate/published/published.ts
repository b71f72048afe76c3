import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PACKAGE_ROOT } from '../../package.js';
import { differences, type ModelFacts, type ProtocolFacts } from './protocol-facts.js';

/**
 * Where a figure was read: the paper; the authors' repository, model card or answer in a public thread; another group's paper or
 * repository that ran the method again; or nowhere now: remembered from the paper, a target to confirm and no measure.
 */
export const STANDINGS = ['paper', 'repo', 'card', 'thread', 'third-party', 'memory'] as const;
export type Standing = (typeof STANDINGS)[number];

/** One published result, with where it was read. */
export interface PublishedFigure {
  method: string;
  /** Names and units of our own metrics (shares, not percentages). */
  metrics: Record<string, number>;
  standing: Standing;
  source: string;
  /** How the published protocol differs from ours, in words. */
  note: string;
  /** What it was measured on and how, as far as it is known. */
  protocol: ProtocolFacts;
  model: ModelFacts;
}

/** A published result beside one of ours: `differs` says why the two may not be compared; empty where they may. */
export type ComparedFigure = PublishedFigure & { differs: string[] };

const fact = z.union([z.string(), z.number()]);
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
      standing: z.enum(STANDINGS),
      source: z.string(),
      note: z.string().optional(),
      /** Facts of the protocol beside the data set (protocol-facts.ts). */
      protocol: z.record(z.string(), fact).default({}),
      model: z.strictObject({ resolution: z.number().optional(), weights: z.string().optional() }).default({}),
      /** Why it cannot be run here; the task is then one that does not exist. */
      unavailable: z.string().optional(),
    }),
  ),
});

export type PublishedTable = z.output<typeof fileSchema>;

/** All tables of src/evaluate/published, by file name. They are data, so they are not copied when TypeScript is compiled. */
export function publishedTables(): PublishedTable[] {
  const folder = join(PACKAGE_ROOT, 'src/evaluate/published');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => fileSchema.parse(JSON.parse(readFileSync(join(folder, name), 'utf8'))));
}

/** A figure of a table with the facts that the table says of all. */
export function figureOf(
  { dataset, note }: PublishedTable,
  figure: PublishedTable['figures'][number],
): PublishedFigure {
  const { method, metrics, standing, source, protocol, model } = figure;
  return {
    method,
    metrics,
    standing,
    source,
    note: figure.note ?? note,
    protocol: { dataset, ...protocol },
    model,
  };
}

/**
 * What others have reported for the same task on the same data set and labels. `dataset`: another data set than ours that the
 * evaluation is meant for; its figures come with the sentence that says so.
 */
export function publishedFor(
  task: string,
  labels: string | undefined,
  ours: ProtocolFacts,
  dataset?: string,
): ComparedFigure[] {
  return publishedTables()
    .filter((table) => table.dataset === ours['dataset'] || table.dataset === dataset)
    .flatMap((table) =>
      table.figures
        .filter((one) => one.task === task && (one.labels === undefined || one.labels === labels))
        .map((one) => {
          const figure = figureOf(table, one);
          return { ...figure, differs: differences(ours, figure.protocol) };
        }),
    );
}
