import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { RecordBatchReader } from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ENTITIES, POSITIONS } from '../../../src/config/chest-x-ray-terms.js';
import type { DatasetAdapter, SourceText } from '../../../src/data/adapter.js';
import { jsonItems, jsonMembers } from '../../../src/data/formats/json-members.js';
import { prepareFrom } from '../../../src/data/prepare.js';
import { temporaryFolder } from './source-folder.js';

const REPORTS: [string, string][] = [
  ['s50000001', 'The heart is enlarged. No pneumothorax.'],
  ['s50000002', 'Opacity in the left lower lobe.'],
  ['s50000003', ''],
];

const adapter: DatasetAdapter<Record<string, never>> = {
  name: 'made',
  title: 'made',
  version: '1',
  licence: 'CC0-1.0',
  licenceText: 'made here',
  access: 'made here',
  modalities: ['CR'],
  options: z.strictObject({}) as z.ZodType<Record<string, never>>,
  describe: () => ({}),
  async *rows() {
    for (const [id, body] of REPORTS) {
      const text = (kind: SourceText['kind'], body: string): SourceText => ({
        kind,
        lang: 'en',
        body,
        origin: 'human',
      });
      // What was asked for is no finding.
      const texts = [text('indication', 'Pneumonia?'), ...(body === '' ? [] : [text('findings', body)])];
      yield { id, split: 'train', images: [], texts, origin: { file: 'made' } };
    }
  },
};

const run = (to: string, triplets: string) =>
  prepareFrom(adapter, '', { from: to, to, tokenizer: 'train:100', triplets }).done;

function triplets(folder: string): (string[] | null)[] {
  return [...RecordBatchReader.from(readFileSync(join(folder, 'shard-00000.arrow')))].flatMap((batch) =>
    batch.toArray().map((row) => {
      const values = (row.toJSON() as { triplets: { toArray(): Int8Array } | null }).triplets?.toArray();
      if (values === undefined) return null;
      expect(values).toBeInstanceOf(Int8Array);
      expect(values).toHaveLength(51 * 75);
      return [...values.entries()].flatMap(([i, value]) =>
        value === -1 ? [] : [`${POSITIONS[Math.floor(i / 75)]} ${ENTITIES[i % 75]} ${value}`],
      );
    }),
  );
}

test('by rules: what findings say, a row without them has none and is flagged', async () => {
  const to = temporaryFolder();
  const manifest = await run(to, 'rules');
  expect(triplets(to)).toEqual([
    ['heart_size enlarge 1', 'unspecified pneumothorax 0'],
    ['lower_left_lobe opacity 1'],
    null,
  ]);
  expect(manifest.arrays['triplets']).toEqual({ shape: [51, 75], dtype: 'int8' });
  expect(manifest.flags['no_triplets']).toBe(1);
  expect(manifest.options['triplets']).toBe('rules');
});

const GRAPHS = {
  'p10/p10000001/s50000001.txt': {
    text: 'Heart is enlarged',
    data_source: null,
    entities: {
      1: { tokens: 'Heart', label: 'ANAT-DP', start_ix: 0, end_ix: 0, relations: [] },
      2: { tokens: 'enlarged', label: 'OBS-DP', start_ix: 2, end_ix: 2, relations: [['located_at', '1']] },
    },
  },
  'p10/p10000001/s50000003.txt': { text: '', entities: {} },
};

test('from a file of graphs: by study; what it does not know has none', async () => {
  const file = join(temporaryFolder(), 'graphs.json');
  for (const path of [file, `${file}.gz`]) {
    const text = JSON.stringify(GRAPHS, null, 1);
    writeFileSync(path, path.endsWith('.gz') ? gzipSync(text) : text);
    const to = temporaryFolder();
    const manifest = await run(to, path);
    expect(triplets(to)).toEqual([['heart_size enlarge 1'], null, []]);
    expect(manifest.options['triplets']).toBe('radgraph');
  }
});

test('a file of other things is refused with its place', async () => {
  const file = join(temporaryFolder(), 'graphs.json');
  writeFileSync(file, JSON.stringify({ 'p10/s1.txt': { text: 'x', entities: { 1: { tokens: 'x' } } } }));
  await expect(run(temporaryFolder(), file)).rejects.toThrow(/entities with tokens.* for .*graphs\.json, p10\/s1\.txt/);
  await expect(run(temporaryFolder(), `${file}.none`)).rejects.toMatchObject({ code: 'no-file' });
});

describe('members of a large object', () => {
  async function read(text: string | Buffer): Promise<[string, unknown][]> {
    const path = join(temporaryFolder(), 'x.json');
    writeFileSync(path, text);
    const out: [string, unknown][] = [];
    for await (const member of jsonMembers(path)) out.push(member);
    return out;
  }

  test.each([
    {},
    { a: 1 },
    { 'k"ey\\': 'te,x}t{ "quoted" \\', b: [1, [2, { c: '],' }]], d: { e: {} }, é: '…', f: null },
    Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`key ${i}`, { text: `${'x,{'.repeat(i % 500)}` }])),
  ])('are those that JSON.parse gives (%#)', async (object) => {
    for (const indent of [0, 2])
      expect(Object.fromEntries(await read(JSON.stringify(object, null, indent)))).toEqual(object);
  });

  test('a byte order mark and blanks around are no fault', async () => {
    expect(await read('\ufeff {"a": 1}\n\n')).toEqual([['a', 1]]);
  });

  test.each(['', '[1]', '{"a": 1', '{"a": }', '{"a": "x', '{"a": 1} {"b": 2}', 'no JSON', '{"a" 1}'])(
    '%j is refused',
    async (text) => {
      await expect(read(text)).rejects.toMatchObject({ code: 'bad-json' });
    },
  );
});

describe('items of a large array', () => {
  async function read(text: string): Promise<unknown[]> {
    const path = join(temporaryFolder(), 'x.json');
    writeFileSync(path, text);
    const out: unknown[] = [];
    for await (const item of jsonItems(path)) out.push(item);
    return out;
  }

  test.each([
    [[]],
    [[1, 'a,]', null, [2, [3]], { b: '}, {' }]],
    [Array.from({ length: 3000 }, (_, i) => ({ caption: `${'[x,{'.repeat(i % 500)}` }))],
  ])('are those that JSON.parse gives (%#)', async (array) => {
    for (const indent of [0, 2]) expect(await read(JSON.stringify(array, null, indent))).toEqual(array);
  });

  test.each(['{"a": 1}', '[1, 2', '[1, x]', '[1] [2]', ''])('%j is no array', async (text) => {
    await expect(read(text)).rejects.toMatchObject({ code: 'bad-json', message: expect.stringMatching(/array/u) });
  });
});
