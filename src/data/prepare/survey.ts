/**
 * The first look over a source: counts rows (for the time left), finds out whether it is the same source as before, and
 * gathers the words of the training texts where a vocabulary is to be trained. Decodes no picture.
 */
import { createHash } from 'node:crypto';
import { GadoliniumError } from '../../errors.js';
import type { AdapterContext, DatasetAdapter, SourceDescription, SourceReject, SourceRow, Split } from '../adapter.js';
import { drawnSplit, SPLIT_WORDS, splitOf } from '../split.js';
import type { VocabularyTraining } from '../tokenizer/tokenizer-formats.js';

export interface Survey {
  /** Source rows, rejected ones included. */
  rows: number;
  /** Of everything that rows say, but for the pixels. */
  sha256: string;
}

/** A row, or a reject, with its place in the source's order. */
export interface Numbered {
  ordinal: number;
  item: SourceRow | SourceReject;
}

export async function* numberedRows<Options>(
  adapter: DatasetAdapter<Options>,
  context: AdapterContext<Options>,
  limit: number | undefined,
): AsyncGenerator<Numbered> {
  let ordinal = 0;
  for await (const item of adapter.rows(context)) {
    if (limit !== undefined && ordinal >= limit) return;
    yield { ordinal, item };
    ordinal++;
  }
}

export async function survey<Options>(
  adapter: DatasetAdapter<Options>,
  context: AdapterContext<Options>,
  description: SourceDescription,
  options: { limit?: number | undefined; words?: VocabularyTraining | undefined; stopped?: () => void },
): Promise<Survey> {
  const hash = createHash('sha256');
  let rows = 0;
  for await (const { item } of numberedRows(adapter, context, options.limit)) {
    options.stopped?.();
    rows++;
    hash.update(JSON.stringify(item, withoutPixels));
    if ('reject' in item) continue;
    const split = splitOfRow(adapter.name, item, description);
    if (options.words === undefined || split !== 'train') continue;
    for (const { body } of item.texts) options.words.add(body);
  }
  if (rows === 0) {
    throw GadoliniumError.expected('no-rows', 'at least one row', adapter.title, 'none', `look into ${context.from}`);
  }
  return { rows, sha256: hash.digest('hex') };
}

/** Byte arrays by their length: hashing them would read a whole release twice. */
function withoutPixels(key: string, value: unknown): unknown {
  // Where the release lies does not matter, what it says does.
  if (key === 'file') return undefined;
  if (value instanceof Uint8Array) return value.length;
  // Columns of numbers as one word: written out they would be longer than all the rest.
  return ArrayBuffer.isView(value) ? hashOf(value) : value;
}

const hashOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
  createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex');

export function groupOf(row: SourceRow): string {
  return row.group ?? row.patient ?? row.study ?? row.id;
}

/** The row's split; an unknown word is an error at once: to guess would mix what must be held apart. */
export function splitOfRow(dataset: string, row: SourceRow, description: SourceDescription): Split {
  if (row.split === undefined) return drawnSplit(dataset, groupOf(row), description.fractions);
  const split = splitOf(row.split);
  if (split !== undefined) return split;
  const { file, row: number } = row.origin;
  throw GadoliniumError.expected(
    'unknown-split',
    `a split (one of ${SPLIT_WORDS.join(', ')})`,
    number === undefined ? file : `${file} row ${number}`,
    row.split,
    'rename the word in the source, or give no split column to have splits drawn',
  );
}
