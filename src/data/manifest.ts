/**
 * dataset.json: what a prepared folder holds. Written last, so that a folder with it is complete. Everything that training
 * and evaluation must know before they open a shard stands here.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { GadoliniumError } from '../errors.js';
import { SCHEMA_VERSION } from './shards/schema.js';
import { syncFolder } from './shards/writer.js';

export const MANIFEST_FILE = 'dataset.json';
export const REJECTS_FILE = 'rejects.jsonl';
export const TOKENIZER_FILE = 'tokenizer.json';

const count = z.int().nonnegative();
const SHA256 = /^[0-9a-f]{64}$/;
const sha256 = z.string().regex(SHA256);

const shardEntry = z.strictObject({
  file: z.string(),
  rows: count,
  bytes: count,
  batches: count,
  sha256,
  /** Rows of this file by split. */
  splits: z.record(z.string(), count),
});

export type ShardSummary = z.infer<typeof shardEntry>;

const SHARD_KEYS = Object.keys(shardEntry.shape).length;
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

/** What `shardEntry` says, at a tenth of its price: a folder of twenty thousand shards is to open as fast as one of one. */
function isShard(value: unknown): value is ShardSummary {
  if (typeof value !== 'object' || value === null) return false;
  const shard = value as ShardSummary;
  return (
    Object.keys(shard).length === SHARD_KEYS &&
    typeof shard.file === 'string' &&
    isCount(shard.rows) &&
    isCount(shard.bytes) &&
    isCount(shard.batches) &&
    typeof shard.sha256 === 'string' &&
    SHA256.test(shard.sha256) &&
    typeof shard.splits === 'object' &&
    shard.splits !== null &&
    Object.values(shard.splits).every(isCount)
  );
}

/** Only an entry that is not one goes through `shardEntry`, which finds the words. */
const shardEntries = z
  .custom<ShardSummary[]>(Array.isArray, 'expected a list of shards')
  .superRefine((list, context) => {
    const wrong = list.findIndex((entry) => !isShard(entry));
    if (wrong < 0) return;
    for (const { path, message } of shardEntry.safeParse(list[wrong]).error?.issues ?? [])
      context.addIssue({ code: 'custom', path: [wrong, ...path], message });
  });

const specialIds = z.strictObject({
  /** Put before and after a text: [CLS] and [SEP] of BERT, start and end of text of CLIP. */
  start: count.nullable(),
  end: count.nullable(),
  pad: count,
  unknown: count.nullable(),
  mask: count.nullable(),
});

export const tokenizerSummary = z.strictObject({
  file: z.string(),
  /** What it was made from: 'train:2000', 'vocab.txt', … */
  name: z.string(),
  model: z.string(),
  vocabulary: count,
  sha256,
  special: specialIds,
  /** Put in front of every sentence but the first, so that joined ids are the ids of the joined text: '' or ' '. */
  joiner: z.string(),
});
export type TokenizerSummary = z.infer<typeof tokenizerSummary>;

const imageSummary = z.strictObject({
  size: count,
  fit: z.enum(['shorter', 'longest']),
  store: z.enum(['raw', 'jpeg']),
  quality: count.nullable(),
  /** Pictures by number of channels. */
  channels: z.record(z.string(), count),
  recipe: z.string(),
});

const vocabularySummary = z.strictObject({
  vocab: z.string(),
  kind: z.enum(['class', 'finding']),
  names: z.array(z.string()),
  /** Where its names start in label_vec. */
  offset: count,
});

const promptSet = z.strictObject({
  name: z.string(),
  vocab: z.string(),
  kind: z.enum(['softmax', 'pairs']),
  classes: z.array(
    z.strictObject({ label: z.string(), texts: z.array(z.string()).min(1), negative: z.array(z.string()).optional() }),
  ),
});

