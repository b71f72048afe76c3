/**
 * What a prepared folder holds, counted from its shards: batch by batch, one shard open at a time, and no picture read. Memory grows
 * with the number of texts by eight bytes each, for finding the equal ones.
 */
import { GadoliniumError } from '../errors.js';
import { type Manifest, requireDataset } from './manifest.js';
import { LABEL_CODES } from './shards/schema.js';
import { openShards } from './shards/shards.js';
import { type StoredBatch, storedBatches } from './shards/stored-batches.js';
import type { StoredColumn } from './shards/stored-column.js';
import { type Distribution, Spread } from './statistics/distribution.js';
import { Fingerprints } from './statistics/fingerprints.js';
import { ageOf, isAge, isSex, sexOf } from './statistics/people.js';
import { type Repeats, repeatsOf } from './statistics/repeats.js';
import { WordCounts } from './statistics/word-counts.js';

/** Counts by split. */
export type BySplit = Record<string, number>;

export interface LabelCounts {
  positive: number;
  negative: number;
  unsure: number;
  missing: number;
}

export interface TextStatistics {
  count: BySplit;
  languages: Record<string, BySplit>;
  /** Token ids a text, without special tokens; null where there is no tokenizer. */
  tokens: Distribution | null;
  /** Share of texts that a context of so many tokens, start and end among them, would cut. */
  cut: Record<string, number> | null;
  /** Of the texts of `split`. */
  repeats: Repeats & { split: string };
  /** Different texts that more than one split holds. */
  inSeveralSplits: number;
}

export interface DatasetStatistics {
  rows: number;
  /** `patients`: null where the data set names none. */
  splits: Record<string, { rows: number; images: number; texts: number; patients: number | null }>;
  /** By vocabulary, name and split. */
  labels: Record<string, { kind: 'class' | 'finding'; names: Record<string, Record<string, LabelCounts>> }>;
  /** By kind. */
  texts: Record<string, TextStatistics>;
  images: {
    count: BySplit;
    modalities: Record<string, BySplit>;
    views: Record<string, BySplit>;
    /** grey, colour by number of channels; and how the source was stored. */
    channels: Record<string, BySplit>;
    photometric: Record<string, BySplit>;
    sizes: Record<'height' | 'width' | 'sourceHeight' | 'sourceWidth', Distribution | null>;
    /** Images a row. */
    perRow: Distribution | null;
  } | null;
  /** Of rows, not of persons: one who came thrice counts thrice. */
  people: {
    /** Years. */
    age: Distribution | null;
    /** Rows whose age is no number of years from 0 to 120. */
    unreadableAges: number;
    sex: Record<string, BySplit>;
  };
  /** Rows by flag and split. */
  flags: Record<string, BySplit>;
  rejects: { rows: number; parts: number; byReason: Record<string, number> };
  /** Counted from the shards; `named`: at most 100 from dataset.json. */
  patientsInSeveralSplits: { count: number | null; named: string[] };
}

/** Contexts of text encoders: CLIP's, and those of BERT's kind. */
const CONTEXTS = [77, 128, 256, 512];
/** start and end, or [CLS] and [SEP]. */
const SPECIAL_TOKENS = 2;

const STATES = new Map<number, keyof LabelCounts>([
  [LABEL_CODES.positive, 'positive'],
  [LABEL_CODES.negative, 'negative'],
  [LABEL_CODES.uncertain, 'unsure'],
]);

/** Throws `no-dataset` for what is no prepared folder, `bad-shard` for a damaged one. */
export function datasetStatistics(folder: string): DatasetStatistics {
  const manifest = requireDataset(folder);
  const counting = new Counting(Object.keys(manifest.splits), manifest.labels);
  for (const batch of storedBatches(openShards(folder))) counting.take(batch);
  return counting.result(manifest);
}

