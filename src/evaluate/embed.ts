import { rename, rm } from 'node:fs/promises';
import { Field, FixedSizeList, Float32, Schema, Utf8 } from 'apache-arrow';
import { ArrowFile } from '../data/shards/arrow-file.js';
import type { BatchBody } from '../data/shards/columns.js';
import { GadoliniumError } from '../errors.js';
import type { Embedded, EmbedSource, FeatureMatrix } from './embedder.js';
import type { Model } from './model.js';
import { openRows } from './rows.js';

/** What is embedded: rows of a data folder (of one split or all), texts, or image files. */
export type EmbedInput =
  | { kind: 'rows'; data: string; split?: string | undefined }
  | { kind: 'texts'; texts: string[] }
  | { kind: 'images'; files: string[] };

export interface EmbedOptions {
  input: EmbedInput;
  /** The Arrow file to write. It appears under its name only when it is whole. */
  out: string;
  /** Names of features; default: every one-vector feature of the model that the input has the modality for. */
  features?: string[] | undefined;
  /** Inputs of one record batch; default 1024. */
  chunk?: number | undefined;
}

export interface EmbedProgress {
  done: number;
  total: number;
  /** Inputs so far without one of the features (their cells are null). */
  missing: number;
}

/**
 * Features to an Arrow IPC file: one row an input, in the order given; a column for each feature, named as it, of fixed-size
 * lists of float32 (null where the input lacks the modality); before them `sample_id`, `text` or `file` says which input it was.
 */
export async function* embed(model: Model, options: EmbedOptions): AsyncGenerator<EmbedProgress> {
  const { out, chunk = 1024 } = options;
  const source = openInput(model, options.input);
  try {
    const features = featuresOf(model, options.features, source.modality);
    const beside = `${out}.${process.pid}.tmp`;
    let file: ArrowFile | undefined;
    const progress: EmbedProgress = { done: 0, total: source.count, missing: 0 };
    try {
      while (progress.done < source.count) {
        const from = progress.done;
        const { names, embed } = source.part(from, Math.min(chunk, source.count - from));
        const columns = await embedColumns(embed, features);
        for (let i = 0; i < names.length; i++) progress.missing += Number(columns.some(({ present }) => !present[i]));
        file ??= new ArrowFile(beside, schemaOf(source.column, columns));
        file.batch(names.length, bodyOf(names, columns));
        progress.done += names.length;
        yield { ...progress };
      }
      file?.finish([]);
      file = undefined;
      await rename(beside, out);
    } finally {
      // After a failure, and where the caller stops listening.
      file?.abandon();
      await rm(beside, { force: true });
    }
  } finally {
    source.close();
  }
}

interface Source {
  /** Name of the column that says which input a row is. */
  column: string;
  count: number;
  /** The only modality that the input has; undefined for rows, which may have all. */
  modality: string | undefined;
  /** Some of the inputs: what they are called, and how their features are had. */
  part(from: number, count: number): { names: string[]; embed: (features: string[]) => Promise<Embedded> };
  close(): void;
}

function openInput(model: Model, input: EmbedInput): Source {
  if (input.kind === 'rows') {
    const rows = openRows(input.data);
    const all =
      input.split === undefined ? Uint32Array.from({ length: rows.count }, (_, i) => i) : rows.ofSplit(input.split);
    if (all.length === 0) {
      rows.close();
      throw GadoliniumError.expected(
        'nothing-to-embed',
        'at least one row',
        `split '${input.split}' of ${input.data}`,
        0,
      );
    }
    return {
      column: 'sample_id',
      count: all.length,
      modality: undefined,
      part: (from, count) => {
        const part = all.slice(from, from + count);
        const data: EmbedSource = { kind: 'rows', data: input.data };
        return { names: rows.sampleIds(part), embed: (features) => model.embed({ data, rows: part, features }) };
      },
      close: () => rows.close(),
    };
  }
  const given = input.kind === 'texts' ? input.texts : input.files;
  if (given.length === 0)
    throw GadoliniumError.expected('nothing-to-embed', 'at least one line', `the list of ${input.kind}`, 'none');
  const modality = modalityOf(model, input.kind === 'texts' ? 'text' : 'image');
  return {
    column: input.kind === 'texts' ? 'text' : 'file',
    count: given.length,
    modality,
    part: (from, count) => {
      const names = given.slice(from, from + count);
      const rows = Uint32Array.from(names, (_, i) => i);
      const data: EmbedSource =
        input.kind === 'texts' ? { kind: 'texts', texts: names, modality } : { kind: 'images', files: names, modality };
      return { names, embed: (features) => model.embed({ data, rows, features }) };
    },
    close: () => {},
  };
}

