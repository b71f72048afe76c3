import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Table, tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linearProbe, retrieval, zeroShot } from '../../src/config/evaluate.js';
import { extend } from '../../src/config/recipe.js';
import { openRows } from '../../src/evaluate/rows.js';
import type { Evaluation, TrainEvent } from '../../src/events/types.js';
import { image } from '../../src/native/generated.js';
import {
  checkpointOf,
  compile,
  gadolinium,
  recipeFile,
  type TinyData,
  temporary,
  tinyData,
  tinyRecipe,
} from './tiny.js';

// What a checkpoint says by `evaluate` and `embed` is what the run said of the same weights.

let folder: string;
let tiny: TinyData;
let checkpoint: string;
/** Evaluations of the run, by name. */
let during: Map<string, Evaluation>;

beforeAll(async () => {
  compile();
  folder = temporary();
  tiny = await tinyData(folder);
  const recipe = extend(tinyRecipe, {
    // Without what makes learning slow; averages are kept, so that the weights evaluated are not the last ones.
    data: { image: image({ size: 32, channels: 1 }) },
    encoders: { text: { options: { dropout: 0, attentionDropout: 0 } } },
    optimise: { lr: 5e-3, ema: 0.95 },
    evaluate: [
      zeroShot({ labels: 'pattern', prompts: tiny.prompts }),
      retrieval({ gallery: 2 }),
      linearProbe({ labels: 'pattern', fractions: [0.5, 1], grid: [0.1, 1] }),
    ],
  });
  const run = join(folder, 'run');
  const { code, events, stderr } = await gadolinium(
    ...['train', recipeFile(folder, recipe), '--data', tiny.data, '--run', run, '--json', '--set', 'train.steps=200'],
  ).ended;
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(events.filter((event) => event.type === 'warning')).toEqual([]);
  during = new Map(events.flatMap((event) => (event.type === 'evaluation' ? [[event.name, event]] : [])));
  checkpoint = checkpointOf(run, 200);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const evaluateBy = (...args: string[]) =>
  gadolinium('evaluate', ...args, '--checkpoint', checkpoint, '--data', tiny.data, '--json').ended;

describe('evaluate', () => {
  test('all of the recipe: the numbers of the run, each of them', async () => {
    const { code, events, stderr } = await evaluateBy('all', '--bootstrap', '0');
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(during.size).toBe(3);
    const after = events as TrainEvent[];
    expect(after.map((event) => 'name' in event && event.name)).toEqual([...during.keys()]);
    for (const event of after) {
      const { name, metrics, samples } = event as Evaluation;
      const run = during.get(name) as Evaluation;
      expect(samples).toBe(run.samples);
      expect(Object.keys(metrics)).toEqual(Object.keys(run.metrics));
      for (const [metric, value] of Object.entries(run.metrics))
        expect(metrics[metric], `${name}: ${metric}`).toBeCloseTo(value, 6);
    }
  });

  test('a model that has learned the patterns names those of pictures it has not seen', async () => {
    expect(during.get('zero-shot pattern')?.metrics['accuracy']).toBeGreaterThanOrEqual(0.75);
  });

  test('one task, another split, as a table', async () => {
    const { code, stdout } = await gadolinium(
      ...[
        'evaluate',
        'retrieval',
        '--checkpoint',
        checkpoint,
        '--data',
        tiny.data,
        '--split',
        'valid',
        '--bootstrap',
        '0',
      ],
    ).ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/image-to-text\.recall@1/);
  });

  test('what cannot be done is a sentence', async () => {
    for (const [args, sentence] of [
      [['zero-shot', '--labels', 'colour'], /colour/],
      [['guessing'], /'guessing'/],
      [['zero-shot', '--prompts', join(folder, 'none.json')], /none\.json/],
    ] as const) {
      const { code, stderr } = await evaluateBy(...args);
      expect(code, args.join(' ')).toBeGreaterThan(0);
      expect(stderr).toMatch(sentence);
      expect(stderr).not.toMatch(/\n\s+at /);
    }
  });
});

describe('embed', () => {
  const read = (file: string) => tableFromIPC(readFileSync(file));
  const vector = (table: Table, column: string, row: number) =>
    [...(table.getChild(column)?.get(row) ?? [])] as number[];
  const expectClose = (a: number[], b: number[]) => {
    expect(a).toHaveLength(b.length);
    expect(a.length).toBe(32);
    for (const [i, value] of a.entries()) expect(value).toBeCloseTo(b[i] as number, 5);
  };
  let rows: Table;

  beforeAll(async () => {
    const out = join(folder, 'rows.arrow');
    const { code, stderr } = await gadolinium('embed', '--checkpoint', checkpoint, '--data', tiny.data, '--out', out)
      .ended;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    rows = read(out);
  });

  test('rows of a data folder: one a row, in order, a column a feature', () => {
    expect(rows.numRows).toBe(80);
    expect(rows.schema.fields.map(({ name }) => name)).toEqual(['sample_id', 'image.global', 'text.global']);
    expect(vector(rows, 'image.global', 0)).not.toEqual(vector(rows, 'image.global', 1));
  });

  test('retrieval computed from them is that of the run', () => {
    const opened = openRows(tiny.data);
    const test = [...opened.ofSplit('test')];
    opened.close();
    const unit = (values: number[]) => {
      const norm = Math.hypot(...values);
      return values.map((value) => value / norm);
    };
    const images = test.map((row) => unit(vector(rows, 'image.global', row)));
    const texts = test.map((row) => unit(vector(rows, 'text.global', row)));
    const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
    // Cases of one pattern have nearly the same text, and the run's own sums are of single precision: ties may fall either way.
    const recallAt1 = (tie: number) => {
      const best = images.filter((one, i) =>
        texts.every((text, j) => j === i || dot(one, text) < dot(one, texts[i] as number[]) + tie),
      );
      return best.length / test.length;
    };
    const told = during.get('retrieval')?.metrics['image-to-text.recall@1'] as number;
    expect(recallAt1(-1e-5)).toBeLessThanOrEqual(told);
    expect(recallAt1(1e-5)).toBeGreaterThanOrEqual(told);
    expect(told).toBeGreaterThan(0);
  });

  test('image files and texts at hand: the features of the rows that were made of them', async () => {
    const list = join(folder, 'list.txt');
    for (const [option, lines, column, feature] of [
      ['--images', tiny.pictures.slice(0, 5), 'file', 'image.global'],
      ['--texts', tiny.texts.slice(0, 5), 'text', 'text.global'],
    ] as const) {
      writeFileSync(list, `${lines.join('\n')}\n`);
      const out = join(folder, `given${option}.arrow`);
      const { code, stderr } = await gadolinium('embed', '--checkpoint', checkpoint, option, list, '--out', out).ended;
      expect({ code, stderr }).toMatchObject({ code: 0 });
      const given = read(out);
      expect(given.schema.fields.map(({ name }) => name)).toEqual([column, feature]);
      expect([...(given.getChild(column) ?? [])]).toEqual([...lines]);
      for (let row = 0; row < 5; row++) expectClose(vector(given, feature, row), vector(rows, feature, row));
    }
  });

  test('an image that is none is named, and no file is written', async () => {
    const list = join(folder, 'bad.txt');
    const bad = join(folder, 'bad.png');
    writeFileSync(bad, 'no picture');
    writeFileSync(list, `${tiny.pictures[0]}\n${bad}\n`);
    const out = join(folder, 'bad.arrow');
    const { code, stderr } = await gadolinium('embed', '--checkpoint', checkpoint, '--images', list, '--out', out)
      .ended;
    expect(code).toBe(1);
    expect(stderr).toContain(bad);
    expect(() => readFileSync(out)).toThrow();
  });
});