class TextCounts {
  readonly languages = new WordCounts();
  readonly tokens = new Spread();
  readonly bodies: Map<string, Fingerprints>;
  constructor(splits: readonly string[]) {
    this.bodies = new Map(splits.map((split) => [split, new Fingerprints()]));
  }
}

class Counting {
  private readonly rows: Record<string, { rows: number; images: number; texts: number }>;
  private readonly patients: Map<string, Fingerprints>;
  private readonly labels: Map<string, LabelCounts>[];
  private readonly texts = new Map<string, TextCounts>();
  private readonly words = {
    modality: new WordCounts(),
    view: new WordCounts(),
    channels: new WordCounts(),
    photometric: new WordCounts(),
    sex: new WordCounts(),
    flags: new WordCounts(),
  };
  private readonly sizes = {
    height: new Spread(),
    width: new Spread(),
    sourceHeight: new Spread(),
    sourceWidth: new Spread(),
  };
  private readonly perRow = new Spread();
  private readonly age = new Spread();
  private unreadableAges = 0;

  constructor(
    private readonly splits: readonly string[],
    private readonly vocabularies: Manifest['labels'],
  ) {
    this.rows = Object.fromEntries(splits.map((split) => [split, { rows: 0, images: 0, texts: 0 }]));
    this.patients = new Map(splits.map((split) => [split, new Fingerprints()]));
    this.labels = vocabularies.flatMap(({ names }) =>
      names.map(() => new Map(splits.map((split) => [split, { positive: 0, negative: 0, unsure: 0, missing: 0 }]))),
    );
  }

  take(batch: StoredBatch): void {
    const columns = {
      split: batch.column('split'),
      patient: batch.column('patient_id'),
      images: batch.column('images'),
      texts: batch.column('texts'),
      labels: batch.column('label_vec'),
      meta: batch.column('meta'),
      flags: batch.column('flags'),
    };
    for (let i = 0; i < batch.rows; i++) {
      const split = columns.split.text(i);
      const counts = this.rows[split];
      if (counts === undefined)
        throw GadoliniumError.expected(
          'bad-shard',
          `a split of dataset.json (${this.splits.join(', ')})`,
          `row ${batch.first + i}`,
          split,
          'prepare the data set again',
        );
      counts.rows++;
      if (!columns.patient.isNull(i)) this.patients.get(split)!.add(columns.patient.text(i));
      counts.images += this.takeImages(columns.images, i, split);
      counts.texts += this.takeTexts(columns.texts, i, split);
      this.takeLabels(columns.labels, i, split);
      this.takeMeta(columns.meta, i, split);
      const { from, to } = columns.flags.range(i);
      for (let n = from; n < to; n++) this.words.flags.add(columns.flags.items().text(n), split);
    }
  }

  private takeImages(column: StoredColumn, row: number, split: string): number {
    const { from, to } = column.range(row);
    this.perRow.add(to - from);
    const items = column.items();
    for (let n = from; n < to; n++) {
      this.words.modality.add(items.field('modality').text(n), split);
      this.words.view.add(items.field('view').text(n) || 'not said', split);
      this.words.channels.add(String(items.field('channels').number(n)), split);
      this.words.photometric.add(items.field('photometric').text(n) || 'not said', split);
      this.sizes.height.add(items.field('height').number(n));
      this.sizes.width.add(items.field('width').number(n));
      // Folders of the first days lack them.
      if (!items.has('source_height') || items.field('source_height').isNull(n)) continue;
      this.sizes.sourceHeight.add(items.field('source_height').number(n));
      this.sizes.sourceWidth.add(items.field('source_width').number(n));
    }
    return to - from;
  }

  private takeTexts(column: StoredColumn, row: number, split: string): number {
    const { from, to } = column.range(row);
    const items = column.items();
    for (let n = from; n < to; n++) {
      const kind = items.field('kind').text(n);
      const counts = this.texts.get(kind) ?? new TextCounts(this.splits);
      this.texts.set(kind, counts);
      counts.languages.add(items.field('lang').text(n), split);
      counts.bodies.get(split)!.add(items.field('body').text(n));
      const tokens = items.field('tokens');
      if (!tokens.isNull(n)) counts.tokens.add(tokens.number(n));
    }
    return to - from;
  }

