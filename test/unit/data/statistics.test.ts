import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecordBatchReader } from 'apache-arrow';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SourceRow } from '../../../src/data/adapter.js';
import { MANIFEST_FILE, readManifest } from '../../../src/data/manifest.js';
import { prepareFrom } from '../../../src/data/prepare.js';
import { openShards } from '../../../src/data/shards/shards.js';
import { storedBatches } from '../../../src/data/shards/stored-batches.js';
import { type DatasetStatistics, datasetStatistics } from '../../../src/data/statistics.js';
import { adapterOf, caption } from './adapter-of.js';
import { pixels, temporaryFolder } from './source-folder.js';

const report = (body: string, lang = 'en') => ({ kind: 'report', lang, body, origin: 'human' }) as const;
const finding = (name: string, state: 'positive' | 'negative' | 'uncertain') =>
  ({ vocab: 'chest', name, state, source: 'reader' }) as const;

async function madeFolder(rows: readonly Partial<SourceRow>[], to = temporaryFolder()): Promise<string> {
  const description = {
    labels: [
      { vocab: 'organ', kind: 'class' as const, names: ['lung', 'heart'] },
      { vocab: 'chest', kind: 'finding' as const, names: ['Edema', 'Nodule'] },
    ],
  };
  const options = { from: to, to, size: 32, tokenizer: 'train:200', limits: { batchRows: 2, shardBytes: 4096 } };
  await prepareFrom(adapterOf(rows, description), to, options).done;
  return to;
}

