import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RecordBatchReader } from 'apache-arrow';
import { afterAll, expect, test } from 'vitest';
import { readReport } from '../../datasets/open-i/report-xml.js';
import type { Manifest } from '../../src/data/manifest.js';
import { prepare } from '../../src/data/prepare.js';
import { TextTokenizer } from '../../src/data/tokenizer/tokenizer.js';

// All real reports of Open-i. Their licence forbids a reworked copy, so they are not in this repository: the test looks for
// NLMCXR_reports.tgz (and a folder images/ of some of its PNGs) where the variable says, or beside the repository.

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = [
  process.env['GADOLINIUM_OPEN_I'],
  join(root, '../shared/data/openi-reports'),
  join(root, '../../shared/data/openi-reports'),
].find((path) => path !== undefined && existsSync(join(path, 'NLMCXR_reports.tgz')));
if (folder === undefined)
  console.warn('SKIPPED: the real reports of Open-i are not on this machine; GADOLINIUM_OPEN_I names their folder');

const work = mkdtempSync(join(tmpdir(), 'gadolinium-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

test.skipIf(folder === undefined)(
  'all 3,955 real reports come back equal, four of them with pictures',
  async () => {
    const raw = join(work, 'raw');
    mkdirSync(raw);
    execFileSync('tar', ['xzf', join(folder!, 'NLMCXR_reports.tgz'), '-C', raw]);
    cpSync(join(folder!, 'images'), join(raw, 'images'), { recursive: true });
    const to = join(work, 'data');
    const manifest = await prepare({
      dataset: 'open-i',
      from: raw,
      to,
      size: 64,
      tokenizer: 'train:3000',
      adapter: { images: 'found', sections: 'all' },
    }).done;

    // The 28 reports without findings and impression say nothing else either, and have no picture here.
    const rows = rowsOf(to, manifest);
    let [withoutText, sections, images] = [0, 0, 0];
    const tokenizer = await TextTokenizer.open(join(to, 'tokenizer.json'));
    const seen = new Map(rows.map((row) => [row['sample_id'], row]));
    expect(seen.size).toBe(rows.length);
    for (let number = 1; number <= 3999; number++) {
      const path = join(raw, 'ecgen-radiology', `${number}.xml`);
      if (!existsSync(path)) continue;
      const xml = readFileSync(path, 'utf8');
      const row = seen.get(`CXR${number}`);
      const wanted = ['FINDINGS', 'IMPRESSION', 'COMPARISON', 'INDICATION'].flatMap((label) => {
        const body = between(xml, label);
        return body === '' ? [] : [{ kind: label.toLowerCase(), body }];
      });
      if (row === undefined) {
        expect(wanted).toEqual([]);
        withoutText++;
        continue;
      }
      expect(row['texts'].map(({ kind, body }: Text) => ({ kind, body }))).toEqual(wanted);
      sections += wanted.filter(({ kind }) => kind === 'findings' || kind === 'impression').length;
      images += row['images'].length;
      // MeSH headings by another way than the adapter's.
      const major = [...xml.matchAll(/<major>(.*?)<\/major>/gs)].map(([, term = '']) => term.trim());
      expect(row['meta']?.['mesh_major'] ?? '').toBe(major.join(' | ').replaceAll('&amp;', '&'));
    }
    expect({ rows: rows.length + withoutText, sections, images }).toEqual({
      rows: 3955,
      // 530 reports lack findings, 34 lack an impression.
      sections: 2 * 3955 - 530 - 34,
      images: 4,
    });
    expect(withoutText).toBe(28);
    expect(manifest.rejects).toMatchObject({ rows: 28, parts: 0, by_reason: { empty_row: 28 } });
    expect(Object.values(manifest.splits).reduce((sum, { rows }) => sum + rows, 0)).toBe(rows.length);
    expect(seen.get('CXR54')!['images'].map(({ image_id }: { image_id: string }) => image_id)).toEqual([
      'CXR54_IM-2145-1001',
      'CXR54_IM-2145-1002',
    ]);

    // Sentences: joining them gives the tokens of the text, and no text of letters is without one.
    const texts = rows.flatMap((row) => row['texts'] as Text[]);
    const ids = await tokenizer.encode(texts.map(({ body }) => body.replace(/\s+/g, ' ').trim()));
    for (const [i, { sentences }] of texts.entries()) expect(sentences.flat()).toEqual(ids[i]);
    const counts = texts.map(({ sentences }) => sentences.length);
    expect(Math.max(...counts)).toBeGreaterThan(10);
    expect(Math.min(...counts)).toBe(1);
  },
  240_000,
);

test.skipIf(folder === undefined)('a report file is read as it says, cut or not', () => {
  const xml = execFileSync('tar', ['xzOf', join(folder!, 'NLMCXR_reports.tgz'), 'ecgen-radiology/54.xml']).toString();
  const report = readReport(xml)!;
  expect(report.images.map(({ id }) => id)).toEqual(['CXR54_IM-2145-1001', 'CXR54_IM-2145-1002']);
  for (const share of [0.1, 0.5, 0.99]) expect(readReport(xml.slice(0, share * xml.length))).toBeUndefined();
});

interface Text {
  kind: string;
  body: string;
  sentences: number[][];
}

/** By another way than the adapter's: cut at the words, entities by hand. */
function between(xml: string, label: string): string {
  const start = xml.indexOf(`Label="${label}">`);
  if (start < 0) return '';
  return xml
    .slice(start + label.length + 9, xml.indexOf('</AbstractText>', start))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
    .trim();
}

// biome-ignore lint/suspicious/noExplicitAny: rows of any columns
function rowsOf(data: string, manifest: Manifest): Record<string, any>[] {
  return manifest.shards.flatMap(({ file }) =>
    [...RecordBatchReader.from(readFileSync(join(data, file)))].flatMap((batch) =>
      JSON.parse(
        JSON.stringify(batch.toArray(), (_, value) =>
          ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>) : value,
        ),
      ),
    ),
  );
}
