import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { grounding, segmentationProbe } from '../../src/config/evaluate.js';
import { extend } from '../../src/config/recipe.js';
import type { DatasetAdapter } from '../../src/data/adapter.js';
import { prepareFrom } from '../../src/data/prepare.js';
import type { EvaluationReport } from '../../src/evaluate/evaluate.js';
import { openModel } from '../../src/model/open.js';
import { image, linearProjection } from '../../src/native/generated.js';
import { checkpointOf, compile, gadolinium, recipeFile, temporary, tinyRecipe } from './tiny.js';

// A model of the engine on pictures with boxes: the command's numbers against the same worked out here from the model's features.

let folder: string;
let checkpoint: string;
let data: string;

/** Pictures of 256 × 192 pixels with a bright square, stored at two thirds; the model sees the middle 192 × 192 as 128 × 128, in 4 × 4 patches. */
const WIDTH = 256;
const HEIGHT = 192;
const boxOf = (i: number) => {
  const [x, y] = [40 + ((i * 29) % 104), 8 + ((i * 43) % 96)];
  return [x, y, x + 72, y + 80];
};
async function pictureOf(i: number): Promise<Uint8Array> {
  const [x0, y0, x1, y1] = boxOf(i) as [number, number, number, number];
  const pixels = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, p) => {
    const [x, y] = [p % WIDTH, Math.floor(p / WIDTH)];
    return (x >= x0 && x < x1 && y >= y0 && y < y1 ? 200 : 40) + ((x * 5 + y * 3 + i) % 17);
  });
  return sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 1 } })
    .png()
    .toBuffer();
}

const boxes: DatasetAdapter = {
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
    for (let i = 0; i < 48; i++) {
      yield {
        id: `s${i}`,
        patient: `p${i}`,
        split: i < 32 ? 'train' : i < 40 ? 'valid' : 'test',
        images: [{ id: `i${i}`, bytes: await pictureOf(i), modality: 'DX' }],
        texts: [{ kind: 'label_text', lang: 'en', body: `bright square of case ${i}`, origin: 'human' }],
        regions: [{ image: 0, text: 0, kind: 'box', label: i % 2 ? 'Square' : 'Block', coords: boxOf(i) }],
        origin: { file: 'made', row: i + 1 },
      };
    }
  },
};

beforeAll(async () => {
  compile();
  folder = temporary();
  data = join(folder, 'data');
  await prepareFrom(boxes, folder, { from: folder, to: data, size: 128, tokenizer: 'train:120' }).done;
  const recipe = extend(tinyRecipe, {
    // Of 32 pixels the network's last map is one patch.
    data: { image: image({ size: 128, channels: 1 }) },
    heads: [
      linearProjection({ from: 'image.patches', to: 'image.projected', inputWidth: 64, outputWidth: 32 }),
      linearProjection({ from: 'image.global', inputWidth: 64, outputWidth: 32 }),
      linearProjection({ from: 'text.global', inputWidth: 32, outputWidth: 32 }),
    ],
    optimise: { ema: 0 },
    evaluate: [
      grounding({ maps: { of: 'similarity', patches: 'image.projected' }, interpolation: 'nearest', gallery: 2 }),
      segmentationProbe({ fractions: [1], epochs: 30, lr: 0.05, batch: 8 }),
    ],
  });
  const run = join(folder, 'run');
  const steps = ['--set', 'train.steps=8'];
  const { code, stderr } = await gadolinium('train', recipeFile(folder, recipe), '--data', data, '--run', run, '--json', ...steps).ended; // biome-ignore format: one line
  expect({ code, stderr }).toMatchObject({ code: 0 });
  checkpoint = checkpointOf(run, 8);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const evaluateBy = async (...args: string[]) => {
  const { code, stdout, stderr } = await gadolinium('evaluate', ...args, '--checkpoint', checkpoint, '--data', data)
    .ended;
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return stdout;
};

test('grounding is what the features of the model say', async () => {
  const report = JSON.parse(await evaluateBy('grounding', '--json', '--bootstrap', '0')) as EvaluationReport;
  expect(report.samples).toBe(8);
  expect(report.gallery).toHaveLength(2);
  const rows = Uint32Array.from({ length: 8 }, (_, i) => 40 + i);
  const model = await openModel(checkpoint, { data });
  const patches = (await model.embed({ data: { kind: 'rows', data }, rows, features: ['image.projected'] })).features['image.projected']!; // biome-ignore format: one line
  const texts = Array.from(rows, (i) => `bright square of case ${i}`);
  const words = (
    await model.embed({ data: { kind: 'texts', texts, modality: 'text' }, rows: Uint32Array.from(texts.keys()), features: ['text.global'] }) // biome-ignore format: one line
  ).features['text.global']!;
  await model.close();
  expect(patches.shape).toEqual([patches.width / 32, 32]);
  const side = Math.sqrt(patches.width / 32);
  const byLabel: Record<string, number[]> = {};
  for (let n = 0; n < 8; n++) {
    const text = words.data.subarray(32 * n, 32 * n + 32);
    const cosine = (cell: number) => {
      const at = n * patches.width + 32 * cell;
      const patch = patches.data.subarray(at, at + 32);
      return patch.reduce((sum, value, d) => sum + value * text[d]!, 0) / (Math.hypot(...patch) * Math.hypot(...text));
    };
    const [x0, y0, x1, y1] = boxOf(40 + n) as [number, number, number, number];
    const sides: [number[], number[]] = [[], []];
    // The window of 192 × 192 pixels begins at x = 32.
    for (let y = 0; y < 192; y++) {
      for (let x = 32; x < 224; x++) {
        const cell = Math.floor((y * side) / 192) * side + Math.floor(((x - 32) * side) / 192);
        sides[Number(x >= x0 && x < x1 && y >= y0 && y < y1) as 0 | 1].push(cosine(cell));
      }
    }
    const [outside, inside] = sides.map((values) => {
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length };
    });
    const label = n % 2 ? 'Square' : 'Block';
    const cnr = Math.abs(inside!.mean - outside!.mean) / Math.sqrt(inside!.variance + outside!.variance);
    byLabel[label] = [...(byLabel[label] ?? []), cnr];
  }
  const means = Object.entries(byLabel).map(([label, values]) => {
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    expect(report.metrics[`cnr.${label}`]).toBeCloseTo(mean, 4);
    return mean;
  });
  expect(report.metrics['cnr']).toBeCloseTo((means[0]! + means[1]!) / 2, 4);
});

test('a linear head on frozen patches finds bright squares', async () => {
  const report = JSON.parse(await evaluateBy('segmentation-probe', '--json', '--bootstrap', '0')) as EvaluationReport;
  expect(report.metrics['100%.dice']!).toBeGreaterThan(0.4);
});

test('a published protocol on other data is run, and not compared; the page says so', async () => {
  expect(await evaluateBy('biovil-ms-cxr')).toMatch(
    /not compared with BioViL.*: another protocol\. data set: published 'ms-cxr', here 'boxes'; number of samples: published 1,162, here 8/,
  );
  const results = join(folder, 'results.jsonl');
  writeFileSync(results, await evaluateBy('biovil-ms-cxr', '--json'));
  const out = join(folder, 'biovil.html');
  const { code, stderr } = await gadolinium('report', '--reproduce', 'biovil', results, '--out', out, '--open', 'no')
    .ended;
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const page = readFileSync(out, 'utf8');
  expect(page).toContain('resolution: published 480 pixels, here 128');
  expect(page.match(/<img src="data:image\/jpeg/g)).toHaveLength(8);
});
