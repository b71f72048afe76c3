import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { handler } from '../../../src/cli/inspect.js';
import { prepareFrom } from '../../../src/data/prepare.js';
import { datasetStatistics } from '../../../src/data/statistics.js';
import { writeDatasetPage } from '../../../src/report/report.js';
import { adapterOf, caption } from '../data/adapter-of.js';
import { prepared, sourceFolder, temporaryFolder } from '../data/source-folder.js';

afterEach(() => vi.restoreAllMocks());

/** The texts of a table's cells by caption's beginning. */
function cells(page: string, caption: string): string[][] {
  const found = [...page.matchAll(/<table[^>]*><caption>(.*?)<\/caption>(.*?)<\/table>/gs)].find(([, text]) =>
    text!.replaceAll(/<[^>]*>/g, '').includes(caption),
  );
  const rows = found![2]!.split('<tr>').slice(2);
  return rows.map((row) =>
    [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell]) => cell!.replaceAll(/<[^>]*>/g, '')),
  );
}

test('numbers of the page are those that were counted; names of the data set write no markup', async () => {
  const to = temporaryFolder();
  const evil = '<script>alert(1)</script>';
  const rows = Array.from({ length: 300 }, (_, i) => ({
    split: i < 200 ? 'train' : 'test',
    patient: `p${i % 250}`,
    texts: [caption(i % 4 === 0 ? 'No change.' : `Nodule of ${'very '.repeat(i % 50)}small size ${i}.`)],
    labels: [
      {
        vocab: 'seen',
        name: evil,
        state: i % 2 === 0 ? ('positive' as const) : ('negative' as const),
        source: 'nlp' as const,
      },
    ],
    meta: { age: String(20 + (i % 60)), sex: evil },
    flags: [evil],
  }));
  const description = { labels: [{ vocab: 'seen', kind: 'finding' as const, names: [evil] }] };
  await prepareFrom(adapterOf(rows, description), to, { from: to, to, tokenizer: 'train:300' }).done;
  const file = join(to, 'page.html');
  expect(await writeDatasetPage(to, datasetStatistics(to), file)).toBe(file);
  const page = readFileSync(file, 'utf8');
  expect(page).not.toContain(evil);
  expect(page).toContain("default-src 'none'");
  expect(cells(page, 'Splits.')).toEqual([
    ['train', '200', '66.67 %', '0', '200', '200'],
    ['test', '100', '33.33 %', '0', '100', '100'],
  ]);
  const name = evil.replaceAll(/[<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  expect(cells(page, 'each by itself')).toEqual([[name, '50 %', '50 %', '150', '150', '0', '0']]);
  expect(cells(page, 'seen, counts by split')).toEqual([[name, '100', '100', '0', '0', '50', '50', '0', '0']]);
  expect(page).toContain('50 patients have rows in more than one split.');
  // 50 of 200 training texts are equal: 50 · 49 of 200 · 199 pairs.
  expect(cells(page, 'false negatives')[0]!.slice(0, 5)).toEqual(['caption', 'train', '200', '151', '6.156 %']);
  expect(cells(page, 'more than one split holds')).toEqual([['caption', '1']]);
  expect(page).toMatch(/aria-label="Age, one value a row: 300 values from 20 to 79, median 49\."/);
  expect(page.length).toBeLessThan(300_000);
});

test('inspect writes the page, and with --json tells the statistics in one line', async () => {
  const { folder, table } = await sourceFolder(6);
  const to = join(folder, 'data');
  await prepared(table, to);
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const file = join(folder, 'page.html');
  await handler({ path: to, json: true, page: file });
  const line = String(written.mock.calls[0]![0]);
  const told = JSON.parse(line);
  expect(line.indexOf('\n')).toBe(line.length - 1);
  expect(told).toMatchObject({ type: 'inspected', kind: 'dataset', damaged: [], page: file });
  expect(told.statistics).toEqual(datasetStatistics(to));
  expect(readFileSync(file, 'utf8')).toContain('Height before');

  await handler({ path: to, json: false, page: file });
  const terse = String(written.mock.calls[1]![0]);
  expect(terse).toContain(`page: ${file}`);
  expect(terse).not.toContain('statistics:');
  await handler({ path: to, json: false, statistics: true });
  const words = String(written.mock.calls[2]![0]);
  expect(words).toMatch(/statistics:\n {2}rows: 6/);
  expect(words).not.toContain('histogram');
});

test('a shard of another size is said; statistics of an address and of a file are refused', async () => {
  const { folder, table } = await sourceFolder(3);
  const to = join(folder, 'data');
  await prepared(table, to);
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const manifest = join(to, 'dataset.json');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(/"bytes": (\d+)/, '"bytes": 1'));
  await handler({ path: to, json: true, statistics: true });
  expect(JSON.parse(String(written.mock.calls[0]![0])).damaged).toEqual([
    expect.stringMatching(/^shard-00000.arrow: \d+ bytes instead of 1$/),
  ]);
  await expect(handler({ path: 's3://bucket/data', json: true, statistics: true })).rejects.toMatchObject({
    code: 'no-dataset',
  });
  await expect(handler({ path: table, json: true, statistics: true })).rejects.toMatchObject({ code: 'no-dataset' });
});
