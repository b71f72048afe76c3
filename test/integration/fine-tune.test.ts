import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { extend } from '../../src/config/recipe.js';
import type { EvaluationReport } from '../../src/evaluate/evaluate.js';
import { image } from '../../src/native/generated.js';
import { checkpointOf, compile, gadolinium, readTensors, recipeFile, type TinyData, temporary, tinyData, tinyRecipe } from './tiny.js'; // biome-ignore format: one line

// A checkpoint's encoder, trained on with 25 and 100 % of the labels.

let folder: string;
let tiny: TinyData;
let checkpoint: string;

beforeAll(async () => {
  compile();
  folder = temporary();
  tiny = await tinyData(folder);
  const recipe = extend(tinyRecipe, {
    data: { image: image({ size: 32, channels: 1 }) },
    evaluate: [],
    optimise: { ema: 0 },
  });
  const run = join(folder, 'run');
  const steps = ['--set', 'train.steps=8'];
  const { code, stderr } = await gadolinium('train', recipeFile(folder, recipe), '--data', tiny.data, '--run', run, '--json', ...steps).ended; // biome-ignore format: one line
  expect({ code, stderr }).toMatchObject({ code: 0 });
  checkpoint = checkpointOf(run, 8);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tune = (...args: string[]) =>
  gadolinium('evaluate', 'fine-tune', '--checkpoint', checkpoint, '--data', tiny.data, '--labels', 'pattern', ...args)
    .ended;

/** The stem's convolution. */
function firstWeights(file: string): number[] {
  const { tensors, bytes } = readTensors(file);
  const [from, to] = (tensors['encoders.image.conv1.weight'] as { data_offsets: [number, number] }).data_offsets;
  return [...new Float32Array(Uint8Array.from(bytes.subarray(from, to)).buffer)];
}

test('each share is a run from the checkpoint, measured by the weights that were best on valid', async () => {
  const runs = join(folder, 'tuned');
  const set = ['--set', 'fractions=[0.25,1]', '--set', 'epochs=12', '--set', 'lr=0.003', '--set', 'batch=16'];
  const { code, stdout, stderr } = await tune('--runs', runs, '--json', '--bootstrap', '20', ...set);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const report = JSON.parse(stdout) as EvaluationReport;
  expect(report).toMatchObject({
    task: 'fine-tune',
    name: 'fine-tune pattern',
    samples: 8,
    protocol: { dataset: 'table', split: 'test', samples: 8, encoder: 'tuned', head: 'linear' },
    model: { resolution: 32 },
  });
  expect(report.metrics['100%.auroc.macro']!).toBeGreaterThan(0.9);
  expect(report.metrics['100%.auroc.macro.low']!).toBeLessThanOrEqual(report.metrics['100%.auroc.macro']!);
  expect(report.metrics['25%.auroc.macro']).toBeDefined();
  expect(report.table!.rows.map((row) => row.slice(0, 2))).toEqual([['25%', 16], ['100%', 64]]); // biome-ignore format: one line
  for (const [share, rows] of [
    ['25', 16],
    ['100', 64],
  ] as const) {
    const run = join(runs, `${share}-percent`);
    const events = readFileSync(join(run, 'events.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line)); // biome-ignore format: one line
    expect(events[0].data.training).toBe(rows);
    // Every epoch looks at valid, and never at test.
    const evaluations = events.filter(({ type }) => type === 'evaluation');
    expect(evaluations).toHaveLength(12);
    expect(evaluations.every(({ name }) => name === 'valid')).toBe(true);
    expect(existsSync(join(run, 'checkpoints/best.safetensors'))).toBe(true);
    const config = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'));
    expect(config.encoders.image.init).toMatchObject({ file: checkpoint, from: 'encoders.image' });
    // The encoder was trained, too: its first weights are near those of the checkpoint, and not they.
    const [old, tuned] = [checkpoint, join(run, 'checkpoints/best.safetensors')].map(firstWeights) as [
      number[],
      number[],
    ];
    const moved = Math.max(...old.map((value, i) => Math.abs(value - tuned[i]!)));
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThan(0.3);
  }
});

test('what is missing is a sentence', async () => {
  const without = await tune();
  expect(without.code).toBeGreaterThan(0);
  expect(without.stderr).toMatch(/--runs/);
  const wrong = await tune('--runs', join(folder, 'none'), '--set', 'features=image.findings');
  expect(wrong.code).toBeGreaterThan(0);
  expect(wrong.stderr).toMatch(/image\.findings/);
  const patches = await tune('--runs', join(folder, 'none'), '--set', 'features=image.patches');
  expect(patches.code).toBeGreaterThan(0);
  expect(patches.stderr).toMatch(/one vector a sample/);
  expect(existsSync(join(folder, 'none'))).toBe(false);
});
