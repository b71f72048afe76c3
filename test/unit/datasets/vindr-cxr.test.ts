import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import adapter from '../../../datasets/vindr-cxr/adapter.js';
import type { SourceRow } from '../../../src/data/adapter.js';

let from: string;
beforeAll(() => {
  from = mkdtempSync(join(tmpdir(), 'gadolinium-'));
});
afterAll(() => rmSync(from, { recursive: true, force: true }));

const read = async (agreement: 'any' | 'majority') => {
  const out: SourceRow[] = [];
  for await (const item of adapter.rows({ from, home: '', options: { agreement } })) out.push(item as SourceRow);
  return out;
};
const positives = (row: SourceRow) => row.labels!.filter(({ state }) => state === 'positive').map(({ name }) => name);

test("Kaggle's one table: readers are those who drew something or said that there is nothing", async () => {
  const lines = [
    'image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max',
    'b,No finding,14,R1,,,,',
    'a,Cardiomegaly,3,R2,10,20,30,40',
    'a,Cardiomegaly,3,R3,11,20,30,40',
    'a,ILD,5,R2,1,2,3,4',
    'a,No finding,14,R4,,,,',
    'b,No finding,14,R2,,,,',
  ];
  writeFileSync(join(from, 'train.csv'), `${lines.join('\n')}\n`);
  const [b, a] = await read('any');
  expect([b!.id, a!.id]).toEqual(['b', 'a']);
  expect(positives(b!)).toEqual(['No finding']);
  expect(positives(a!)).toEqual(['Cardiomegaly', 'ILD', 'No finding']);
  // What this copy does not know is not negative.
  expect(a!.labels!.map(({ name }) => name)).toEqual(['Cardiomegaly', 'ILD', 'No finding']);
  expect(a!.regions!.map(({ rater }) => rater)).toEqual(['R2', 'R3', 'R2']);
  expect(a!.split).toBeUndefined();
  expect(positives((await read('majority'))[1]!)).toEqual(['Cardiomegaly']);
});

test('a release without its tables is said to be none', async () => {
  rmSync(join(from, 'train.csv'));
  await expect(read('any')).rejects.toThrow(/image_labels_train\.csv' or Kaggle's 'train\.csv/u);
});
