import { type Manifest, requireDataset } from '../data/manifest.js';
import { LABEL_CODES } from '../data/shards/schema.js';
import { openShards, type ShardFolder } from '../data/shards/shards.js';
import { ShardBytes, StoredColumn } from '../data/shards/stored-column.js';
import { GadoliniumError } from '../errors.js';
import type { PromptSet } from './prompts.js';

/** A vocabulary of labels: class = exactly one name holds for a row; finding = each name by itself. */
export interface Vocabulary {
  vocab: string;
  kind: 'class' | 'finding';
  names: string[];
}

/** What labels say: 1 positive, 0 negative, -1 uncertain, -128 missing. */
export const LABEL_STATE = LABEL_CODES;

export interface StoredText {
  /** report, caption, question, … (src/data/adapter.ts, TextKind). */
  kind: string;
  body: string;
}

export interface StoredImage {
  id: string;
  bytes: Uint8Array;
  /** jpeg, png, …; or raw: depth × height × width × channels values of `dtype`, C order. */
  codec: string;
  height: number;
  width: number;
  depth: number;
  channels: number;
  dtype: string;
}

/** A place in an image. */
export interface StoredRegion {
  /** Among the row's images. */
  image: number;
  /** Among the row's texts; undefined where no text speaks of it. */
  text: number | undefined;
  kind: string;
  label: string;
  /** box: x0, y0, x1, y1, half-open; polygon: x, y, …; in pixels of the stored image. */
  coords: number[];
  /** Starts and lengths over the stored image's pixels, row by row. */
  runs: number[];
}

/** Sizes of a stored image in pixels. `source`: of the file that it was made from; where that is not known, its own. */
export interface ImageSize {
  height: number;
  width: number;
  source: { height: number; width: number };
}

/** What evaluation tasks ask of a data set beside features: names, splits, truth, words, pictures. */
export interface EvaluationRows {
  readonly name: string;
  readonly count: number;
  readonly splits: readonly string[];
  readonly vocabularies: readonly Vocabulary[];
  readonly promptSets: readonly PromptSet[];
  /** Row numbers of a split, ascending. */
  ofSplit(split: string): Uint32Array;
  sampleIds(rows: Uint32Array): string[];
  /** Patient of each row; null where the data set names none. */
  patients(rows: Uint32Array): (string | null)[];
  /** States [rows, names] of a vocabulary, row-major. */
  labels(vocab: string, rows: Uint32Array): { vocabulary: Vocabulary; states: Int8Array };
  /** All texts of each row, in stored order. */
  texts(rows: Uint32Array): StoredText[][];
  /** The first image of a row that lies in the shard. */
  image(row: number): StoredImage | undefined;
  /** All regions of each row; none where the folder has no such column. */
  regions(rows: Uint32Array): StoredRegion[][];
  /** Sizes of all images of each row. */
  imageSizes(rows: Uint32Array): ImageSize[][];
  close(): void;
}

/** The rows of a prepared folder. Nothing but dataset.json is read until it is asked for, and then only the asked columns. */
export function openRows(folder: string): EvaluationRows {
  return new FolderRows(folder, requireDataset(folder));
}

/** A record batch in an open shard. */
interface Batch {
  first: number;
  rows: number;
  has(name: string): boolean;
  column(name: string): StoredColumn;
}

interface OpenedShard {
  bytes: ShardBytes;
  batches: Batch[];
}

class FolderRows implements EvaluationRows {
  readonly name: string;
  readonly count: number;
  readonly splits: readonly string[];
  readonly vocabularies: readonly Vocabulary[];
  readonly promptSets: readonly PromptSet[];
  readonly #shards: ShardFolder;
  readonly #open = new Map<number, OpenedShard>();

  constructor(
    private readonly folder: string,
    private readonly manifest: Manifest,
  ) {
    this.name = manifest.name;
    this.count = manifest.rows;
    this.splits = Object.keys(manifest.splits);
    this.vocabularies = manifest.labels;
    this.promptSets = manifest.prompts;
    this.#shards = openShards(folder);
  }

  ofSplit(split: string): Uint32Array {
    if (!this.splits.includes(split)) {
      throw GadoliniumError.expected(
        'no-split',
        `one of ${this.splits.join(', ')}`,
        `--split on ${this.folder}`,
        split,
      );
    }
    const found: number[] = [];
    for (const [s, { splits }] of this.manifest.shards.entries()) {
      if ((splits[split] ?? 0) === 0) continue;
      for (const batch of this.#shard(s).batches) {
        const column = batch.column('split');
        for (let i = 0; i < batch.rows; i++) if (column.text(i) === split) found.push(batch.first + i);
      }
    }
    return Uint32Array.from(found);
  }

  sampleIds(rows: Uint32Array): string[] {
    return this.#collect(rows, 'sample_id', (column, i) => column.text(i));
  }

  patients(rows: Uint32Array): (string | null)[] {
    return this.#collect(rows, 'patient_id', (column, i) => (column.isNull(i) ? null : column.text(i)));
  }

