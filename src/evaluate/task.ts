import { GadoliniumError } from '../errors.js';
import type { Evaluation } from '../events/types.js';
import type { Embedder, FeatureMatrix } from './embedder.js';
import type { EvaluationRows } from './rows.js';
import { normalised, takeRows } from './vectors.js';

/** What a task is given: a model, the rows, and the folder that both speak of. */
export interface TaskContext {
  embedder: Embedder;
  rows: EvaluationRows;
  /** The data folder, as the embedder knows it. */
  data: string;
  /** exp of the model's learned logit scale, where it has one. */
  logitScale?: number | undefined;
  /** Kinds of text that the model reads, as its configuration says; absent = all. */
  textKinds?: readonly string[] | undefined;
  /** The inputs of the model's recipe by modality: what was done to a picture before the model saw it. */
  inputs?: Readonly<Record<string, { input: string; options?: Record<string, unknown> }>> | undefined;
}

/** What a task gives: the measured part of an evaluation event, and what the reader of its numbers must know. */
export interface TaskResult extends Pick<Evaluation, 'metrics' | 'samples' | 'table' | 'gallery'> {
  /** Sentences: rows left out and why, classes without a value, settings that change the number. */
  notes: string[];
}

/** A feature of some rows, of which those without the modality are left out (and said in `notes`). */
export interface PresentFeatures {
  rows: Uint32Array;
  features: Record<string, FeatureMatrix>;
}

/** Features of rows, L2-normalised unless told otherwise; rows that lack a modality are left out with a note. */
export async function embedRows(
  { embedder, rows: source, data }: TaskContext,
  rows: Uint32Array,
  names: string[],
  notes: string[],
  normalise = true,
): Promise<PresentFeatures> {
  const { features, present } = await embedder.embed({ data: { kind: 'rows', data }, rows, features: names });
  const kept: number[] = [];
  for (let i = 0; i < rows.length; i++) if (present[i]) kept.push(i);
  const lost = rows.length - kept.length;
  if (lost > 0) notes.push(`${lost} of ${rows.length} rows lack ${names.join(' or ')} and were left out`);
  if (kept.length === 0) {
    throw GadoliniumError.expected('nothing-to-evaluate', `rows with ${names.join(' and ')}`, data, 'none');
  }
  const left = rows.filter((_, i) => present[i]);
  const result: PresentFeatures = { rows: left, features: {} };
  for (const name of names) {
    const all = features[name];
    if (!all) throw GadoliniumError.expected('no-feature', `a feature '${name}'`, 'the model', Object.keys(features));
    const taken = lost === 0 ? all : takeRows(all, kept);
    const label = (i: number) => `${name} of sample ${source.sampleIds(left.subarray(i, i + 1))[0]}`;
    result.features[name] = normalise ? normalised(taken, label) : taken;
  }
  return result;
}

/** Features of texts given at hand, as the model's encoder makes them (not normalised). */
export async function embedTexts(embedder: Embedder, texts: string[], feature: string): Promise<FeatureMatrix> {
  const modality = feature.split('.')[0]!;
  const { features, present } = await embedder.embed({
    data: { kind: 'texts', texts, modality },
    rows: Uint32Array.from(texts, (_, i) => i),
    features: [feature],
  });
  const missing = present.indexOf(0);
  if (missing >= 0) {
    throw GadoliniumError.expected('no-feature', `a feature '${feature}'`, `the text '${texts[missing]}'`, 'none');
  }
  const matrix = features[feature];
  if (!matrix)
    throw GadoliniumError.expected('no-feature', `a feature '${feature}'`, 'the model', Object.keys(features));
  return matrix;
}

/** Sets a metric that has a value; one without is absent, never 0. */
export function put(metrics: Record<string, number>, name: string, value: number | undefined): void {
  if (value !== undefined) metrics[name] = value;
}

/** Rows of a split, or an error when it has none. */
export function rowsOf(source: EvaluationRows, split: string): Uint32Array {
  const rows = source.ofSplit(split);
  if (rows.length === 0) {
    throw GadoliniumError.expected('nothing-to-evaluate', 'at least one row', `split '${split}' of ${source.name}`, 0);
  }
  return rows;
}

/** The words of each row that the model reads when it is evaluated: the first stored text of its kinds. '' for none. */
export function wordsOf({ rows: source, textKinds }: TaskContext, rows: Uint32Array): string[] {
  return source
    .texts(rows)
    .map((texts) => texts.find(({ kind }) => !textKinds?.length || textKinds.includes(kind))?.body ?? '');
}
