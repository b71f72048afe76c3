import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ColumnPlace, shardPlaces } from '../../../../src/data/shards/places.js';
import { datasetSchema } from '../../../../src/data/shards/schema.js';
import { openShards } from '../../../../src/data/shards/shards.js';
import { ShardWriter } from '../../../../src/data/shards/writer.js';

const fixture = (name: string) => fileURLToPath(new URL(`../../../fixtures/shards/${name}`, import.meta.url));
const row = (i: number) => ({
  dataset: 'test',
  sample_id: `s${i}`,
  patient_id: i % 2 ? `p${i}` : null,
  study_id: null,
  split: i % 3 ? 'train' : 'test',
  images: [],
  texts: [
    {
      kind: 'caption',
      lang: 'en',
      body: `text ${i}`,
      origin: 'human',
      image_index: [],
      group: null,
      tokens: 2,
      sentences: [[i, i + 1], [7]],
    },
  ],
  labels: [],
  label_vec: Int8Array.from([i % 2, 1]),
  meta: null,
  licence: 'CC0-1.0',
  source_ref: null,
  flags: [],
  weight: 1,
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gadolinium-shards-'));
  const writer = new ShardWriter(folder, datasetSchema(new Map()), {
    shardBytes: 6000,
    batchRows: 4,
    batchBytes: 2 ** 20,
  });
  for (let at = 0; at < 20; at += 4)
    writer.batch(
      [0, 1, 2, 3].map((i) => row(at + i)),
      () => {},
    );
  writer.finish();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Reads through places what a native reader would: offsets, then values, straight from the file's bytes. */
function list(bytes: Buffer, place: ColumnPlace, index: number): [number, number] {
  return [bytes.readInt32LE(place.offsets + 4 * index), bytes.readInt32LE(place.offsets + 4 * (index + 1))];
}

describe('places of columns', () => {
  test('lead to the very bytes of nested columns', () => {
    const shards = openShards(folder);
    expect(shards.rows).toBe(20);
    for (let r = 0; r < 20; r++) {
      const { file, firstRow, places } = shards.shard(shards.shardOf(r));
      const bytes = readFileSync(file);
      let within = r - firstRow;
      let batch = 0;
      while (within >= (places.batches[batch]?.rows ?? 0)) within -= places.batches[batch++]?.rows ?? 0;
      const columns = places.batches[batch]?.columns as Record<string, ColumnPlace>;
      const texts = columns['texts'] as ColumnPlace;
      const [first, last] = list(bytes, texts, within);
      expect(last - first).toBe(1);
      const item = Object.values(texts.children)[0] as ColumnPlace;
      const body = item.children['body'] as ColumnPlace;
      const [from, to] = list(bytes, body, first);
      expect(bytes.toString('utf8', body.values + from, body.values + to)).toBe(`text ${r}`);
      const sentences = item.children['sentences'] as ColumnPlace;
      const inner = Object.values(sentences.children)[0] as ColumnPlace;
      const [s] = list(bytes, sentences, first);
      const [t] = list(bytes, inner, s);
      const ids = Object.values(inner.children)[0] as ColumnPlace;
      expect(ids.type).toBe('int32');
      expect(bytes.readInt32LE(ids.values + 4 * t)).toBe(r);
      const split = columns['split'] as ColumnPlace;
      const index =
        split.index === 'int8' ? bytes.readInt8(split.values + within) : bytes.readInt16LE(split.values + 2 * within);
      expect(places.dictionaries[split.dictionary as number]?.[index]).toBe(r % 3 ? 'train' : 'test');
    }
  });

  test('are found in files of other writers, types that nobody reads included', () => {
    const { batches, dictionaries } = shardPlaces(fixture('pyarrow.arrow'));
    const bytes = readFileSync(fixture('pyarrow.arrow'));
    expect(batches.map(({ rows }) => rows)).toEqual([3, 1]);
    const columns = batches[0]?.columns as Record<string, ColumnPlace>;
    expect(columns['when']?.type).toBe('other');
    expect(dictionaries[columns['split']?.dictionary as number]).toEqual(['train', 'test']);
    const numbers = columns['numbers'] as ColumnPlace;
    expect(numbers.validity).toBeGreaterThan(0);
    // Bits beyond the three rows may be anything.
    expect((bytes[numbers.validity] as number) & 0b111).toBe(0b101);
    const value = Object.values(numbers.children)[0] as ColumnPlace;
    expect(bytes.readFloatLE(value.values + 4)).toBe(2.5);
    const blob = columns['blob'] as ColumnPlace;
    expect(bytes.toString('latin1', blob.values, blob.values + 3)).toBe('abc');
  });

  test('compressed, cut and foreign files are refused by name', () => {
    expect(() => shardPlaces(fixture('compressed.arrow'))).toThrow(
      /compressed\.arrow but got 'compressed record batches'/,
    );
    const whole = readFileSync(fixture('pyarrow.arrow'));
    const file = join(folder, 'damaged');
    for (let cut = 0; cut < whole.length; cut += 7) {
      writeFileSync(file, whole.subarray(0, cut));
      expect(() => shardPlaces(file)).toThrow(/expected a whole, uncompressed Arrow IPC file for .*damaged/);
    }
    writeFileSync(file, 'not arrow at all, whatever its name may say');
    expect(() => shardPlaces(file)).toThrow('without the closing mark');
    expect(() => shardPlaces(join(folder, 'absent'))).toThrow('no such file');
    rmSync(file);
  });

  test('a row beyond the end and an empty folder are named', () => {
    expect(() => openShards(folder).shardOf(20)).toThrow('expected a row below 20');
    expect(() => openShards(tmpdir()).rows).toThrow('no dataset.json and no shards');
  });
});
