import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RecordBatchReader, type Schema } from 'apache-arrow';
import { expect, test } from 'vitest';
import { datasetSchema, fields } from '../../../../src/data/shards/schema.js';
import { type Row, ShardWriter } from '../../../../src/data/shards/writer.js';
import { temporaryFolder } from '../source-folder.js';

const LIMITS = { shardBytes: 40_000, batchRows: 4, batchBytes: 1e8 };

function row(i: number): Row {
  return {
    dataset: 'toy',
    sample_id: `s${i}`,
    patient_id: i % 3 === 0 ? null : `p${i}`,
    split: i % 2 === 0 ? 'train' : 'test',
    images: [
      {
        image_id: 'a',
        data: new Uint8Array(4096).fill(i),
        codec: 'raw',
        modality: 'CT',
        view: null,
        depth: 1,
        height: 64,
        width: 64,
        channels: 1,
        frames: 1,
        dtype: 'uint8',
        value_range: i === 1 ? [5, 4095] : null,
        inverted: i === 2,
        recipe: 'r',
        sha256: new Uint8Array(32).fill(i),
      },
    ],
    texts: [
      {
        kind: 'caption',
        lang: 'en',
        body: `größe ${i}`,
        origin: 'human',
        image_index: [0],
        tokens: 3,
        sentences: [[1, 2], [i]],
      },
      { kind: 'findings', lang: 'de', body: '', origin: 'template', sentences: [] },
    ],
    labels: i === 0 ? null : [{ vocab: 'organ', name: `word ${i}`, value: 1, state: 'positive', source: 'expert' }],
    label_vec: [1, 0, -128],
    meta: { place: `${i}` },
    licence: 'CC0-1.0',
    flags: i === 3 ? ['duplicate_text'] : [],
    weight: 1,
    signal: i === 0 ? null : [0.5, i],
  };
}

function written(folder: string): { rows: Row[]; schema: Schema; files: string[] } {
  const writer = new ShardWriter(
    folder,
    datasetSchema(new Map([['schema_version', '1']]), { arrays: { signal: {} } }),
    LIMITS,
  );
  const files: string[] = [];
  for (let batch = 0; batch < 5; batch++) {
    writer.batch(
      [0, 1, 2, 3].map((i) => row(4 * batch + i)),
      (shard) => files.push(shard.file),
    );
  }
  files.push(writer.finish()!.file);
  let schema: Schema | undefined;
  const rows = files.flatMap((file) => {
    const reader = RecordBatchReader.from(readFileSync(join(folder, file))).open();
    schema = reader.schema;
    return [...reader].flatMap((batch) => batch.toArray().map((one) => one.toJSON()));
  });
  return { rows, schema: schema!, files };
}

test('every value comes back, over several batches and shards', () => {
  const { rows, schema, files } = written(temporaryFolder());
  expect(files.length).toBeGreaterThan(1);
  expect(schema.metadata.get('schema_version')).toBe('1');
  const plain = JSON.parse(
    JSON.stringify(rows, (_, value) =>
      ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>) : value,
    ),
  );
  expect(plain).toHaveLength(20);
  for (const [i, found] of plain.entries()) {
    const wanted = row(i);
    expect(found).toMatchObject({
      dataset: 'toy',
      sample_id: `s${i}`,
      patient_id: wanted['patient_id'],
      split: wanted['split'],
      study_id: null,
      weight: 1,
      label_vec: [1, 0, -128],
      licence: 'CC0-1.0',
      meta: { place: `${i}` },
      flags: wanted['flags'],
      signal: wanted['signal'],
    });
    expect(found.images[0].data).toEqual(Array(4096).fill(i));
    expect(found.images[0]).toMatchObject({
      codec: 'raw',
      height: 64,
      inverted: i === 2,
      view: null,
      value_range: i === 1 ? [5, 4095] : null,
      sha256: Array(32).fill(i),
    });
    expect(found.texts[0]).toMatchObject({
      body: `größe ${i}`,
      origin: 'human',
      image_index: [0],
      sentences: [[1, 2], [i]],
    });
    expect(found.texts[1]).toMatchObject({ kind: 'findings', body: '', sentences: [], tokens: null });
    expect(found.labels).toEqual(
      i === 0 ? null : [{ vocab: 'organ', name: `word ${i}`, value: 1, state: 'positive', source: 'expert' }],
    );
  }
});

test('the same rows give the same bytes, and nothing half-written is left', () => {
  const folders = [temporaryFolder(), temporaryFolder()];
  const [first, second] = folders.map((folder) =>
    written(folder).files.map((file) => readFileSync(join(folder, file))),
  );
  expect(first).toEqual(second);
  expect(readdirSync(folders[0]!).filter((name) => !/^shard-\d{5}\.arrow$/.test(name))).toEqual([]);
});

test('shards stay below their limit', () => {
  const folder = temporaryFolder();
  for (const file of written(folder).files)
    expect(readFileSync(join(folder, file)).length).toBeLessThan(LIMITS.shardBytes + 30_000);
});

test('record batch buffers start at multiples of 64 bytes in the file', () => {
  const folder = temporaryFolder();
  const { files } = written(folder);
  const bytes = readFileSync(join(folder, files[0]!));
  // The first picture's 4,096 equal bytes are found where an aligned buffer holds them.
  const at = bytes.indexOf(Buffer.alloc(4096, 1)) - 4096;
  expect(at % 64).toBe(0);
});

test('a missing required value is an error that names the column', () => {
  const writer = new ShardWriter(temporaryFolder(), datasetSchema(new Map()), LIMITS);
  const { licence: _, ...without } = row(0);
  expect(() => writer.batch([without], () => {})).toThrow(/a value for column licence/);
});

test('the columns of the schema are those that every reader knows', () => {
  expect(fields({ arrays: { signal: {} } }).map((field) => `${field.name}${field.nullable ? '?' : ''}`)).toEqual([
    'dataset',
    'sample_id',
    'patient_id?',
    'study_id?',
    'split',
    'study_time?',
    'time_order?',
    'prior_ids?',
    'images',
    'texts',
    'labels?',
    'label_vec?',
    'meta?',
    'licence',
    'source_ref?',
    'flags?',
    'weight',
    'regions?',
    'signal?',
  ]);
});