export const manifestSchema = z.strictObject({
  format: z.literal('gadolinium-dataset'),
  schema_version: z.int(),
  name: z.string(),
  title: z.string(),
  licence: z.string(),
  dataset_version: z.string(),
  created_by: z.string(),
  /** The options that decide what the shards hold, and their hash. */
  options: z.record(z.string(), z.unknown()),
  fingerprint: sha256,
  /** Hash of all source rows: the release that was read. */
  source: sha256,
  rows: count,
  splits: z.record(z.string(), z.strictObject({ rows: count, patients: count })),
  split_rule: z.string(),
  /** Patients (or groups) with rows in more than one split; at most 100 named. */
  patients_in_several_splits: z.strictObject({ count, names: z.array(z.string()) }),
  /** SHA-256 over the sample ids, each followed by a line break, in order. */
  row_ids_sha256: sha256,
  shards: shardEntries,
  images: imageSummary.nullable(),
  texts: z.strictObject({ count, duplicates: count, longest_tokens: count }),
  tokenizer: tokenizerSummary.nullable(),
  labels: z.array(vocabularySummary),
  arrays: z.record(
    z.string(),
    z.strictObject({
      shape: z.array(count),
      names: z.array(z.string()).optional(),
      missing: z.boolean().optional(),
      dtype: z.enum(['float32', 'int8']).optional(),
    }),
  ),
  prompts: z.array(promptSet),
  flags: z.record(z.string(), count),
  rejects: z.strictObject({
    /** Rows left out, and single images or texts left out of kept rows. */
    rows: count,
    parts: count,
    by_reason: z.record(z.string(), count),
    file: z.string(),
  }),
  /** Key → value as in every shard's schema metadata. */
  metadata: z.record(z.string(), z.string()),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** Whether a folder holds a finished data set. */
export function readManifest(folder: string): Manifest | undefined {
  const path = join(folder, MANIFEST_FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR')
      return undefined;
    throw error;
  }
  return parseManifest(text, path);
}

/** What the text of a dataset.json says; `path` is for sentences. Throws `bad-manifest`, `schema-version`. */
export function parseManifest(text: string, path: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new GadoliniumError('bad-manifest', `expected JSON for ${path} but got ${(error as Error).message}`, {
      advice: 'prepare the data set again into an empty folder',
    });
  }
  const version = (value as { schema_version?: unknown } | null)?.schema_version;
  if (version !== SCHEMA_VERSION) {
    throw GadoliniumError.expected(
      'schema-version',
      `schema version ${SCHEMA_VERSION}`,
      path,
      version,
      'prepare the data set again with this version of gadolinium',
    );
  }
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) {
    const { path: where, message } = parsed.error.issues[0]!;
    throw new GadoliniumError(
      'bad-manifest',
      `expected a data set's description for ${path} but got '${where.join('.')}': ${message}`,
      {
        advice: 'prepare the data set again into an empty folder',
      },
    );
  }
  return parsed.data;
}

/**
 * The data set that a folder holds, or an error that says what to do. `size`: the image size that a recipe asks for; a folder
 * prepared at another size would train, but on other pictures than the recipe says.
 */
export function requireDataset(folder: string, asks: { size?: number } = {}): Manifest {
  const manifest = readManifest(folder);
  if (manifest === undefined) {
    throw GadoliniumError.expected(
      'no-dataset',
      `a prepared data set (a folder with ${MANIFEST_FILE})`,
      '--data',
      folder,
      'make one with: gadolinium prepare DATASET --from RELEASE --to FOLDER (an unfinished one goes on with --resume)',
    );
  }
  if (asks.size !== undefined && manifest.images !== null && manifest.images.size !== asks.size) {
    throw GadoliniumError.expected(
      'data-size',
      `images of size ${asks.size}`,
      `the data folder ${folder}`,
      manifest.images.size,
      `prepare it again with --size ${asks.size}, or train with the size that it has`,
    );
  }
  return manifest;
}

/** tokenizer.json of a prepared folder and what it was made from; nothing where the folder has none. */
export function openTokenizerText(folder: string): { json: string; name: string } | undefined {
  const tokenizer = readManifest(folder)?.tokenizer;
  return tokenizer ? { json: readFileSync(join(folder, tokenizer.file), 'utf8'), name: tokenizer.name } : undefined;
}

export function writeManifest(folder: string, manifest: Manifest): void {
  writeFileWhole(join(folder, MANIFEST_FILE), `${JSON.stringify(manifestSchema.parse(manifest), null, 2)}\n`);
}

/** Beside, to disk, renamed: a reader sees the old file or the new one. */
export function writeFileWhole(path: string, text: string): void {
  const beside = `${path}.tmp`;
  const file = openSync(beside, 'w');
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(beside, path);
  syncFolder(dirname(path));
}
