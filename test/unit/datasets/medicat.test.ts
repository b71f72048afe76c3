import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import adapter from '../../../datasets/medicat/adapter.js';
import { withoutFigureNumber } from '../../../datasets/medicat/figure-number.js';
import type { SourceRow } from '../../../src/data/adapter.js';

test.each([
  ['Figure 1. (A) Barium enema.', '(A) Barium enema.'],
  ['FIG. 2: CT of the chest', 'CT of the chest'],
  ['Fig 3 | Axial view', 'Axial view'],
  ['Fig. 12a – Lateral view', 'Lateral view'],
  ['Supplementary Figure S4. MRI', 'MRI'],
  ['Figure 5 Chest radiograph', 'Chest radiograph'],
  ['Figure IV (A) before', '(A) before'],
  // Part of a sentence, or all there is.
  ['Figure 2 shows the bowel.', 'Figure 2 shows the bowel.'],
  ['Figures 1 and 2. Both.', 'Figures 1 and 2. Both.'],
  ['Figure 1A shows a mass', 'Figure 1A shows a mass'],
  ['Fig. 1.5 mm slices', 'Fig. 1.5 mm slices'],
  ['Figure 7.', 'Figure 7.'],
  ['Figurative lesion', 'Figurative lesion'],
])('%s → %s', (caption, body) => {
  expect(withoutFigureNumber(caption)).toBe(body);
});

// Figures under NC and ND licences, which the repository does not have.
const root = fileURLToPath(new URL('../../../', import.meta.url));
const places = ['../shared/data/medicat-sample', '../../shared/data/medicat-sample'].map((place) => join(root, place));
const sample = places.find((place) => existsSync(place)) ?? '';

test.skipIf(sample === '')('real figures: every line a row with its picture, caption and references', async () => {
  const lines = readFileSync(join(sample, 'sample.jsonl'), 'utf8').trim().split('\n');
  const wanted = lines.map((line) => JSON.parse(line) as Record<string, string> & { s2orc_references?: string[] });
  const rows: SourceRow[] = [];
  for await (const item of adapter.rows({ options: adapter.options.parse({}), from: sample, home: '' })) {
    if ('reject' in item) throw new Error(item.reject.reason);
    rows.push(item);
  }
  expect(rows.map(({ images }) => existsSync(images[0]!.file!))).toEqual(wanted.map(() => true));
  for (const [i, { texts }] of rows.entries()) {
    const { s2_caption, s2orc_references } = wanted[i]!;
    expect(texts[0]!.body).not.toMatch(/^fig/iu);
    expect(s2_caption!.endsWith(texts[0]!.body)).toBe(true);
    expect(texts.slice(1).map(({ body }) => body)).toEqual(s2orc_references ?? []);
  }
});
