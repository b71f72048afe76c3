import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RecordBatchReader } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DatasetAdapter, SyntheticTruth } from '../../src/data/adapter.js';
import { adapterNames, findAdapter, findSynthetic } from '../../src/data/adapters.js';
import { readManifest } from '../../src/data/manifest.js';
import { prepare } from '../../src/data/prepare.js';
import type { RejectLine } from '../../src/data/prepare-events.js';

// What must hold of every data set, also of those that are not written yet.

const home = fileURLToPath(new URL('../../datasets/', import.meta.url));
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gadolinium-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const all = adapterNames();
const madeUp = all.filter((name) => readdirSync(join(home, name)).includes('synthetic.ts'));

test('there are data sets with a made-up release', () => {
  expect(all).toContain('table');
  expect(madeUp).toContain('open-i');
});

describe.each(all)('%s', (name) => {
  let adapter: DatasetAdapter;
  beforeAll(async () => {
    adapter = (await findAdapter(name)).adapter;
  });

  test('is called as its folder is, and says licence and access', () => {
    expect(adapter.name).toBe(name);
    for (const said of [adapter.title, adapter.version, adapter.licence, adapter.licenceText, adapter.access])
      expect(said).toMatch(/\S/);
    const readme = readFileSync(join(home, name, 'README.md'), 'utf8');
    if (madeUp.includes(name))
      for (const word of ['Licence', 'Access', 'Splits', '--synthetic']) expect(readme).toContain(word);
  });

  test('refuses options that it does not have', () => {
    expect(adapter.options.safeParse({ 'no such option': 1 }).success).toBe(false);
  });
});

describe.each(madeUp)('the made-up release of %s', (name) => {
  let truth: SyntheticTruth;
  const places = () => ({ raw: join(folder, name, 'raw'), to: join(folder, name, 'data') });
  const run = (to: string, workers: number) =>
    prepare({
      dataset: name,
      from: places().raw,
      to,
      size: 64,
      tokenizer: 'train:300',
      workers,
      maxRejects: 1,
      adapter: truth.options,
    }).done;

  beforeAll(async () => {
    const { raw, to } = places();
    mkdirSync(raw, { recursive: true });
    truth = await (await findSynthetic(name))!.write(raw);
    await run(to, 1);
  });

  test('comes back row for row', () => {
    const rows = rowsOf(places().to);
    expect(rows.map((row) => row['sample_id'])).toEqual(truth.rows.map((row) => row.sample_id));
    for (const [i, wanted] of truth.rows.entries()) expect(rows[i], wanted.sample_id).toMatchObject(wanted);
  });

  test('each reject is named with file and field', () => {
    const lines = readFileSync(join(places().to, 'rejects.jsonl'), 'utf8').split('\n').filter(Boolean);
    const rejects = lines.map((line) => JSON.parse(line) as RejectLine);
    expect(rejects.map(({ dropped, code, file, field }) => ({ dropped, code, file, field }))).toEqual(
      truth.rejects.map(({ dropped, code, file, field }) => ({ dropped, code, file, field })),
    );
    for (const [i, { row }] of truth.rejects.entries()) if (row !== undefined) expect(rejects[i]!.row).toBe(row);
    for (const { reason } of rejects) expect(reason).toMatch(/\w{2}/);
  });

  test('gives the same bytes whatever the number of workers', async () => {
    const { to } = places();
    const again = join(folder, name, 'again');
    await run(again, 3);
    expect(readdirSync(again).sort()).toEqual(readdirSync(to).sort());
    for (const file of readdirSync(to))
      expect(readFileSync(join(again, file)).equals(readFileSync(join(to, file))), file).toBe(true);
  });

  test('keeps each patient in one split, and tells rows apart', () => {
    const manifest = readManifest(places().to)!;
    expect(manifest.patients_in_several_splits.count).toBe(0);
    expect(manifest.flags['duplicate_row'] ?? 0).toBe(0);
  });
});

// biome-ignore lint/suspicious/noExplicitAny: rows of any columns
function rowsOf(data: string): Record<string, any>[] {
  return readManifest(data)!.shards.flatMap(({ file }) =>
    [...RecordBatchReader.from(readFileSync(join(data, file)))].flatMap((batch) =>
      JSON.parse(
        JSON.stringify(batch.toArray(), (_, value) =>
          ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>) : value,
        ),
      ),
    ),
  );
}
