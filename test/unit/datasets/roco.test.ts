import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import adapter from '../../../datasets/roco/adapter.js';
import type { SourceRow } from '../../../src/data/adapter.js';
import { temporaryFolder } from '../data/source-folder.js';

async function rows(from: string): Promise<SourceRow[]> {
  const out: SourceRow[] = [];
  for await (const item of adapter.rows({ options: adapter.options.parse({}), from, home: '' })) {
    if ('reject' in item) throw new Error(item.reject.reason);
    out.push(item);
  }
  return out;
}

test('a picture is called as the fetching script calls it, and as licences.txt does where a link is missing', async () => {
  const folder = join(temporaryFolder(), 'train', 'radiology');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'captions.txt'), 'ROCO_00001\t One.\r\nROCO_00002\t Two, "quoted".\n');
  writeFileSync(join(folder, 'dlinks.txt'), 'ROCO_00001\twget -r ftp://x/y/PMC1.tar.gz -nd\ta.b_c.jpg\n');
  writeFileSync(join(folder, 'licences.txt'), 'ROCO_ID,PMC_ID,CC\nROCO_00002,PMC2_f,1.jpg,CC BY\n');
  const found = await rows(join(folder, '../..'));
  expect(found.map(({ images, texts, group }) => [images[0]!.id, group, texts[0]!.body])).toEqual([
    ['PMC1_a.b_c', 'PMC1', 'One.'],
    ['PMC2_f,1', 'PMC2', 'Two, "quoted".'],
  ]);
});

test('half of a split is an error that names it', async () => {
  const data = temporaryFolder();
  mkdirSync(join(data, 'train', 'radiology'), { recursive: true });
  await expect(rows(data)).rejects.toThrow(/'captions\.txt' for .*train.radiology/u);
  await expect(rows(temporaryFolder())).rejects.toMatchObject({ code: 'no-source' });
});

const root = fileURLToPath(new URL('../../../', import.meta.url));
const places = ['../shared/data/roco-captions', '../../shared/data/roco-captions'].map((place) => join(root, place));
const sample = places.map((place) => join(place, 'captions.tsv')).find((path) => existsSync(path)) ?? '';

test.skipIf(sample === '')('6,834 real captions come back with figure, licence and concepts', async () => {
  const lines = readFileSync(sample, 'utf8').trimEnd().split('\n').slice(1);
  const wanted = lines.map((line) => line.split('\t') as [string, string, string, string, string, string]);
  const data = temporaryFolder();
  for (const split of ['validation', 'test']) {
    const folder = join(data, split, 'radiology');
    mkdirSync(folder, { recursive: true });
    const own = wanted.filter(([, of]) => of === split);
    const list = (name: string, line: (fields: (typeof own)[number]) => string) =>
      writeFileSync(join(folder, name), own.map((fields) => `${line(fields)}\n`).join(''));
    list('captions.txt', ([id, , , , , caption]) => `${id}\t ${caption}`);
    list('cuis.txt', ([id, , , , cuis]) => [id, '', ...cuis.split(' ')].join('\t'));
    list('licences.txt', ([id, , figure, licence]) => `${id},${figure},${licence}`);
  }
  const found = await rows(data);
  const order = [
    ...wanted.filter(([, split]) => split === 'validation'),
    ...wanted.filter(([, split]) => split === 'test'),
  ];
  expect(found).toHaveLength(6834);
  expect(
    found.map(({ id, split, sourceRef, meta, texts }) => [
      id,
      split,
      sourceRef,
      meta!['licence'],
      meta!['cuis'] ?? '',
      texts[0]!.body,
    ]),
  ).toEqual(
    order.map(([id, split, figure, licence, cuis, caption]) => [id, split, figure, licence, cuis, caption.trim()]),
  );
});