/** The modality whose input is of a kind; a model that calls its pictures `radiograph` embeds images all the same. */
function modalityOf(model: Model, kind: 'text' | 'image'): string {
  const { data = {} } = model.config as { data?: Record<string, { input?: string }> };
  return Object.keys(data).find((modality) => data[modality]!.input === kind) ?? kind;
}

function featuresOf(model: Model, asked: string[] | undefined, modality: string | undefined): string[] {
  if (asked?.length) return asked;
  const usable = (model.features ?? []).filter((name) => modality === undefined || name.split('.')[0] === modality);
  if (usable.length > 0) return usable;
  throw GadoliniumError.expected(
    'no-feature',
    modality === undefined ? 'at least one feature' : `a feature of modality '${modality}'`,
    'the model',
    model.features ?? [],
    'name one with --features',
  );
}

interface FeatureColumn {
  name: string;
  matrix: FeatureMatrix;
  present: Uint8Array;
}

/** One question a modality, so that a sample without a text still has the features of its picture. */
async function embedColumns(
  embed: (features: string[]) => Promise<Embedded>,
  features: string[],
): Promise<FeatureColumn[]> {
  const columns: FeatureColumn[] = [];
  for (const modality of new Set(features.map((name) => name.split('.')[0]))) {
    const names = features.filter((name) => name.split('.')[0] === modality);
    const embedded = await embed(names);
    for (const name of names) {
      const matrix = embedded.features[name];
      if (!matrix) {
        throw GadoliniumError.expected(
          'no-feature',
          `a feature '${name}'`,
          'the model',
          Object.keys(embedded.features),
        );
      }
      columns.push({ name, matrix, present: embedded.present });
    }
  }
  return columns.sort((a, b) => features.indexOf(a.name) - features.indexOf(b.name));
}

function schemaOf(column: string, columns: FeatureColumn[]): Schema {
  return new Schema([
    new Field(column, new Utf8(), false),
    ...columns.map(({ name, matrix }) => {
      return new Field(name, new FixedSizeList(matrix.width, new Field('item', new Float32(), false)), true);
    }),
  ]);
}

/** Buffers of a record batch in Arrow's order: validity, offsets and bytes of the names; validity and numbers of each feature. */
function bodyOf(names: string[], columns: FeatureColumn[]): BatchBody {
  const texts = names.map((name) => Buffer.from(name, 'utf8'));
  const offsets = new Int32Array(names.length + 1);
  for (const [i, text] of texts.entries()) offsets[i + 1] = offsets[i]! + text.length;
  const body: BatchBody = {
    nodes: [{ length: names.length, nulls: 0 }],
    buffers: [[], [bytesOf(offsets)], texts],
  };
  for (const { matrix, present } of columns) {
    const validity = new Uint8Array(Math.ceil(names.length / 8));
    let nulls = 0;
    for (let i = 0; i < names.length; i++) {
      if (present[i]) validity[i >> 3]! |= 1 << (i & 7);
      else nulls++;
    }
    body.nodes.push({ length: names.length, nulls }, { length: names.length * matrix.width, nulls: 0 });
    body.buffers.push(nulls > 0 ? [validity] : [], [], [bytesOf(matrix.data)]);
  }
  return body;
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
