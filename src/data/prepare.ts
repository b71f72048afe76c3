/**
 * A raw release into a data folder: source rows of an adapter → checks, pictures, token ids → shards, dataset.json and the
 * list of rejects. Works on several rows at a time and writes them in order; killed at any moment it goes on behind the last
 * finished shard, and ends with the same bytes.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { GadoliniumError } from '../errors.js';
import type { AdapterContext, DatasetAdapter } from './adapter.js';
import { findAdapter, findSynthetic } from './adapters.js';
import { type Manifest, TOKENIZER_FILE, writeFileWhole } from './manifest.js';
import { PICTURE_DEFAULTS, type PictureOptions } from './pictures/picture.js';
import { Preparation } from './prepare/preparation.js';
import { lockTarget, openTarget } from './prepare/prepare-state.js';
import { survey } from './prepare/survey.js';
import { type PrepareNews, PrepareRun } from './prepare-events.js';
import { SCHEMA_VERSION } from './shards/schema.js';
import { SHARD_LIMITS, type ShardLimits } from './shards/writer.js';
import { TextTokenizer } from './tokenizer/tokenizer.js';
import { tokenizerJsonOf, trainedSize, VocabularyTraining } from './tokenizer/tokenizer-formats.js';
import { withTriplets } from './triplets.js';

export interface PrepareOptions {
  /** Name of a data set: a folder of datasets/. */
  dataset: string;
  /** The release; may be left out where a sample is shipped. */
  from?: string | undefined;
  to: string;
  size?: number | undefined;
  fit?: PictureOptions['fit'] | undefined;
  store?: PictureOptions['store'] | undefined;
  quality?: number | undefined;
  maxPixels?: number | undefined;
  dicomView?: PictureOptions['dicomView'] | undefined;
  /** A tokenizer.json, vocab.txt or merges file, or train:N. */
  tokenizer?: string | undefined;
  /** For a vocab.txt: lower case and accents stripped. */
  lowercase?: boolean | undefined;
  /** Only the first so many source rows. */
  limit?: number | undefined;
  resume?: boolean | undefined;
  onError?: 'skip' | 'stop' | undefined;
  /** The share of source rows that may be rejected, 0–1. */
  maxRejects?: number | undefined;
  /** Rows worked on at a time. */
  workers?: number | undefined;
  limits?: Partial<ShardLimits> | undefined;
  /** The adapter's own options. */
  adapter?: Record<string, unknown> | undefined;
  /** Adds the column `triplets`: `rules` reads the texts, a path names RadGraph's file of graphs (src/data/triplets.ts). */
  triplets?: string | undefined;
  /** Writes a small made-up release into `from`, a new or empty folder, and prepares that. */
  synthetic?: boolean | undefined;
}

/** Starts at once. `for await (const event of run)` for the events; `await run.done` for the manifest. */
export function prepare(options: PrepareOptions): PrepareRun {
  return new PrepareRun(async ({ emit, stopped }) => {
    const { adapter, home } = await findAdapter(options.dataset);
    const given = options.synthetic ? await withSynthetic(options) : options;
    return prepareWith(adapter, home, given, emit, stopped);
  });
}

async function withSynthetic(options: PrepareOptions): Promise<PrepareOptions> {
  const { dataset, from } = options;
  const release = await findSynthetic(dataset);
  if (release === undefined)
    throw GadoliniumError.expected('no-synthetic', 'a data set with a made-up release', '--synthetic', dataset);
  if (from === undefined || (existsSync(from) && readdirSync(from).length > 0))
    throw GadoliniumError.expected('no-source', 'a new or empty folder to write into', '--from with --synthetic', from);
  mkdirSync(from, { recursive: true });
  const truth = await release.write(from);
  // Made-up releases are small and full of odd cases: most of what can be rejected is.
  return { ...options, maxRejects: 1, adapter: { ...truth.options, ...options.adapter } };
}

/** The same with an adapter at hand instead of one found by name. `home`: its folder, for shipped samples. */
export function prepareFrom(
  adapter: DatasetAdapter,
  home: string,
  options: Omit<PrepareOptions, 'dataset'>,
): PrepareRun {
  return new PrepareRun(({ emit, stopped }) =>
    prepareWith(adapter, home, { ...options, dataset: adapter.name }, emit, stopped),
  );
}

