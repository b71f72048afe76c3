import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import adapter from '../../../datasets/mimic-cxr-5x200/adapter.js';
import { classOf, drawn, FINDINGS } from '../../../datasets/mimic-cxr-5x200/draw.js';
import synthetic from '../../../datasets/mimic-cxr-5x200/synthetic.js';
import type { SourceReject, SourceRow } from '../../../src/data/adapter.js';

let from: string;
beforeAll(async () => {
  from = mkdtempSync(join(tmpdir(), 'gadolinium-'));
  await synthetic.write(from);
});
afterAll(() => rmSync(from, { recursive: true, force: true }));

const read = async (options: Record<string, unknown>) => {
  const out: (SourceRow | SourceReject)[] = [];
  for await (const item of adapter.rows({ from, home: '', options: adapter.options.parse(options) })) out.push(item);
  return out;
};

test('a study is of a class if that alone is said of it, and nothing is unsure', () => {
  const study = (said: Record<string, string>) => ({
    ...Object.fromEntries(FINDINGS.map((name) => [name, ''])),
    ...said,
  });
  expect(classOf(study({ Edema: '1.0', Fracture: '0.0' }))).toBe('Edema');
  expect(classOf(study({ Edema: '1', 'No Finding': '1.0' }))).toBe('Edema');
  for (const said of [{}, { Edema: '-1.0' }, { Edema: '1.0', Fracture: '-1.0' }, { Fracture: '1.0' }])
    expect(classOf(study(said))).toBeUndefined();
});

test('a draw depends on seed and names, not on their order', () => {
  const names = Array.from({ length: 1000 }, (_, i) => `image-${i}`);
  const one = drawn(names, 200, 0);
  expect(one.size).toBe(200);
  expect([...drawn([...names].reverse(), 200, 0)].sort()).toEqual([...one].sort());
  const other = [...drawn(names, 200, 1)].filter((name) => one.has(name)).length;
  // A fifth of them by chance: 40, with a spread of about 5.
  expect(other).toBeGreaterThan(15);
  expect(other).toBeLessThan(65);
  const kept = [...drawn(names.slice(1), 200, 0)].filter((name) => one.has(name)).length;
  expect(kept).toBeGreaterThanOrEqual(199);
});

test('too few images are said, not made up for', async () => {
  await expect(read({ count: 2 })).rejects.toThrow(/2 frontal images of Atelectasis alone .*'train'.* 1/u);
});

test("somebody's list is taken as it is; what does not fit in it is named", async () => {
  const [first] = (await read({ count: 1 })).filter((item): item is SourceRow => 'id' in item);
  const other = first!.id.replace(/^\w+/u, (50000016).toString(16).padStart(8, '0'));
  writeFileSync(join(from, 'list.csv'), `dicom_id\n${first!.id}\n${other}\nnowhere\n`);
  const items = await read({ list: 'list.csv' });
  expect(items.filter((item) => 'id' in item).map((item) => (item as SourceRow).id)).toEqual([first!.id]);
  const codes = items.flatMap((item) => ('reject' in item ? [[item.reject.code, item.reject.origin.row]] : []));
  expect(codes).toEqual([
    ['bad_label', 11],
    ['bad_row', 12],
    ['unknown_image', 3],
  ]);
});
