import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import adapter from '../../../datasets/padchest/adapter.js';
import { promptsFor } from '../../../datasets/padchest/prompts.js';
import synthetic from '../../../datasets/padchest/synthetic.js';
import type { SourceRow } from '../../../src/data/adapter.js';

let from: string;
beforeAll(async () => {
  from = mkdtempSync(join(tmpdir(), 'gadolinium-'));
  await synthetic.write(from);
});
afterAll(() => rmSync(from, { recursive: true, force: true }));

const read = async (options: Record<string, unknown>) => {
  const out: SourceRow[] = [];
  for await (const item of adapter.rows({ from, home: '', options: adapter.options.parse(options) }))
    if ('id' in item) out.push(item);
  return out;
};

test('a part of the release: studies of what is there', async () => {
  rmSync(join(from, '1'), { recursive: true });
  const rows = await read({ images: 'found' });
  expect(rows.map(({ id, images }) => [id, images.length])).toEqual([
    ['1', 1],
    ['2', 1],
    ['3', 1],
    ['6', 1],
  ]);
  expect((await read({ images: 'none' })).map(({ id, images }) => [id, images.length])).toEqual([
    ['1', 0],
    ['2', 0],
    ['3', 0],
    ['5', 0],
    ['6', 0],
  ]);
});

test("CheXzero's test: what physicians labelled, all of it for testing", async () => {
  const rows = await read({ labelled: 'physician', split: 'test' });
  expect(rows.map(({ id, split }) => [id, split])).toEqual([['1', 'test']]);
});

test('labels that no picture shows have no prompts', () => {
  expect(promptsFor(['normal', 'unchanged'])).toEqual([]);
  const [set] = promptsFor(['normal', 'pleural effusion']);
  expect(set!.classes).toEqual([
    { label: 'pleural effusion', texts: ['pleural effusion'], negative: ['no pleural effusion'] },
  ]);
});
