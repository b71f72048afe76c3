import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { grounding, pointingGame } from '../../../../src/config/evaluate.js';
import type { DatasetAdapter, SourceRow } from '../../../../src/data/adapter.js';
import { prepareFrom } from '../../../../src/data/prepare.js';
import { evaluate } from '../../../../src/evaluate/evaluate.js';
import type { Model } from '../../../../src/evaluate/model.js';
import { openRows } from '../../../../src/evaluate/rows.js';

// From a release with boxes through prepared shards to the numbers: pictures of 60 × 40 pixels stored at half their size, of which
// the model sees the middle 40 × 40 in a grid of 4 × 4 patches of 10 × 10.

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gadolinium-grounding-'));
  const picture = await sharp({ create: { width: 60, height: 40, channels: 3, background: '#888' } })
    .png()
    .toBuffer();
  const row = (id: string, regions: SourceRow['regions'], words: string[]): SourceRow => ({
    id,
    split: 'test',
    images: [{ id, bytes: picture, modality: 'DX' }],
    texts: words.map((body) => ({ kind: 'label_text', lang: 'en', body, origin: 'human' })),
    ...(regions ? { regions } : {}),
    origin: { file: 'made', row: 1 },
  });
  const box = (coords: number[], label: string, text = 0) => ({ image: 0, text, kind: 'box' as const, label, coords });
  const adapter: DatasetAdapter = {
    name: 'boxes',
    title: 'boxes',
    version: '1',
    licence: 'CC0',
    licenceText: '',
    access: '',
    modalities: ['DX'],
    options: z.strictObject({}),
    describe: () => ({}),
    async *rows() {
      // A blank text before the phrase is left out: the region's text moves up.
      yield row('one', [box([20, 10, 40, 40], 'Opacity', 1)], [' ', 'patchy opacity']);
      yield row('two', [box([20, 10, 40, 20], 'Effusion'), box([20, 20, 40, 30], 'Effusion')], ['small effusion']);
      yield row('three', [box([0, 0, 9, 40], 'Opacity')], ['outside of what is seen']);
      yield row('four', undefined, ['no phrase']);
    },
  };
  await prepareFrom(adapter, folder, {
    from: folder,
    to: join(folder, 'data'),
    size: 20,
    tokenizer: 'train:100',
    maxRejects: 1,
  }).done;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The middle four patches point where every phrase points, the others across. */
const model: Model = {
  config: {
    data: { image: { input: 'image', options: { size: 32, resize: 32 } } },
    evaluate: [grounding({ interpolation: 'nearest', calledAbove: 0.5 }), pointingGame({ interpolation: 'nearest' })],
  },
  embed: async ({ data, rows, features }) => {
    const patch = Array.from({ length: 16 }, (_, n) => ([5, 6, 9, 10].includes(n) ? [1, 0] : [0, 1])).flat();
    const vectors = Array.from(rows, () => (data.kind === 'texts' ? [3, 0] : patch));
    const [width] = [vectors[0]!.length];
    return {
      features: { [features[0]!]: { data: Float32Array.from(vectors.flat()), rows: rows.length, width } },
      present: new Uint8Array(rows.length).fill(1),
    };
  },
  ranks: () => Promise.reject(new Error('not asked for')),
  close: async () => {},
};

describe('boxes of a release, prepared and grounded', () => {
  it('lie in the shard in pixels of the stored picture, beside the size of the source', () => {
    const rows = openRows(join(folder, 'data'));
    const all = Uint8Array.from([0, 1, 2, 3]);
    const [one, two, , four] = rows.regions(Uint32Array.from(all));
    expect(one).toEqual([{ image: 0, text: 0, kind: 'box', label: 'Opacity', coords: [10, 5, 20, 20], runs: [] }]);
    expect(two!.map(({ coords }) => coords)).toEqual([[10, 5, 20, 10], [10, 10, 20, 15]]); // biome-ignore format: one line
    expect(four).toEqual([]);
    expect(rows.imageSizes(Uint32Array.of(0))).toEqual([
      [{ height: 20, width: 30, source: { height: 40, width: 60 } }],
    ]);
    rows.close();
  });

  it('give the contrast and overlap that the map was made for', async () => {
    const reports = [];
    for await (const report of evaluate(model, join(folder, 'data'), 'all', {})) reports.push(report);
    const [measured, pointed] = reports;
    // one: of 600 pixels inside 400 are 1 (mean 2/3, variance 2/9), the 1000 others are 0: √2. IoU 400/600.
    expect(measured!.metrics['cnr.Opacity']).toBeCloseTo(Math.SQRT2, 6);
    expect(measured!.metrics['miou.Opacity']).toBeCloseTo(2 / 3, 9);
    // two: the boxes are the map: no noise on either side, so no ratio; IoU 1.
    expect(measured!.metrics['cnr.Effusion']).toBeUndefined();
    expect(measured!.metrics['miou.Effusion']).toBe(1);
    expect(measured!.metrics).toMatchObject({ cnr: measured!.metrics['cnr.Opacity'], iou: expect.closeTo(5 / 6, 9) });
    expect(measured!.metrics['pixel-recall']).toBeCloseTo((2 / 3 + 1) / 2, 9);
    expect(measured!.notes.join('; ')).toBe(
      '1 of 3 phrases take no part: their regions lie outside what the model saw; 1 of 3 phrases have no CNR: their map is flat inside and outside',
    );
    expect(pointed!.metrics['hits']).toBe(1);
    expect(pointed!.notes.join()).toContain('1 of 3 phrases take no part');
  });
});
