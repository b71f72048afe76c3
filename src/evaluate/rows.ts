import { join } from 'node:path';
import type { Vector } from 'apache-arrow';
import { type Manifest, requireDataset } from '../data/manifest.js';
import { LABEL_CODES } from '../data/schema.js';
import { GadoliniumError } from '../errors.js';
import type { PromptSet } from './prompts.js';
import { type BatchColumns, ShardColumns } from './shard-columns.js';

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
  close(): void;
}

/** The rows of a prepared folder. Nothing but dataset.json is read until it is asked for, and then only the asked columns. */
export function openRows(folder: string): EvaluationRows {
  return new FolderRows(folder, requireDataset(folder));
}

interface Place {
  shard: number;
  batch: number;
  /** Row inside the batch. */
  index: number;
}

class FolderRows implements EvaluationRows {
  readonly name: string;
  readonly count: number;
  readonly splits: readonly string[];
  readonly vocabularies: readonly Vocabulary[];
  readonly promptSets: readonly PromptSet[];
  private readonly shards: (ShardColumns | undefined)[];
  /** First row of each record batch, per shard. */
  private readonly starts: (number[] | undefined)[];

  constructor(
    private readonly folder: string,
    private readonly manifest: Manifest,
  ) {
    this.name = manifest.name;
    this.count = manifest.rows;
    this.splits = Object.keys(manifest.splits);
    this.vocabularies = manifest.labels;
    this.promptSets = manifest.prompts;
    this.shards = manifest.shards.map(() => undefined);
    this.starts = manifest.shards.map(() => undefined);
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
    let first = 0;
    for (const [s, { rows, splits }] of this.manifest.shards.entries()) {
      if ((splits[split] ?? 0) > 0) {
        this.eachBatch(s, ['split'], (columns, start) => {
          const column = columns.get('split')!;
          for (let i = 0; i < column.length; i++) if (column.get(i) === split) found.push(first + start + i);
        });
      }
      first += rows;
    }
    return Uint32Array.from(found);
  }

  sampleIds(rows: Uint32Array): string[] {
    return this.collect(rows, 'sample_id', (column, i) => column.get(i) as string);
  }

  patients(rows: Uint32Array): (string | null)[] {
    return this.collect(rows, 'patient_id', (column, i) => column.get(i) as string | null);
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
    this.collect(rows, 'label_vec', (column, i) => {
      const codes = column.get(i) as Vector | null;
      if (codes) {
        for (let k = 0; k < K; k++) states[at + k] = codes.get(vocabulary.offset + k) as number;
      }
      at += K;
    });
    return { vocabulary, states };
  }

  texts(rows: Uint32Array): StoredText[][] {
    return this.collect(rows, 'texts', (column, i) => {
      const items = column.get(i) as Vector | null;
      return items ? Array.from(items as Iterable<StoredText>, ({ kind, body }) => ({ kind, body })) : [];
    });
  }

  image(row: number): StoredImage | undefined {
    const { shard, batch, index } = this.place(row);
    const file = this.open(shard);
    const { columns, onDisk } = file.batch(batch, ['images'], new Set(['images.data']));
    const column = columns.get('images');
    const values = onDisk.get('images.data');
    if (!column || !values) return undefined;
    // The list of structs, its own offsets, and the offsets of the bytes that stayed on disk.
    const [list] = column.data;
    const structs = list!.children[0]!;
    const names = structs.type.children.map((child: { name: string }) => child.name);
    const data = structs.children[names.indexOf('data')]!;
    const items = column.get(index) as Vector;
    for (let n = 0; n < items.length; n++) {
      const item = list!.valueOffsets[index]! + n;
      const from = Number(data.valueOffsets[item]);
      const to = Number(data.valueOffsets[item + 1]);
      if (to <= from) continue;
      const fields = items.get(n) as unknown as Record<string, string & number> & { image_id: string };
      return {
        id: fields.image_id,
        bytes: file.read(values.position + from, to - from),
        codec: fields.codec!,
        height: fields.height!,
        width: fields.width!,
        depth: fields.depth!,
        channels: fields.channels!,
        dtype: fields.dtype!,
      };
    }
    return undefined;
  }

  close(): void {
    for (const [s, shard] of this.shards.entries()) {
      shard?.close();
      this.shards[s] = undefined;
    }
  }

  /** One value a row, in the order of `rows`; each record batch is read once when rows ascend. */
  private collect<T>(rows: Uint32Array, name: string, value: (column: Vector, index: number) => T): T[] {
    const out = new Array<T>(rows.length);
    let at: Place | undefined;
    let held: BatchColumns | undefined;
    for (let r = 0; r < rows.length; r++) {
      const place = this.place(rows[r]!);
      if (!held || place.shard !== at?.shard || place.batch !== at.batch) {
        held = this.open(place.shard).batch(place.batch, [name]);
        at = place;
      }
      const column = held.columns.get(name);
      if (!column) {
        throw GadoliniumError.expected(
          'bad-shard',
          `a column '${name}'`,
          join(this.folder, this.manifest.shards[place.shard]!.file),
          this.open(place.shard).schema.names.join(', '),
        );
      }
      out[r] = value(column, place.index);
    }
    return out;
  }

  private eachBatch(
    shard: number,
    names: string[],
    visit: (columns: Map<string, Vector>, start: number) => void,
  ): void {
    const file = this.open(shard);
    let start = 0;
    for (let b = 0; b < file.batchCount; b++) {
      const { rows, columns } = file.batch(b, names);
      visit(columns, start);
      start += rows;
    }
  }

  private place(row: number): Place {
    let first = 0;
    for (const [shard, { rows }] of this.manifest.shards.entries()) {
      if (row < first + rows) {
        const starts = this.startsOf(shard);
        const within = row - first;
        // The last batch that starts at or before the row.
        let low = 0;
        let high = starts.length - 1;
        while (low < high) {
          const middle = (low + high + 1) >> 1;
          if (starts[middle]! <= within) low = middle;
          else high = middle - 1;
        }
        return { shard, batch: low, index: within - starts[low]! };
      }
      first += rows;
    }
    throw GadoliniumError.expected('bad-row', `a row below ${this.count}`, this.folder, row);
  }

  private startsOf(shard: number): number[] {
    const known = this.starts[shard];
    if (known) return known;
    const file = this.open(shard);
    const starts: number[] = [];
    let start = 0;
    for (let b = 0; b < file.batchCount; b++) {
      starts.push(start);
      start += file.rowsOf(b);
    }
    const entry = this.manifest.shards[shard]!;
    if (start !== entry.rows) {
      throw GadoliniumError.expected('bad-shard', `${entry.rows} rows`, join(this.folder, entry.file), start);
    }
    this.starts[shard] = starts;
    return starts;
  }

  private open(shard: number): ShardColumns {
    this.shards[shard] ??= new ShardColumns(join(this.folder, this.manifest.shards[shard]!.file));
    return this.shards[shard]!;
  }
}