  private takeLabels(column: StoredColumn, row: number, split: string): void {
    const { from, to } = column.range(row);
    for (const [k, name] of this.labels.entries()) {
      const state = from + k < to ? STATES.get(column.items().number(from + k)) : undefined;
      name.get(split)![state ?? 'missing']++;
    }
  }

  private takeMeta(column: StoredColumn, row: number, split: string): void {
    const { from, to } = column.range(row);
    if (from === to) return;
    const [keys, values] = [column.items().field('key'), column.items().field('value')];
    for (let n = from; n < to; n++) {
      const value = values.text(n);
      if (value.trim() === '') continue;
      const key = keys.text(n);
      if (isSex(key)) this.words.sex.add(sexOf(value), split);
      if (!isAge(key)) continue;
      const age = ageOf(value);
      if (age === undefined) this.unreadableAges++;
      else this.age.add(age);
    }
  }

  result(manifest: Manifest): DatasetStatistics {
    const patients = [...this.patients.values()];
    const known = patients.some(({ count }) => count > 0);
    const images = Object.values(this.rows).some((counts) => counts.images > 0);
    return {
      rows: manifest.rows,
      splits: Object.fromEntries(
        this.splits.map((split) => [
          split,
          { ...this.rows[split]!, patients: known ? this.patients.get(split)!.distinct : null },
        ]),
      ),
      labels: Object.fromEntries(
        this.vocabularies.map(({ vocab, kind, names, offset }) => [
          vocab,
          {
            kind,
            names: Object.fromEntries(names.map((name, k) => [name, Object.fromEntries(this.labels[offset + k]!)])),
          },
        ]),
      ),
      texts: Object.fromEntries([...this.texts].map(([kind, counts]) => [kind, this.textResult(counts)])),
      images: images
        ? {
            count: Object.fromEntries(this.splits.map((split) => [split, this.rows[split]!.images])),
            modalities: this.words.modality.bySplit(),
            views: this.words.view.bySplit(),
            channels: this.words.channels.bySplit(),
            photometric: this.words.photometric.bySplit(),
            sizes: {
              height: this.sizes.height.summary(),
              width: this.sizes.width.summary(),
              sourceHeight: this.sizes.sourceHeight.summary(),
              sourceWidth: this.sizes.sourceWidth.summary(),
            },
            perRow: this.perRow.summary(),
          }
        : null,
      people: { age: this.age.summary(), unreadableAges: this.unreadableAges, sex: this.words.sex.bySplit() },
      flags: this.words.flags.bySplit(),
      rejects: { rows: manifest.rejects.rows, parts: manifest.rejects.parts, byReason: manifest.rejects.by_reason },
      patientsInSeveralSplits: {
        count: known ? Fingerprints.shared(patients) : null,
        named: manifest.patients_in_several_splits.names,
      },
    };
  }

  private textResult({ languages, tokens, bodies }: TextCounts): TextStatistics {
    // Batches are drawn from the training split; a folder of test rows alone is told of by its largest.
    const size = (split: string) => bodies.get(split)?.count ?? 0;
    const split = size('train') > 0 ? 'train' : [...this.splits].sort((a, b) => size(b) - size(a))[0]!;
    return {
      count: Object.fromEntries(this.splits.map((split) => [split, size(split)])),
      languages: languages.bySplit(),
      tokens: tokens.summary(),
      cut:
        tokens.count === 0
          ? null
          : Object.fromEntries(CONTEXTS.map((context) => [context, tokens.above(context - SPECIAL_TOKENS)])),
      repeats: { split, ...repeatsOf(bodies.get(split)!.multiplicities()) },
      inSeveralSplits: Fingerprints.shared([...bodies.values()]),
    };
  }
}
