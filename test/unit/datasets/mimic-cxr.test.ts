import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import adapter from '../../../datasets/mimic-cxr/adapter.js';
import { type ImageRecord, studiesOf, timeOf } from '../../../datasets/mimic-cxr/studies.js';
import release from '../../../datasets/mimic-cxr/synthetic.js';
import { writeTables } from '../../../datasets/mimic-cxr/synthetic-studies.js';
import jpg from '../../../datasets/mimic-cxr-jpg/adapter.js';
import type { SourceReject, SourceRow } from '../../../src/data/adapter.js';
import { temporaryFolder } from '../data/source-folder.js';

let from: string;
beforeAll(async () => {
  from = mkdtempSync(join(tmpdir(), 'gadolinium-'));
  await release.write(from);
});
afterAll(() => rmSync(from, { recursive: true, force: true }));

const contextOf = (options: Record<string, unknown>, folder = from) => ({
  options: adapter.options.parse(options),
  from: folder,
  home: '',
});

async function rows(options: Record<string, unknown> = {}): Promise<SourceRow[]> {
  const out: (SourceRow | SourceReject)[] = [];
  for await (const row of adapter.rows(contextOf(options))) out.push(row);
  return out.filter((row): row is SourceRow => 'id' in row);
}

describe('times', () => {
  test.each([
    ['21800506', '213014.531', '2180-05-06T21:30:14.531'],
    // As a table has it that was read as numbers.
    ['21800506', '80556.875', '2180-05-06T08:05:56.875'],
    ['21800506.0', '0.0', '2180-05-06T00:00:00'],
    ['21800506', '5', '2180-05-06T00:00:05'],
    ['', '213014', undefined],
    ['21800506', '', undefined],
    ['2180-05-06', '213014', undefined],
  ])('%s %s', (date, time, expected) => expect(timeOf(date, time)).toBe(expected));

  test('studies go by time and not by number; those without a time come last and have no priors', () => {
    const image = (study: string, date: string, subject = '10000001'): ImageRecord => ({
      subject,
      study,
      dicom: study,
      file: '',
      view: '',
      procedure: '',
      date,
      time: '1',
      row: 1,
    });
    const found = studiesOf([
      image('50000009', '21000101'),
      image('50000001', ''),
      image('50000002', '21000301'),
      image('50000003', '21000201'),
      image('50000009', '20991231'),
      image('50000008', '20000101', '10000000'),
    ]);
    expect(found.map(({ id, order, earlier }) => [id, order, earlier.map(({ id }) => id)])).toEqual([
      ['s50000008', 0, []],
      ['s50000009', 0, []],
      ['s50000003', 1, ['s50000009']],
      ['s50000002', 2, ['s50000003', 's50000009']],
      ['s50000001', undefined, []],
    ]);
    // The earliest image says when.
    expect(found[1]).toMatchObject({ time: '2099-12-31T00:00:01', images: [{}, {}] });
  });
});

test('with the tables of the JPG release there are splits and labels, and the same views and times as in the headers', async () => {
  const tables = temporaryFolder();
  writeTables(tables);
  const [alone, together] = [await rows(), await rows({ tables })];
  expect(together.map(({ split }) => split)).toEqual(['train', 'train', 'validate', 'test', 'test', 'train']);
  expect(alone.every(({ split }) => split === undefined)).toBe(true);
  for (const [i, row] of together.entries()) {
    const { id, time, order, priors, images, texts } = alone[i]!;
    expect(row).toMatchObject({ id, time, texts, ...(order === undefined ? {} : { order, priors }) });
    // The header of a file that is not there says nothing.
    for (const [at, image] of images.entries())
      expect(row.images[at]!.view).toBe(existsSync(image.file!) ? image.view : 'PA');
  }
  expect(together[1]!.labels).toEqual([
    { vocab: 'chexpert', name: 'Cardiomegaly', value: -1, state: 'uncertain', source: 'nlp' },
    { vocab: 'chexpert', name: 'Pleural Effusion', value: 0, state: 'negative', source: 'nlp' },
  ]);
  expect((await rows({ tables, labels: 'none' }))[1]!.labels).toEqual([]);
});

test('reports that are not there are an error, unless none are wanted', async () => {
  const bare = temporaryFolder();
  await release.write(bare);
  for (const group of ['p10', 'p11', 'p19']) rmSync(join(bare, 'files', group), { recursive: true });
  mkdirSync(join(bare, 'files/p10/p10000032'), { recursive: true });
  const first = async (options: Record<string, unknown>) =>
    adapter.rows(contextOf(options, bare))[Symbol.asyncIterator]().next();
  await expect(first({})).rejects.toThrow(/expected report files .*p10000032.* but got/);
  await expect(first({})).rejects.toMatchObject({ advice: expect.stringContaining('reports=none') });
  for (const row of await rows({ reports: 'none' })) expect(row.texts).toEqual([]);
  expect((await first({ reports: 'none' })).done).toBe(false);
});

test('a folder that is no release is refused', async () => {
  const empty = temporaryFolder();
  for (const one of [adapter, jpg])
    await expect(one.rows(contextOf({}, empty))[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'no-source',
    });
});

test('a table that is cut short is an error, not fewer rows', async () => {
  const tables = temporaryFolder();
  writeTables(tables);
  const path = join(tables, 'mimic-cxr-2.0.0-split.csv.gz');
  const whole = readFileSync(path);
  writeFileSync(path, whole.subarray(0, whole.length - 30));
  await expect(rows({ tables })).rejects.toThrow(/split\.csv\.gz/);
});

test('patients of test sets are held out, but for those that are in the test split anyway', async () => {
  const tables = temporaryFolder();
  writeTables(tables);
  const [one, other, wrong] = ['a.csv', 'b.csv', 'c.csv'].map((name) => join(tables, name)) as [string, string, string];
  writeFileSync(one, 'dicom_id,path\nx,files/p10/p10000032/s50414267/x.jpg\n');
  writeFileSync(other, 'subject_id,y\n11000011,1\n');
  writeFileSync(wrong, 'name\nsomebody\n');
  const found = await rows({ tables, without: `${one},${other}` });
  expect(found.map(({ patient, split }) => [patient, split])).toEqual([
    ['p10000032', 'extra'],
    ['p10000032', 'extra'],
    ['p10000764', 'validate'],
    ['p11000011', 'test'],
    ['p11000011', 'test'],
    ['p19999987', 'train'],
  ]);
  expect(found[0]!.flags).toEqual(['held_out']);
  await expect(rows({ tables, without: wrong })).rejects.toThrow(/expected a patient in subject_id.*c\.csv row 1/);
});

test('of a report what describes the study is kept, and all of it when asked for', async () => {
  const kinds = async (options: Record<string, unknown>) => (await rows(options))[0]!.texts.map(({ kind }) => kind);
  expect(await kinds({})).toEqual(['findings', 'impression']);
  expect(await kinds({ sections: 'all' })).toEqual(['findings', 'impression', 'comparison', 'indication', 'technique']);
});
