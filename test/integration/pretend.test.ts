import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { extend } from '../../src/config/recipe.js';
import type { RunStarted, Step } from '../../src/events/types.js';
import { hardwareFrom } from '../../src/profile/hardware.js';
import { pretend } from '../../src/profile/pretend.js';
import { compile, gadolinium, recipeFile, type TinyData, temporary, tinyData, tinyRecipe } from './tiny.js';

// What `--pretend-world` tells, beside what real processes then do.

const recipe = extend(tinyRecipe, { train: { steps: 1, threads: 1, loaderThreads: 1 } as object, evaluate: [] });
let folder: string;
let data: TinyData;
let file: string;

beforeAll(async () => {
  compile();
  folder = temporary();
  data = await tinyData(folder);
  file = recipeFile(folder, recipe);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const forecastOf = (world: number, set: string[] = []) =>
  pretend({ recipe: file, data: data.data, world, set, hardware: hardwareFrom({}) });

async function firstStep(name: string, set: string[], ...more: string[]): Promise<{ step: Step; started: RunStarted }> {
  const sets = set.flatMap((one) => ['--set', one]);
  const run = join(folder, name);
  const { events, stderr } = await gadolinium(
    'train',
    file,
    '--data',
    data.data,
    '--run',
    run,
    '--json',
    ...sets,
    ...more,
  ).ended;
  const step = events.find((event): event is Step => event.type === 'step');
  const started = events.find((event): event is RunStarted => event.type === 'run-started');
  if (!step || !started) throw new Error(`no step: ${stderr}`);
  return { step, started };
}

describe('what processes send each other', () => {
  test.each([
    [2, 'whole gradients', []],
    [4, 'gradients in half the bytes', ['train.gradientCompression=bf16']],
    [2, 'gradient caching', ['train.accumulate=2']],
    [2, "shares of the optimiser's state", ['optimise.sharded=true', 'optimise.optimiser.optimiser=lamb']],
    [2, 'local negatives', ['train.negatives=local']],
  ])('%i processes, %s', async (world, name, set) => {
    const told = (await forecastOf(world, set)).worlds.find((one) => one.world === world)!;
    const bytes: Record<string, number> = {};
    for (const { purpose, kind, bytes: sent } of told.traffic) {
      // Said before and after what a step event counts.
      if (/^(lengths of texts|agreement)/.test(purpose)) continue;
      bytes[kind] = (bytes[kind] ?? 0) + sent;
    }
    const { step } = await firstStep(`${world} ${name}`, set, '--nproc', String(world));
    const real = Object.fromEntries(Object.entries(step.collectives!).map(([kind, { bytes }]) => [kind, bytes]));
    expect(real).toEqual(bytes);
    const gathers = told.traffic.filter(({ kind }) => kind === 'all-gather').reduce((sum, { calls }) => sum + calls, 0);
    expect(step.collectives!['all-gather']!.calls).toBe(gathers);
    const flops = (step.flopsPerSecond! * step.milliseconds.total) / 1000;
    expect(flops / told.modelFlops).toBeCloseTo(1, 9);
  });
});

test('the operations of one process are those that its step event tells, as a share of a measured peak', async () => {
  const [told] = (await forecastOf(1)).worlds;
  const { step, started } = await firstStep('alone', []);
  // Beside the moments a count of steps for each tensor, of four bytes.
  expect(Math.abs(started.optimiserBytes / told!.memory.optimiser - 1)).toBeLessThan(1e-3);
  expect((step.flopsPerSecond! * step.milliseconds.total) / 1000 / told!.modelFlops).toBeCloseTo(1, 9);
  expect(step.mfu).toBeGreaterThan(0);
  expect(step.collectives).toBeUndefined();
});

describe('the command', () => {
  test('tells tables, or one line with --json, writes a page and nothing else', async () => {
    const before = readdirSync(folder);
    const page = join(folder, 'forecast.html');
    const words = ['train', file, '--data', data.data, '--pretend-world', '8', '--page', page];
    const { code, stdout } = await gadolinium(...words, '--card', 'a100-80').ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ +8 +1 /m);
    expect(readdirSync(folder).sort()).toEqual([...before, 'forecast.html'].sort());
    const json = await gadolinium(...words, '--json').ended;
    const told = JSON.parse(json.stdout);
    expect(told).toMatchObject({ type: 'forecast', batch: 8, card: 'h100' });
    expect(told.worlds.map(({ world }: { world: number }) => world)).toEqual([1, 2, 4, 8]);
  });

  test.each([
    [['--pretend-world', '3'], 'expected a multiple of the world size 3 for train.batch but got 8'],
    [['--pretend-world', '0.5'], 'expected a whole number from 1 for --pretend-world but got 0.5'],
    [['--pretend-world', '2', '--card', 'abacus'], "for --card but got 'abacus'"],
    [[], 'expected a folder for --run but got nothing'],
  ])('%j is refused', async (words, message) => {
    const { code, stderr } = await gadolinium('train', file, '--data', data.data, ...words).ended;
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
    expect(existsSync('forecast.html')).toBe(false);
  });
});
