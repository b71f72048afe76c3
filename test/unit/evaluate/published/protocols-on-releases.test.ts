import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { protocols } from '../../../../src/config/protocols.js';
import { Draws } from '../../../../src/data/draws.js';
import { requireDataset } from '../../../../src/data/manifest.js';
import { prepare } from '../../../../src/data/prepare.js';
import { type EvaluationReport, evaluate } from '../../../../src/evaluate/evaluate.js';
import type { Model } from '../../../../src/evaluate/model.js';

// Every published protocol on the made-up release of the data set that it is for: names of data sets, splits, vocabularies, findings and
// regions are those that the adapters give.

/** What a model gives by name, for one sample: random numbers, the same for the same row or text. */
const SHAPES: Record<string, number[]> = {
  'image.global': [8],
  'text.global': [8],
  'image.patches': [9, 8],
  'image.projected': [9, 8],
  'image.existence': [75, 2],
  'image.attention': [75, 9],
};
const model: Model = {
  config: { recipe: 'made-up', data: { image: { input: 'image', options: { size: 24, resize: 24 } } } },
  embed: async ({ rows, features }) => ({
    features: Object.fromEntries(
      features.map((name) => {
        const shape = SHAPES[name]!;
        const width = shape.reduce((a, b) => a * b);
        const values = new Float32Array(rows.length * width);
        for (const [i, row] of rows.entries()) {
          const draws = new Draws(row, name.length);
          for (let d = 0; d < width; d++) values[i * width + d] = 2 * draws.next() - 1;
        }
        return [name, { data: values, rows: rows.length, width, shape }];
      }),
    ),
    present: new Uint8Array(rows.length).fill(1),
  }),
  ranks: () => Promise.reject(new Error('not asked for')),
  close: async () => {},
};

/** Made-up releases are too small for some: the sentence that says so. */
const TOO_SMALL: Record<string, RegExp> = {
  'biovil-ms-cxr-t': /at least 10 patients/,
  'biovil-ms-cxr-t-sentences': /pairs of both kinds/,
  'biovil-radnli': /pairs of both kinds/,
  // A handful of rows, none of which was drawn for testing.
  'biovil-rsna-probe': /one of train, valid/,
  'biovil-rsna-segmentation': /one of train, valid/,
};

const prepared = Object.entries(protocols).filter(([, { dataset }]) => existsSync(join('datasets', dataset)));
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gadolinium-protocols-'));
  for (const dataset of new Set(prepared.map(([, one]) => one.dataset))) {
    const [from, to] = [join(folder, dataset, 'raw'), join(folder, dataset, 'data')];
    await prepare({ dataset, from, to, synthetic: true, size: 24, tokenizer: 'train:300', maxRejects: 1 }).done;
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('published protocols on made-up releases', () => {
  it('are of data sets that can be prepared', () => {
    const without = Object.keys(protocols).filter((name) => !prepared.some(([known]) => known === name));
    expect(without).toEqual([]);
  });

  it.each(prepared)('%s', async (name, { dataset, entry }) => {
    const data = join(folder, dataset, 'data');
    const reports: EvaluationReport[] = [];
    // The release may hold no test part of its own (CheXpert), or be too small to draw one.
    const splits = Object.keys(requireDataset(data).splits);
    const split = TOO_SMALL[name] ? undefined : ['test', 'valid', 'train'].find((one) => splits.includes(one));
    const run = async () => {
      for await (const report of evaluate(model, data, name, { bootstrap: 0, split })) reports.push(report);
    };
    if (TOO_SMALL[name]) return expect(run()).rejects.toThrow(TOO_SMALL[name]);
    await run();
    const [report] = reports;
    expect(report).toMatchObject({ name, task: entry.task });
    expect(report!.samples).toBeGreaterThan(0);
    expect(Object.values(report!.metrics).length).toBeGreaterThan(0);
    for (const value of Object.values(report!.metrics)) expect(Number.isFinite(value)).toBe(true);
    // The data set is the one that the figures are of: what keeps them apart is never its name.
    for (const { differs } of report!.published) expect(differs.join()).not.toContain('data set');
  });
});
