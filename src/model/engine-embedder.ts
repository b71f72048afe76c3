import { rmSync } from 'node:fs';
import type { PictureReading, TextReading } from '../checkpoint/metadata.js';
import { tokenizerDifference } from '../checkpoint/tokenizer-difference.js';
import type { ResolvedConfig } from '../config/schema.js';
import { openTokenizerText } from '../data/manifest.js';
import type { PictureOptions } from '../data/pictures/picture.js';
import { openShards, type ShardFolder } from '../data/shards/shards.js';
import type { TextTokenizer } from '../data/tokenizer/tokenizer.js';
import { GadoliniumError } from '../errors.js';
import type { Embedded, Embedder, EmbedSource, FeatureMatrix } from '../evaluate/embedder.js';
import type { Engine } from '../native/engine.js';
import { givenImages, givenTexts } from './given-rows.js';

/** A data folder as an engine holds it: shards are handed over when a row of theirs is first asked for. */
export class EngineData {
  readonly id: number;
  readonly folder: ShardFolder;
  readonly #engine: Engine;
  readonly #open = new Set<number>();

  constructor(engine: Engine, folder: ShardFolder) {
    this.#engine = engine;
    this.folder = folder;
    this.id = engine.now('openData') as number;
  }

  /** Makes sure that the shards of these rows are known to the engine. */
  reach(rows: Uint32Array): void {
    for (const row of rows) {
      const shard = this.folder.shardOf(row);
      if (this.#open.has(shard)) continue;
      this.#open.add(shard);
      this.#engine.now('addShard', { data: this.id, ...this.folder.shard(shard) });
    }
  }

  close(): void {
    this.#engine.now('closeData', { data: this.id });
  }
}

export interface EmbedderOptions {
  /** Samples of one forward. */
  batch: number;
  loaderThreads: number;
  /** Use the averaged weights of a run that keeps them. */
  averaged: boolean;
  tokenizer: TextTokenizer | undefined;
  /** How pictures given as files are brought to the size of the data set's, or read as official inference reads them. */
  pictures: PictureOptions | PictureReading | undefined;
  /** How texts given at hand are read, where official inference says so. */
  texts?: TextReading | undefined;
  /** The recipe's inputs: what is given at hand must pass their filters (kinds of text, projections). */
  inputs: ResolvedConfig['data'];
}

interface NativeFeatures {
  features: Record<string, { data: ArrayBuffer; shape: number[] }>;
  present: ArrayBuffer;
  rejects: { file: string; row: number; field: string; reason: string }[];
}

/** Answers evaluation with an engine's model. During training it is asked between two steps, by the same thread. */
export class EngineEmbedder implements Embedder {
  readonly #engine: Engine;
  readonly #options: EmbedderOptions;
  readonly #folders = new Map<string, EngineData>();
  readonly #sameTokenizer = new Set<string>();
  readonly #rejected: (sentence: string) => void;

  constructor(engine: Engine, options: EmbedderOptions, rejected: (sentence: string) => void = () => {}) {
    this.#engine = engine;
    this.#options = options;
    this.#rejected = rejected;
  }

  /** Uses a data folder that is open already. */
  adopt(folder: string, data: EngineData): void {
    this.#sameTokenizer.add(folder);
    this.#folders.set(folder, data);
  }

  async embed({
    data,
    rows,
    features,
  }: {
    data: EmbedSource;
    rows: Uint32Array;
    features: string[];
  }): Promise<Embedded> {
    if (data.kind === 'rows') {
      this.#requireTokenizer(data.data, features);
      return this.#embedRows(this.#folder(data.data), rows, features);
    }
    const { inputs, tokenizer, pictures, texts } = this.#options;
    const filter = inputs[data.modality]?.options ?? {};
    const made =
      data.kind === 'texts'
        ? await givenTexts(data.texts, tokenizer, filter, texts)
        : await givenImages(data.files, pictures, filter);
    const held = new EngineData(this.#engine, openShards(made));
    try {
      return await this.#embedRows(held, rows, features);
    } finally {
      held.close();
      rmSync(made, { recursive: true, force: true });
    }
  }

  async ranks({
    queries,
    candidates,
    queryGroups,
    candidateGroups,
  }: {
    queries: FeatureMatrix;
    candidates: FeatureMatrix;
    queryGroups: Int32Array;
    candidateGroups: Int32Array;
  }): Promise<Int32Array> {
    if (queries.width !== candidates.width) {
      throw GadoliniumError.expected('bad-shape', `candidates of width ${queries.width}`, 'ranks', candidates.width);
    }
    const { ranks } = await this.#engine.later<{ ranks: ArrayBuffer }>('ranks', {
      queries: queries.data,
      candidates: candidates.data,
      width: queries.width,
      queryGroups,
      candidateGroups,
    });
    return new Int32Array(ranks);
  }

  /** Token ids of a data folder mean nothing to a model with another vocabulary. */
  #requireTokenizer(folder: string, features: readonly string[]): void {
    const { inputs, tokenizer } = this.#options;
    const reads = features.some((name) => inputs[name.split('.')[0] as string]?.input === 'text');
    if (!reads || !tokenizer || this.#sameTokenizer.has(folder)) return;
    const own = openTokenizerText(folder);
    const difference = own && tokenizerDifference(tokenizer.json, own.json);
    if (difference) {
      throw GadoliniumError.expected(
        'other-tokenizer',
        `texts prepared with the tokenizer of the checkpoint, ${tokenizer.summary.name}`,
        folder,
        `those of ${own.name}: ${difference}`,
        'prepare the data set with --tokenizer CHECKPOINT.safetensors',
      );
    }
    this.#sameTokenizer.add(folder);
  }

  #folder(path: string): EngineData {
    const known = this.#folders.get(path);
    if (known) return known;
    const opened = new EngineData(this.#engine, openShards(path));
    this.#folders.set(path, opened);
    return opened;
  }

  async #embedRows(data: EngineData, rows: Uint32Array, features: string[]): Promise<Embedded> {
    data.reach(rows);
    const { batch, averaged, loaderThreads } = this.#options;
    const reply = await this.#engine.later<NativeFeatures>('embed', {
      data: data.id,
      rows,
      features,
      batch,
      averaged,
      threads: loaderThreads,
    });
    for (const { file, field, reason } of reply.rejects) this.#rejected(`${file}: ${field}: ${reason}`);
    const out: Embedded = { features: {}, present: new Uint8Array(reply.present) };
    for (const [name, { data: bytes, shape }] of Object.entries(reply.features)) {
      const count = shape[0] ?? 0;
      const width = shape.slice(1).reduce((product, extent) => product * extent, 1);
      out.features[name] = { data: new Float32Array(bytes), rows: count, width, shape: shape.slice(1) };
    }
    return out;
  }

  close(): void {
    for (const data of this.#folders.values()) data.close();
    this.#folders.clear();
  }
}