  labels(vocab: string, rows: Uint32Array): { vocabulary: Vocabulary; states: Int8Array } {
    const vocabulary = this.manifest.labels.find((one) => one.vocab === vocab);
    if (!vocabulary) {
      throw GadoliniumError.expected(
        'no-labels',
        `one of ${this.manifest.labels.map((one) => one.vocab).join(', ') || '(the folder has no labels)'}`,
        `labels of ${this.folder}`,
        vocab,
      );
    }
    const K = vocabulary.names.length;
    const states = new Int8Array(rows.length * K).fill(LABEL_STATE.missing);
    let at = 0;
    this.#collect(rows, 'label_vec', (column, i) => {
      const { from, to } = column.range(i);
      for (let k = 0; k < K && from < to; k++) states[at + k] = column.items().number(from + vocabulary.offset + k);
      at += K;
    });
    return { vocabulary, states };
  }

  texts(rows: Uint32Array): StoredText[][] {
    return this.#collect(rows, 'texts', (column, i) => {
      const { from, to } = column.range(i);
      const kinds = column.items().field('kind');
      const bodies = column.items().field('body');
      return Array.from({ length: to - from }, (_, n) => ({ kind: kinds.text(from + n), body: bodies.text(from + n) }));
    });
  }

  image(row: number): StoredImage | undefined {
    const batch = this.#batch(row);
    const column = batch.column('images');
    const { from, to } = column.range(row - batch.first);
    const items = column.items();
    const text = (name: string, n: number) => items.field(name).text(n);
    const number = (name: string, n: number) => items.field(name).number(n);
    for (let n = from; n < to; n++) {
      const bytes = items.field('data').bytes(n);
      if (bytes.length === 0) continue;
      return {
        id: text('image_id', n),
        bytes,
        codec: text('codec', n),
        height: number('height', n),
        width: number('width', n),
        depth: number('depth', n),
        channels: number('channels', n),
        dtype: text('dtype', n),
      };
    }
    return undefined;
  }

  regions(rows: Uint32Array): StoredRegion[][] {
    if (rows.length === 0 || !this.#batch(rows[0]!).has('regions')) return Array.from(rows, () => []);
    return this.#collect(rows, 'regions', (column, i) => {
      const { from, to } = column.range(i);
      const items = column.items();
      const numbers = (name: string, n: number) => {
        const list = items.field(name);
        const range = list.range(n);
        return Array.from({ length: range.to - range.from }, (_, k) => list.items().number(range.from + k));
      };
      return Array.from({ length: to - from }, (_, k): StoredRegion => {
        const n = from + k;
        return {
          image: items.field('image_index').number(n),
          text: items.field('text_index').isNull(n) ? undefined : items.field('text_index').number(n),
          kind: items.field('kind').text(n),
          label: items.field('label').text(n),
          coords: numbers('coords', n),
          runs: numbers('rle', n),
        };
      });
    });
  }

  imageSizes(rows: Uint32Array): ImageSize[][] {
    return this.#collect(rows, 'images', (column, i) => {
      const { from, to } = column.range(i);
      const items = column.items();
      return Array.from({ length: to - from }, (_, k) => {
        const [height, width] = [items.field('height').number(from + k), items.field('width').number(from + k)];
        const known = items.has('source_height') && !items.field('source_height').isNull(from + k);
        const source = known
          ? {
              height: items.field('source_height').number(from + k),
              width: items.field('source_width').number(from + k),
            }
          : { height, width };
        return { height, width, source };
      });
    });
  }

  close(): void {
    for (const { bytes } of this.#open.values()) bytes.close();
    this.#open.clear();
  }

  /** One value a row, in the order of `rows`. */
  #collect<T>(rows: Uint32Array, name: string, value: (column: StoredColumn, index: number) => T): T[] {
    let held: { batch: Batch; column: StoredColumn } | undefined;
    return Array.from(rows, (row) => {
      if (!held || row < held.batch.first || row >= held.batch.first + held.batch.rows) {
        const batch = this.#batch(row);
        held = { batch, column: batch.column(name) };
      }
      return value(held.column, row - held.batch.first);
    });
  }

  #batch(row: number): Batch {
    const { batches } = this.#shard(this.#shards.shardOf(row));
    // The last batch that starts at or before the row.
    let low = 0;
    let high = batches.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (batches[middle]!.first <= row) low = middle;
      else high = middle - 1;
    }
    return batches[low]!;
  }

  /** Its footer is read when it is first asked for. */
  #shard(number: number): OpenedShard {
    const known = this.#open.get(number);
    if (known) return known;
    const { file, firstRow, places } = this.#shards.shard(number);
    const bytes = new ShardBytes(file);
    let first = firstRow;
    const batches = places.batches.map(({ rows, columns }): Batch => {
      const batch = {
        first,
        rows,
        has: (name: string) => name in columns,
        // A new one each time: what it has read is let go with it.
        column: (name: string) => {
          const place = columns[name];
          if (place) return new StoredColumn(bytes, place, places.dictionaries);
          throw GadoliniumError.expected('bad-shard', `a column '${name}'`, file, Object.keys(columns).join(', '));
        },
      };
      first += rows;
      return batch;
    });
    const opened = { bytes, batches };
    this.#open.set(number, opened);
    return opened;
  }
}
