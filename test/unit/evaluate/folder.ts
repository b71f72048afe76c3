import { type Manifest, writeManifest } from '../../../src/data/manifest.js';
import { datasetSchema, LABEL_CODES } from '../../../src/data/shards/schema.js';
import { type Row, type ShardEntry, ShardWriter } from '../../../src/data/shards/writer.js';

const SPLITS = ['train', 'test', 'test', 'valid', 'train', 'test', 'test'];

/** Seven rows in batches of two and shards of four; row 2 has no image bytes, row 5 no labels and no patient. */
function rowOf(i: number): Row {
  const bytes = i === 2 ? null : Uint8Array.from({ length: 5 + i }, (_, n) => 10 * i + n);
  return {
    dataset: 'made-up',
    sample_id: `s${i}`,
    patient_id: i === 5 ? null : `p${i >> 1}`,
    study_id: null,
    split: SPLITS[i],
    images: [
      {
        image_id: `i${i}`,
        data: bytes,
        codec: 'raw',
        modality: 'CR',
        depth: 1,
        height: 1,
        width: 5 + i,
        channels: 1,
        frames: 1,
        dtype: 'uint8',
      },
    ],
    texts: [`text ${i}`, `more of ${i}`].slice(0, 1 + (i % 2)).map((body) => ({
      kind: 'report',
      lang: 'en',
      body,
      origin: 'human',
      sentences: [[i, i + 1]],
    })),
    labels: null,
    label_vec: i === 5 ? null : [LABEL_CODES.missing, i % 2, 1 - (i % 2), LABEL_CODES.uncertain],
    licence: 'CC0',
    weight: 1,
  };
}

/** Writes the seven rows as a prepared data folder. */
export function prepareFolder(folder: string): Manifest {
  const shards: ShardEntry[] = [];
  const limits = { shardBytes: 2 ** 30, batchRows: 2, batchBytes: 2 ** 20 };
  const writer = new ShardWriter(folder, datasetSchema(new Map()), limits);
  const rows = SPLITS.map((_, i) => rowOf(i));
  writer.batch(rows.slice(0, 2), () => {});
  writer.batch(rows.slice(2, 4), () => {});
  shards.push(writer.finish()!);
  writer.batch(rows.slice(4, 6), () => {});
  writer.batch(rows.slice(6), () => {});
  shards.push(writer.finish()!);
  const count = (from: number, to: number) => {
    const counts: Record<string, number> = {};
    for (const split of SPLITS.slice(from, to)) counts[split] = (counts[split] ?? 0) + 1;
    return counts;
  };
  const none = '0'.repeat(64);
  const manifest: Manifest = {
    format: 'gadolinium-dataset',
    schema_version: 1,
    name: 'made-up',
    title: 'Made up',
    licence: 'CC0',
    dataset_version: '1',
    created_by: 'a test',
    options: {},
    fingerprint: none,
    source: none,
    rows: 7,
    splits: {
      train: { rows: 2, patients: 2 },
      test: { rows: 4, patients: 3 },
      valid: { rows: 1, patients: 1 },
    },
    split_rule: 'given',
    patients_in_several_splits: { count: 0, names: [] },
    row_ids_sha256: none,
    shards: [
      { ...shards[0]!, splits: count(0, 4) },
      { ...shards[1]!, splits: count(4, 7) },
    ],
    images: null,
    texts: { count: 10, duplicates: 0, longest_tokens: 2 },
    tokenizer: null,
    labels: [
      { vocab: 'other', kind: 'finding', names: ['x'], offset: 0 },
      { vocab: 'side', kind: 'class', names: ['left', 'right', 'both'], offset: 1 },
    ],
    arrays: {},
    prompts: [
      { name: 'sides', vocab: 'side', kind: 'softmax', classes: [{ label: 'left', texts: ['left'] }] },
      {
        name: 'both-sides',
        vocab: 'side',
        kind: 'softmax',
        classes: [
          { label: 'left', texts: ['left'] },
          { label: 'right', texts: ['right'] },
        ],
      },
    ],
    flags: {},
    rejects: { rows: 0, parts: 0, by_reason: {}, file: 'rejects.jsonl' },
    metadata: {},
  };
  writeManifest(folder, manifest);
  return manifest;
}