async function prepareWith(
  source: DatasetAdapter,
  home: string,
  options: PrepareOptions,
  emit: (news: PrepareNews) => void,
  stopped: () => void,
): Promise<Manifest> {
  const begun = performance.now();
  const adapter = options.triplets === undefined ? source : withTriplets(source, options.triplets);
  const context = contextOf(adapter, home, options);
  const picture = pictureOptions(adapter, options);
  const limits = { ...SHARD_LIMITS, ...options.limits };
  const tokenizerSpec = options.tokenizer ?? adapter.defaults?.tokenizer ?? 'train:8000';
  const description = await adapter.describe(context);

  const size = trainedSize(tokenizerSpec);
  const words = size === undefined ? undefined : new VocabularyTraining();
  const seen = await survey(adapter, context, description, { limit: options.limit, words, stopped });
  const tokenizerJson = words?.json(size!) ?? tokenizerJsonOf(tokenizerSpec, { lowercase: options.lowercase ?? true });
  const tokenizer = await TextTokenizer.from(tokenizerJson, nameOf(tokenizerSpec));

  const decisive = {
    schema_version: SCHEMA_VERSION,
    dataset: adapter.name,
    dataset_version: adapter.version,
    adapter: context.options,
    picture: { ...picture },
    tokenizer: tokenizer.summary.sha256,
    limit: options.limit ?? null,
    limits,
    ...(options.triplets === undefined ? {} : { triplets: options.triplets === 'rules' ? 'rules' : 'radgraph' }),
  };
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([decisive, description, seen.sha256]))
    .digest('hex');

  const to = resolve(options.to);
  mkdirSync(to, { recursive: true });
  const unlock = lockTarget(to);
  try {
    const target = openTarget(to, fingerprint, options.resume ?? false);
    if ('finished' in target) {
      emit({ type: 'prepare-finished', manifest: target.finished, already: true, seconds: seconds(begun) });
      return target.finished;
    }
    const workers = options.workers ?? availableParallelism();
    emit({
      type: 'prepare-started',
      dataset: adapter.name,
      from: context.from,
      to,
      rows: seen.rows,
      resumed: target.state.consumed,
      workers,
    });
    writeFileWhole(join(to, TOKENIZER_FILE), tokenizerJson);
    // Parallel over pictures; libvips' own threads would only add waiting.
    sharp.concurrency(1);
    const preparation = new Preparation({
      adapter,
      context,
      description,
      picture,
      limits,
      tokenizer,
      to,
      workers,
      emit,
      stopped,
      total: seen.rows,
      source: seen.sha256,
      fingerprint,
      decisive,
      limit: options.limit,
      onError: options.onError ?? 'skip',
      maxRejects: options.maxRejects ?? 0.01,
    });
    const manifest = await preparation.run(target.state, target.rejects);
    emit({ type: 'prepare-finished', manifest, already: false, seconds: seconds(begun) });
    return manifest;
  } finally {
    unlock();
  }
}

const seconds = (since: number) => (performance.now() - since) / 1000;

/** A path without its folders: the folder a file lies in says nothing about it. */
const nameOf = (spec: string) => spec.split(/[\\/]/u).at(-1)!;

function contextOf(adapter: DatasetAdapter, home: string, options: PrepareOptions): AdapterContext<unknown> {
  const from = options.from ?? (adapter.sample === undefined ? undefined : join(home, adapter.sample));
  if (from === undefined) {
    throw GadoliniumError.expected(
      'no-source',
      'a folder or file',
      `--from of ${adapter.name}`,
      undefined,
      adapter.access,
    );
  }
  const parsed = adapter.options.safeParse(options.adapter ?? {});
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new GadoliniumError(
      'bad-option',
      `expected the options of ${adapter.name} but got '${path.join('.')}': ${message}`,
    );
  }
  return { options: parsed.data, from: resolve(from), home };
}

/** The picture options with their defaults; all numbers are looked at here. */
function pictureOptions(adapter: DatasetAdapter, options: PrepareOptions): PictureOptions {
  const given = {
    size: options.size ?? adapter.defaults?.size,
    fit: options.fit,
    store: options.store,
    quality: options.quality,
    maxPixels: options.maxPixels,
    dicomView: options.dicomView,
  };
  const picture = {
    ...PICTURE_DEFAULTS,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
  const whole = (value: number, low: number, high: number, what: string) => {
    if (!Number.isInteger(value) || value < low || value > high) {
      throw GadoliniumError.expected('bad-option', `a whole number from ${low} to ${high}`, what, value);
    }
  };
  whole(picture.size, 8, 8192, '--size');
  whole(picture.quality, 1, 100, '--quality');
  whole(picture.maxPixels, 1, 2 ** 40, '--max-pixels');
  if (options.limit !== undefined) whole(options.limit, 1, Number.MAX_SAFE_INTEGER, '--limit');
  if (options.workers !== undefined) whole(options.workers, 1, 1024, '--workers');
  const share = options.maxRejects ?? 0;
  if (!(share >= 0 && share <= 1))
    throw GadoliniumError.expected('bad-option', 'a share from 0 to 1', '--max-rejects', share);
  return picture;
}
