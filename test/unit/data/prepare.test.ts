import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RecordBatchReader } from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { DatasetAdapter, SourceRow } from '../../../src/data/adapter.js';
import { readManifest } from '../../../src/data/manifest.js';
import { prepare, prepareFrom } from '../../../src/data/prepare.js';
import type { PrepareEvent, RejectLine } from '../../../src/data/prepare-events.js';
import { prepared, sourceFolder, temporaryFolder } from './source-folder.js';

// biome-ignore lint/suspicious/noExplicitAny: rows of any columns
type AnyRow = Record<string, any>;

function rowsOf(folder: string): AnyRow[] {
  return readManifest(folder)!.shards.flatMap(({ file }) =>
    [...RecordBatchReader.from(readFileSync(join(folder, file)))].flatMap((batch) =>
      JSON.parse(
        JSON.stringify(batch.toArray(), (_, value) =>
          ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>) : value,
        ),
      ),
    ),
  );
}

const rejectsOf = (folder: string): RejectLine[] =>
  readFileSync(join(folder, 'rejects.jsonl'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

test('a table becomes rows with pictures, sentences and token ids', async () => {
  const { table } = await sourceFolder(12);
  const to = temporaryFolder();
  const manifest = await prepared(table, to);
  const rows = rowsOf(to);
  expect(manifest).toMatchObject({
    rows: 12,
    rejects: { rows: 0, parts: 0 },
    images: { size: 32, store: 'raw', channels: { 3: 12 } },
    texts: { count: 12, duplicates: 0 },
    patients_in_several_splits: { count: 0 },
  });
  expect(rows).toHaveLength(12);
  expect(rows[3]).toMatchObject({
    dataset: 'table',
    sample_id: 'row-0000004',
    patient_id: 'p3',
    images: [{ image_id: 'image-0003', codec: 'raw', height: 32, width: 48, channels: 3, dtype: 'uint8' }],
    texts: [{ kind: 'caption', body: 'The lungs are clear. Nodule of 3 mm, seen by Dr. Gray.', origin: 'human' }],
  });
  const [text] = rows[3]!['texts'];
  expect(text.sentences).toHaveLength(2);
  expect(text.tokens).toBe(text.sentences.flat().length);
  expect(Math.max(...text.sentences.flat())).toBeLessThan(manifest.tokenizer!.vocabulary);
  // One patient, one split; splits are those of the counts.
  const splitOf = new Map<string, string>();
  for (const row of rows) {
    expect(splitOf.get(row['patient_id']) ?? row['split']).toBe(row['split']);
    splitOf.set(row['patient_id'], row['split']);
  }
  expect(Object.values(manifest.splits).reduce((sum, split) => sum + split.rows, 0)).toBe(12);
  expect(readdirSync(to).sort()).toEqual(['dataset.json', 'rejects.jsonl', 'shard-00000.arrow', 'tokenizer.json']);
});

describe('bad input', () => {
  test('each bad row is listed with file, row, field and reason, and the good ones are kept', async () => {
    const { folder, table } = await sourceFolder(6);
    const good = readFileSync(join(folder, 'image-0000.png'));
    writeFileSync(join(folder, 'cut.png'), good.subarray(0, good.length / 2));
    writeFileSync(join(folder, 'text.png'), 'no picture');
    writeFileSync(join(folder, 'empty.png'), '');
    appendFileSync(
      table,
      'cut.png,fine text,p1\ntext.png,fine text,p1\nempty.png,fine text,p1\nnowhere.png,fine text,p1\n',
    );
    appendFileSync(table, 'image-0000.png,,p1\nimage-0001.png,"  \t\n ",p1\n,no path,p1\nonly-one-field\n');
    const to = temporaryFolder();
    const manifest = await prepared(table, to, { maxRejects: 1 });
    expect(rejectsOf(to).map(({ file, row, field, code }) => [file, row, field, code])).toEqual([
      ['table.csv', 7, 'path', 'truncated_image'],
      ['table.csv', 8, 'path', 'not_an_image'],
      ['table.csv', 9, 'path', 'not_an_image'],
      ['table.csv', 10, 'path', 'missing_image'],
      ['table.csv', 11, 'report', 'empty_text'],
      ['table.csv', 12, 'report', 'empty_text'],
      ['table.csv', 13, 'path', 'missing_image'],
      ['table.csv', 14, 'row', 'bad_row'],
    ]);
    expect(manifest.rejects).toMatchObject({
      rows: 8,
      by_reason: { bad_row: 1, empty_text: 2, missing_image: 2, not_an_image: 2, truncated_image: 1 },
    });
    expect(manifest.rows).toBe(6);
  });

  test('more than 1 % of rejects ends with the count and the way on', async () => {
    const { table } = await sourceFolder(3);
    appendFileSync(table, 'nowhere.png,text,p1\n');
    const to = temporaryFolder();
    await expect(prepared(table, to)).rejects.toMatchObject({
      code: 'too-many-rejects',
      message: expect.stringContaining('1 of 4 (25.0 %)'),
      advice: expect.stringContaining('--max-rejects'),
    });
    expect(existsSync(join(to, 'dataset.json'))).toBe(false);
    expect((await prepared(table, to, { resume: true, maxRejects: 0.3 })).rows).toBe(3);
  });

  test('--on-error stop names the first bad row', async () => {
    const { table } = await sourceFolder(3);
    appendFileSync(table, 'nowhere.png,text,p1\n');
    await expect(prepared(table, temporaryFolder(), { onError: 'stop' })).rejects.toMatchObject({
      code: 'rejected',
      message: expect.stringMatching(/table\.csv row 4 .*missing_image/),
    });
  });

  test('a row keeps its other pictures and texts, and is flagged', async () => {
    const { folder } = await sourceFolder(2);
    const table = join(folder, 'two.csv');
    writeFileSync(
      table,
      'a,b,x,y\nimage-0000.png,nowhere.png,first text,\nimage-0000.png,image-0001.png,first,second\n',
    );
    const to = temporaryFolder();
    const manifest = await prepared(
      table,
      to,
      { maxRejects: 1 },
      { image: ['a', 'b'], text: ['x', 'y'], group: undefined },
    );
    expect(manifest.rejects).toMatchObject({ rows: 0, parts: 2, by_reason: { missing_image: 1, empty_text: 1 } });
    const [one, two] = rowsOf(to);
    expect(one!['flags']).toEqual(['missing_image', 'empty_text']);
    expect([one!['images'].length, one!['texts'].length, two!['images'].length, two!['texts'].length]).toEqual([
      1, 1, 2, 2,
    ]);
    expect(rejectsOf(to).map((reject) => reject.dropped)).toEqual(['image', 'text']);
  });

  test('repeated rows and repeated texts are kept and flagged', async () => {
    const { table } = await sourceFolder(4);
    appendFileSync(table, 'image-0000.png,"The lungs are clear. Nodule of 0 mm, seen by Dr. Gray.",p0\n');
    appendFileSync(table, 'image-0002.png,"The lungs are clear. Nodule of 1 mm, seen by Dr. Gray.",p2\n');
    const to = temporaryFolder();
    const manifest = await prepared(table, to);
    expect(manifest).toMatchObject({
      rows: 6,
      texts: { duplicates: 2 },
      flags: { duplicate_row: 1, duplicate_text: 2 },
    });
    expect(
      rowsOf(to)
        .slice(4)
        .map((row) => row['flags']),
    ).toEqual([['duplicate_text', 'duplicate_row'], ['duplicate_text']]);
  });

  test('rows of one id: the second is rejected', async () => {
    const { folder } = await sourceFolder(2);
    const table = join(folder, 'ids.csv');
    writeFileSync(table, 'path,report,name\nimage-0000.png,one,a\nimage-0001.png,two,a\n');
    const to = temporaryFolder();
    await prepared(table, to, { maxRejects: 1 }, { id: 'name', group: undefined });
    expect(rejectsOf(to)).toMatchObject([{ code: 'duplicate_id', row: 2, sample: 'a' }]);
  });

  test('split words: the usual ones are understood, another is an error that names row and word', async () => {
    const { folder } = await sourceFolder(3);
    const table = join(folder, 'split.csv');
    const header = 'path,report,part\nimage-0000.png,one,Training\nimage-0001.png,two,dev\n';
    writeFileSync(table, `${header}image-0002.png,three,validate\n`);
    const manifest = await prepared(table, temporaryFolder(), {}, { split: 'part', group: undefined });
    expect(manifest.splits).toMatchObject({ train: { rows: 1 }, valid: { rows: 2 } });
    writeFileSync(table, `${header}image-0002.png,three,foo\n`);
    await expect(prepared(table, temporaryFolder(), {}, { split: 'part', group: undefined })).rejects.toMatchObject({
      code: 'unknown-split',
      message: expect.stringMatching(/split\.csv row 3 but got 'foo'/),
    });
  });

  test('patients in several splits are counted and said', async () => {
    const { folder } = await sourceFolder(2);
    const table = join(folder, 'leak.csv');
    writeFileSync(table, 'path,report,patient,part\nimage-0000.png,one,p1,train\nimage-0001.png,two,p1,test\n');
    const run = prepare({
      dataset: 'table',
      from: table,
      to: temporaryFolder(),
      size: 32,
      tokenizer: 'train:200',
      adapter: { image: ['path'], text: ['report'], group: 'patient', split: 'part' },
    });
    const events: PrepareEvent[] = [];
    for await (const event of run) events.push(event);
    expect((await run.done).patients_in_several_splits).toEqual({ count: 1, names: ['p1'] });
    expect(events.find((event) => event.type === 'warning')).toMatchObject({ code: 'patient-leak' });
  });

  test('a text of 100,000 characters is one text among others', async () => {
    const { folder } = await sourceFolder(1);
    const table = join(folder, 'long.jsonl');
    const long = 'The lungs are clear. '.repeat(5000);
    writeFileSync(table, `${JSON.stringify({ path: 'image-0000.png', report: long })}\n`);
    const to = temporaryFolder();
    const manifest = await prepared(table, to, {}, { group: undefined });
    expect(manifest.texts.longest_tokens).toBeGreaterThan(20_000);
    expect(rowsOf(to)[0]!['texts'][0].sentences).toHaveLength(5000);
  });

  test('options that make no sense are named', async () => {
    const { table } = await sourceFolder(1);
    await expect(prepared(table, temporaryFolder(), { size: 0 })).rejects.toThrow(/from 8 to 8192 for --size/);
    await expect(prepared(table, temporaryFolder(), {}, { text: ['raport'] })).rejects.toThrow(
      /one of the columns path, report, patient .*'raport'/,
    );
    await expect(prepared(table, temporaryFolder(), {}, { nonsense: 1 })).rejects.toMatchObject({ code: 'bad-option' });
    await expect(prepared(join(table, '..', 'nowhere.csv'), temporaryFolder())).rejects.toMatchObject({
      code: 'no-table',
    });
    await expect(prepare({ dataset: 'mimic', to: temporaryFolder() }).done).rejects.toMatchObject({
      code: 'unknown-dataset',
    });
  });
});

describe('the target folder', () => {
  test('prepared twice nothing is done, with other options nothing is overwritten', async () => {
    const { table } = await sourceFolder(3);
    const to = temporaryFolder();
    await prepared(table, to);
    const before = readFileSync(join(to, 'shard-00000.arrow'));
    const run = prepare({
      dataset: 'table',
      from: table,
      to,
      size: 32,
      tokenizer: 'train:200',
      adapter: { image: ['path'], text: ['report'], group: 'patient' },
    });
    const types: string[] = [];
    for await (const event of run)
      types.push(event.type === 'prepare-finished' ? `already ${event.already}` : event.type);
    expect(types).toEqual(['already true']);
    await expect(prepared(table, to, { size: 40 })).rejects.toMatchObject({ code: 'other-dataset' });
    appendFileSync(table, 'image-0000.png,another,p1\n');
    await expect(prepared(table, to)).rejects.toMatchObject({ code: 'other-dataset' });
    expect(readFileSync(join(to, 'shard-00000.arrow')).equals(before)).toBe(true);
  });

  test('a folder with files of the user is not touched', async () => {
    const { table } = await sourceFolder(1);
    const to = temporaryFolder();
    writeFileSync(join(to, 'thesis.txt'), 'mine');
    await expect(prepared(table, to)).rejects.toMatchObject({ code: 'foreign-folder' });
    expect(readdirSync(to)).toEqual(['thesis.txt']);
  });

  test('another preparation of the same folder is refused while its process lives', async () => {
    const { table } = await sourceFolder(1);
    const to = temporaryFolder();
    writeFileSync(join(to, 'prepare.lock'), `${process.ppid}`);
    await expect(prepared(table, to)).rejects.toMatchObject({ code: 'locked' });
    // A process of this number does not exist: the highest that Linux gives is below.
    writeFileSync(join(to, 'prepare.lock'), `${2 ** 30}`);
    expect((await prepared(table, to)).rows).toBe(1);
  });

  test('where the source lies does not matter', async () => {
    const { folder, table } = await sourceFolder(2);
    const to = temporaryFolder();
    await prepared(table, to);
    const moved = join(temporaryFolder(), 'moved');
    renameSync(folder, moved);
    mkdirSync(folder);
    expect((await prepared(join(moved, 'table.csv'), to)).rows).toBe(2);
  });
});

test('stopped and resumed it ends with the same bytes, also across rejects and repeated rows', async () => {
  const { table } = await sourceFolder(30);
  appendFileSync(table, 'nowhere.png,text,p1\n');
  appendFileSync(table, 'image-0000.png,"The lungs are clear. Nodule of 0 mm, seen by Dr. Gray.",p0\n');
  const limits = { shardBytes: 40_000, batchRows: 4 };
  const [whole, parts] = [temporaryFolder(), temporaryFolder()];
  await prepared(table, whole, { limits, maxRejects: 1 });
  for (let stops = 1; ; stops++) {
    const run = prepare({
      dataset: 'table',
      from: table,
      to: parts,
      size: 32,
      tokenizer: 'train:200',
      limits,
      maxRejects: 1,
      resume: true,
      workers: 1,
      adapter: { image: ['path'], text: ['report'], group: 'patient' },
    });
    let stopped = false;
    try {
      for await (const event of run) if (event.type === 'shard') run.stop();
    } catch (error) {
      expect(error).toMatchObject({ code: 'stopped' });
      stopped = true;
    }
    if (stopped) continue;
    expect(stops).toBeGreaterThan(2);
    break;
  }
  expect(readdirSync(parts).sort()).toEqual(readdirSync(whole).sort());
  for (const name of readdirSync(whole)) {
    expect(readFileSync(join(parts, name)).equals(readFileSync(join(whole, name))), name).toBe(true);
  }
});

test('an unfinished folder wants --resume, with the same options', async () => {
  const { table } = await sourceFolder(8);
  const to = temporaryFolder();
  const run = prepare({
    dataset: 'table',
    from: table,
    to,
    size: 32,
    tokenizer: 'train:200',
    adapter: { image: ['path'], text: ['report'], group: 'patient' },
  });
  for await (const event of run) {
    if (event.type === 'prepare-started') {
      run.stop();
      break;
    }
  }
  await expect(run.done).rejects.toMatchObject({ code: 'stopped' });
  await expect(prepared(table, to)).rejects.toMatchObject({ code: 'unfinished' });
  await expect(prepared(table, to, { resume: true, size: 40 })).rejects.toMatchObject({ code: 'other-options' });
  expect((await prepared(table, to, { resume: true })).rows).toBe(8);
});

describe('columns of numbers', () => {
  /** Twelve leads against a table's row: neither an image nor a text. */
  const signals = (rows: Partial<SourceRow>[]): DatasetAdapter => ({
    name: 'signals',
    title: 'signals',
    version: '1',
    licence: 'CC0-1.0',
    licenceText: '',
    access: '',
    modalities: ['ECG'],
    options: z.strictObject({}),
    describe: () => ({ arrays: { signal: { shape: [2, 3] }, table: { shape: [2], names: ['age', 'height'] } } }),
    async *rows() {
      for (const [i, row] of rows.entries())
        yield { id: `s${i}`, images: [], texts: [], origin: { file: 'made', row: i }, ...row };
    },
  });

  test('are kept beside or instead of images and texts', async () => {
    const to = temporaryFolder();
    const manifest = await prepareFrom(
      signals([{ arrays: { signal: [1, 2, 3, 4, 5, 6.5], table: [70, 1.8] } }, { arrays: { table: [60, 1.7] } }]),
      to,
      { from: to, to },
    ).done;
    expect(manifest).toMatchObject({
      images: null,
      arrays: { signal: { shape: [2, 3] }, table: { shape: [2], names: ['age', 'height'] } },
    });
    expect(rowsOf(to)[0]).toMatchObject({ signal: [1, 2, 3, 4, 5, 6.5], images: [], texts: [] });
    expect(rowsOf(to)[1]!['signal']).toBeNull();
  });

  test('of another length, or not numbers, are rejected', async () => {
    const to = temporaryFolder();
    const rows = [
      { arrays: { table: [1, 2] } },
      { arrays: { table: [1] } },
      { arrays: { table: [1, Number.NaN] } },
      {},
    ];
    await prepareFrom(signals(rows), to, { from: to, to, maxRejects: 1 }).done;
    expect(rejectsOf(to).map(({ code, row }) => [code, row])).toEqual([
      ['wrong_length', 1],
      ['not_a_number', 2],
      ['empty_row', 3],
    ]);
  });
});
