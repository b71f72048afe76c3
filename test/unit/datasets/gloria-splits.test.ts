import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import rsna from '../../../datasets/rsna-pneumonia/adapter.js';
import siim from '../../../datasets/siim-acr/adapter.js';
import type { DatasetAdapter, SourceRow } from '../../../src/data/adapter.js';

let from: string;
beforeAll(() => {
  from = mkdtempSync(join(tmpdir(), 'gadolinium-'));
});
afterAll(() => rmSync(from, { recursive: true, force: true }));

async function splitsOf<Options>(adapter: DatasetAdapter<Options>): Promise<Record<string, string | undefined>> {
  const out: Record<string, string | undefined> = {};
  for await (const item of adapter.rows({ from, home: '', options: adapter.options.parse({ splits: 'gloria' }) })) {
    const row = item as SourceRow;
    out[row.id] = row.split;
  }
  return out;
}

// Of ten things they draw, by place: train but for 2 (test), 4 and 8 (validation).

test('RSNA: images in the order of their names, whatever the order and number of lines', async () => {
  const ids = [...'jihgfedcba'];
  const lines = ids.map((id) => `${id},,,,,0`);
  lines.push('a,1,2,3,4,1', 'a,5,6,7,8,1');
  writeFileSync(join(from, 'stage_2_train_labels.csv'), `patientId,x,y,width,height,Target\n${lines.join('\n')}\n`);
  writeFileSync(join(from, 'stage_2_detailed_class_info.csv'), 'patientId,class\na,Lung Opacity\n');
  const splits = await splitsOf(rsna);
  expect(Object.keys(splits)).toEqual(ids);
  expect(splits).toMatchObject({ a: 'train', b: 'train', c: 'test', d: 'train', e: 'valid', i: 'valid', j: 'train' });
});

test('SIIM: by lines of the table, an image by its first', async () => {
  mkdirSync(join(from, 'dicom-images-train'));
  const ids = [...'jjhgfeecba'];
  writeFileSync(join(from, 'train-rle.csv'), `ImageId, EncodedPixels\n${ids.map((id) => `${id}, -1`).join('\n')}\n`);
  expect(await splitsOf(siim)).toEqual({
    ...Object.fromEntries([...'jgeca'].map((id) => [id, 'train'])),
    ...{ h: 'test', f: 'valid', b: 'valid' },
    c: 'train',
  });
});
