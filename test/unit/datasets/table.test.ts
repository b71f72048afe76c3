import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import adapter from '../../../datasets/table/adapter.js';
import type { SourceReject, SourceRow } from '../../../src/data/adapter.js';
import { type TableRow, tableRows } from '../../../src/data/formats/tables.js';
import { temporaryFolder } from '../data/source-folder.js';

function file(name: string, content: string | Uint8Array): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, content);
  return path;
}

async function read(path: string): Promise<TableRow[]> {
  const out: TableRow[] = [];
  for await (const row of tableRows(path)) out.push(row);
  return out;
}

function contextOf(from: string, options: Record<string, unknown>) {
  return { options: adapter.options.parse(options), from, home: '' };
}

async function rows(from: string, options: Record<string, unknown>): Promise<(SourceRow | SourceReject)[]> {
  const out: (SourceRow | SourceReject)[] = [];
  for await (const row of adapter.rows(contextOf(from, options))) out.push(row);
  return out;
}

describe('formats', () => {
  const two = [
    { row: 1, values: { path: 'a.png', report: 'line one\nline "two", end' } },
    { row: 2, values: { path: 'b.png', report: 'ünïcode' } },
  ];
  const csv = '\ufeffpath,report\r\na.png,"line one\nline ""two"", end"\r\nb.png,ünïcode\r\n';

  test('CSV with byte order mark, quotes and line breaks; also gzipped', async () => {
    expect(await read(file('t.csv', csv))).toEqual(two);
    expect(await read(file('t.csv.gz', gzipSync(csv)))).toEqual(two);
  });

  test('TSV and JSON lines', async () => {
    expect(await read(file('t.tsv', 'path\treport\na.png\t"line one\nline ""two"", end"\nb.png\tünïcode\n'))).toEqual(
      two,
    );
    expect(await read(file('t.jsonl', `${two.map(({ values }) => JSON.stringify(values)).join('\n\n')}\n`))).toEqual(
      two,
    );
  });

  test('Parquet with snappy, texts and pictures as {bytes, path}', async () => {
    const path = new URL('../../fixtures/data/two-rows.parquet', import.meta.url).pathname;
    const found = await read(path);
    expect(found).toHaveLength(2);
    const [one, two] = await rows(path, { image: ['image'], text: ['report'], label: ['finding'] });
    expect(one).toMatchObject({ id: 'row-0000001', images: [{ id: 'a', field: 'image' }], texts: [{ body: 'größe' }] });
    expect((one as SourceRow).images[0]!.bytes!.subarray(1, 4)).toEqual(new TextEncoder().encode('PNG'));
    expect(two).toMatchObject({ labels: [{ vocab: 'finding', name: 'finding', state: 'negative' }] });
  });

  test('lines that are no rows are said by number, what is no table ends in a sentence', async () => {
    expect(await read(file('t.csv', 'a,b\n1\n1,2\n1,2,3\n'))).toMatchObject([
      { row: 1, fault: '1 fields where the header has 2' },
      { row: 2 },
      { row: 3, fault: '3 fields where the header has 2' },
    ]);
    expect(await read(file('t.jsonl', '{"a": 1}\n{"a"\n[1]\n'))).toMatchObject([
      { row: 1, values: { a: 1 } },
      { row: 2, fault: expect.stringContaining('not JSON') },
      { row: 3, fault: 'not a JSON object' },
    ]);
    await expect(read(file('t.xlsx', 'PK'))).rejects.toMatchObject({ code: 'bad-table' });
    await expect(read(file('t.parquet', 'no parquet at all'))).rejects.toMatchObject({ code: 'bad-table' });
    await expect(read(file('t.csv', 'a,b\n1,"never closed\n'))).rejects.toMatchObject({ code: 'bad-table' });
    await expect(read(file('t.csv.gz', gzipSync('a,b\n1,2\n'.repeat(1000)).subarray(0, 40)))).rejects.toThrow();
  });
});

test('paths start from the table’s folder, from --root, or stand for themselves', async () => {
  const path = file('t.csv', 'path,report\nsub/a.png,x\n/data/b.dcm.png,y\n');
  const folder = path.slice(0, -'/t.csv'.length);
  const files = async (options: Record<string, unknown>) =>
    (await rows(path, { image: ['path'], text: ['report'], ...options })).map(
      (row) => (row as SourceRow).images[0]!.file,
    );
  expect(await files({})).toEqual([join(folder, 'sub/a.png'), '/data/b.dcm.png']);
  expect(await files({ root: '/pictures' })).toEqual(['/pictures/sub/a.png', '/data/b.dcm.png']);
});

test('label columns of 1, 0, -1 are findings, others are classes', async () => {
  const path = file('t.csv', 'report,edema,fracture,organ\na,1.0,,chest\nb,-1,0,head\nc,0,1,\n');
  const options = { text: ['report'], label: ['edema', 'fracture', 'organ'] };
  expect((await adapter.describe(contextOf(path, options))).labels).toEqual([
    { vocab: 'finding', kind: 'finding', names: ['edema', 'fracture'] },
    { vocab: 'organ', kind: 'class', names: ['chest', 'head'] },
  ]);
  expect(
    (await rows(path, options)).map((row) => (row as SourceRow).labels!.map(({ name, state }) => `${name} ${state}`)),
  ).toEqual([
    ['edema positive', 'chest positive'],
    ['edema uncertain', 'fracture negative', 'head positive'],
    ['edema negative', 'fracture positive'],
  ]);
});

test('a table with text alone, or with images alone, is one too; with neither it is refused', async () => {
  const path = file('t.csv', 'path,report\na.png,x\n');
  expect(await rows(path, { text: ['report'] })).toMatchObject([{ images: [], texts: [{ body: 'x' }] }]);
  expect(await rows(path, { image: ['path'] })).toMatchObject([{ images: [{ id: 'a' }], texts: [] }]);
  await expect(adapter.describe(contextOf(path, {}))).rejects.toMatchObject({ code: 'bad-option' });
});