describe('of six rows', () => {
  let folder: string;
  let told: DatasetStatistics;
  const image = async (id: string, width: number, height: number, view?: string) => ({
    id,
    bytes: await sharp(pixels(width, height, 1, width), { raw: { width, height, channels: 1 } })
      .png()
      .toBuffer(),
    modality: 'CR' as const,
    ...(view === undefined ? {} : { view }),
  });
  const made = async (): Promise<Partial<SourceRow>[]> => [
    {
      split: 'train',
      patient: 'a',
      images: [await image('1', 64, 80, 'PA'), await image('2', 40, 40, 'LATERAL')],
      texts: [report('Clear lungs.'), caption('One.')],
      labels: [finding('Edema', 'positive'), finding('Nodule', 'uncertain')],
      meta: { age: '063Y', sex: 'F' },
    },
    {
      split: 'train',
      patient: 'a',
      texts: [report('Clear lungs.')],
      labels: [finding('Edema', 'negative')],
      meta: { age: '63', sex: 'female' },
    },
    {
      split: 'train',
      patient: 'b',
      texts: [report('Large effusion on the left side.')],
      meta: { age: '412', sex: 'Male' },
      flags: ['odd'],
    },
    {
      split: 'valid',
      patient: 'c',
      texts: [report('Pulmones claros.', 'es')],
      labels: [{ vocab: 'organ', name: 'heart', state: 'positive', source: 'reader' }],
    },
    { split: 'test', patient: 'a', texts: [report('Clear lungs.')] },
    { split: 'test', texts: [report('Another.')], flags: ['odd'], images: [await image('3', 64, 48)] },
  ];
  beforeAll(async () => {
    folder = await madeFolder(await made(), mkdtempSync(join(tmpdir(), 'gadolinium-')));
    told = datasetStatistics(folder);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('lies in several shards and batches', () => {
    const { shards } = readManifest(folder)!;
    expect(shards.length).toBeGreaterThan(1);
    expect(Math.max(...shards.map(({ rows }) => rows))).toBeLessThanOrEqual(4);
  });

  test('rows, images, texts and patients by split', () => {
    expect(told.splits).toEqual({
      train: { rows: 3, images: 2, texts: 4, patients: 2 },
      valid: { rows: 1, images: 0, texts: 1, patients: 1 },
      test: { rows: 2, images: 1, texts: 2, patients: 1 },
    });
    expect(told.patientsInSeveralSplits).toEqual({ count: 1, named: ['a'] });
  });

  test('labels by name, state and split', () => {
    expect(told.labels['chest']).toEqual({
      kind: 'finding',
      names: {
        Edema: {
          train: { positive: 1, negative: 1, unsure: 0, missing: 1 },
          valid: { positive: 0, negative: 0, unsure: 0, missing: 1 },
          test: { positive: 0, negative: 0, unsure: 0, missing: 2 },
        },
        Nodule: {
          train: { positive: 0, negative: 0, unsure: 1, missing: 2 },
          valid: { positive: 0, negative: 0, unsure: 0, missing: 1 },
          test: { positive: 0, negative: 0, unsure: 0, missing: 2 },
        },
      },
    });
    expect(told.labels['organ']!.names['lung']!['valid']).toEqual({ positive: 0, negative: 1, unsure: 0, missing: 0 });
  });

  test('texts by kind: languages, lengths as another reader sums them, equal ones', () => {
    const { report, caption } = told.texts as Required<typeof told.texts>;
    expect(report).toMatchObject({
      count: { train: 3, valid: 1, test: 2 },
      languages: { en: { train: 3, test: 2 }, es: { valid: 1 } },
      repeats: { split: 'train', texts: 3, distinct: 2, equalPairs: 1 / 3, batches: {} },
      inSeveralSplits: 1,
    });
    expect(caption).toMatchObject({ count: { train: 1, valid: 0, test: 0 }, inSeveralSplits: 0 });
    const lengths = readManifest(folder)!.shards.flatMap(({ file }) =>
      [...RecordBatchReader.from(readFileSync(join(folder, file)))].flatMap((batch) =>
        batch
          .toArray()
          // biome-ignore lint/suspicious/noExplicitAny: rows of any columns
          .flatMap((row: any) =>
            [...row.texts].flatMap((text) =>
              text.kind === 'report' ? [[...text.sentences].flatMap((s) => [...s]).length] : [],
            ),
          ),
      ),
    );
    expect(lengths).toHaveLength(6);
    expect(report!.tokens).toMatchObject({
      count: 6,
      least: Math.min(...lengths),
      most: Math.max(...lengths),
      mean: lengths.reduce((sum, n) => sum + n, 0) / 6,
    });
    expect(report!.cut).toEqual({ '77': 0, '128': 0, '256': 0, '512': 0 });
  });

  test('images: views, sizes before and after', () => {
    expect(told.images).toMatchObject({
      count: { train: 2, valid: 0, test: 1 },
      modalities: { CR: { train: 2, test: 1 } },
      views: { PA: { train: 1 }, LATERAL: { train: 1 } },
      channels: { 1: { train: 2, test: 1 } },
      sizes: {
        sourceHeight: { count: 3, least: 40, most: 80 },
        sourceWidth: { count: 3, least: 40, most: 64 },
        height: { count: 3, least: 32, most: 40 },
        width: { count: 3, least: 32, most: 43 },
      },
      perRow: { count: 6, least: 0, most: 2, mean: 0.5 },
    });
  });

  test('age, sex, flags', () => {
    expect(told.people).toMatchObject({
      age: { count: 2, least: 63, most: 63 },
      unreadableAges: 1,
      sex: { female: { train: 2 }, male: { train: 1 } },
    });
    expect(told.flags['odd']).toEqual({ train: 1, test: 1 });
  });

  test('no picture is read: shards whose pixels are gone say the same', async () => {
    const other = await madeFolder(await made());
    const shards = openShards(other);
    for (let s = 0; s < shards.count; s++) {
      const { file, places } = shards.shard(s);
      const bytes = readFileSync(file);
      for (const { columns } of places.batches) {
        const { values, bytes: length } = columns['images']!.children['item']!.children['data']!;
        bytes.fill(0xee, values, values + length);
      }
      writeFileSync(file, bytes);
    }
    expect([...storedBatches(shards)].length).toBe(3);
    expect(datasetStatistics(other)).toEqual(told);
  });

  test('a split that dataset.json does not know is a damaged shard', async () => {
    const other = await madeFolder(await made());
    const path = join(other, MANIFEST_FILE);
    const manifest = JSON.parse(readFileSync(path, 'utf8'));
    delete manifest.splits.valid;
    writeFileSync(path, JSON.stringify(manifest));
    expect(() => datasetStatistics(other)).toThrowError(/expected a split of dataset.json .* for row 3 but got/);
  });
});

test('rows without pictures, patients and labels leave those out', async () => {
  const told = datasetStatistics(await madeFolder([{ texts: [caption('One.')] }, { texts: [caption('Two.')] }]));
  expect(told.images).toBeNull();
  expect(told.patientsInSeveralSplits.count).toBeNull();
  expect(told.people).toEqual({ age: null, unreadableAges: 0, sex: {} });
});

test('what is no prepared folder is said', () => {
  expect(() => datasetStatistics(temporaryFolder())).toThrowError(expect.objectContaining({ code: 'no-dataset' }));
});
