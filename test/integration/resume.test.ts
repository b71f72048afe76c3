import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listCheckpoints } from '../../src/checkpoint/files.js';
import { extend } from '../../src/config/recipe.js';
import type { TrainEvent } from '../../src/events/types.js';
import { lamb, plateau, sgd, text } from '../../src/native/generated.js';
import { train as start } from '../../src/train/train.js';
import {
  checkpointOf,
  compile,
  gadolinium,
  readTensors,
  recipeFile,
  type TinyData,
  temporary,
  tinyData,
  tinyRecipe,
} from './tiny.js';

// A run that is stopped or killed and resumed ends with the bytes of one that was left alone, dropout, augmentation, sentence
// order, averaged weights, schedule and clipping included.

const STEPS = 100;
let folder: string;
let data: TinyData;
let recipe: string;
/** The uninterrupted run, with checkpoints at 60, 80 and 100. */
let whole: string;

const train = (run: string, ...more: string[]) =>
  gadolinium('train', recipe, '--data', data.data, '--run', run, '--json', '--set', `train.steps=${STEPS}`, ...more);
const often = ['--set', 'checkpoint.everySteps=1'];
const seldom = ['--set', 'checkpoint.everySteps=20'];

beforeAll(async () => {
  compile();
  folder = temporary();
  recipe = recipeFile(folder);
  data = await tinyData(folder);
  whole = join(folder, 'whole');
  expect(await train(whole, ...seldom).ended).toMatchObject({ code: 0, signal: null });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The tensors and their bytes: weights, averages, moments, counters. */
function expectSameEnd(run: string): void {
  const [a, b] = [readTensors(checkpointOf(run, STEPS)), readTensors(checkpointOf(whole, STEPS))];
  expect(Object.keys(a.tensors).length).toBeGreaterThan(100);
  expect(a.tensors).toEqual(b.tensors);
  expect(a.bytes.equals(b.bytes), 'bytes of the last checkpoint').toBe(true);
  expect(JSON.parse(a.metadata['position'] as string)).toEqual(JSON.parse(b.metadata['position'] as string));
}

function flipByte(file: string, at = -100): void {
  const bytes = readFileSync(file);
  const place = (at + bytes.length) % bytes.length;
  bytes[place] = (bytes[place] as number) ^ 0x10;
  writeFileSync(file, bytes);
}

/** A copy of the uninterrupted run whose newest `damaged` checkpoints have a flipped byte. */
function damagedCopy(name: string, damaged: number): { run: string; files: string[] } {
  const run = join(folder, name);
  cpSync(whole, run, { recursive: true });
  const files = listCheckpoints(run)
    .slice(0, damaged)
    .map(({ file }) => file);
  for (const file of files) flipByte(file);
  return { run, files };
}

const warnings = (events: TrainEvent[], code: string) =>
  events.filter((event) => event.type === 'warning' && event.code === code);
const named = <T extends TrainEvent['type']>(events: TrainEvent[], type: T) =>
  events.filter((event): event is Extract<TrainEvent, { type: T }> => event.type === type);

/** Numbers in [0, 1), the same in every run of the test. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

test('killed with SIGKILL twenty times, in start-up, between steps and while a checkpoint is written', async () => {
  const random = seeded(7);
  let kills = 0;
  let halfWritten = 0;
  for (let chain = 0; kills < 20; chain++) {
    const run = join(folder, `chain-${chain}`);
    const checkpoints = join(run, 'checkpoints');
    mkdirSync(checkpoints, { recursive: true });
    for (;;) {
      const command = train(run, ...often, '--resume');
      if (kills < 20) {
        if (kills % 5 === 0) {
          // At any moment of the start or of the first steps.
          void pause(random() * 1500).then(() => command.child.kill('SIGKILL'));
        } else if (kills % 5 < 3) {
          void command
            .seen('"type":"step"')
            .then(() => pause(random() * 250))
            .then(
              () => command.child.kill('SIGKILL'),
              () => {},
            );
        } else {
          // As soon as a checkpoint begins to be written, after some that were.
          let left = 1 + Math.floor(random() * 4);
          const watcher = watch(checkpoints, (_, name) => {
            if (name?.endsWith('.tmp') && --left <= 0) command.child.kill('SIGKILL');
          });
          void command.ended.then(() => watcher.close());
        }
      }
      const { code, signal, stderr } = await command.ended;
      if (signal === 'SIGKILL') {
        kills++;
        if (readdirSync(checkpoints).some((name) => name.endsWith('.tmp'))) halfWritten++;
        continue;
      }
      expect({ code, stderr }).toMatchObject({ code: 0 });
      break;
    }
    expectSameEnd(run);
    expect(readdirSync(checkpoints).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  }
  expect(kills).toBe(20);
  expect(halfWritten).toBeGreaterThan(0);
}, 120_000);

describe('signals', () => {
  test('SIGTERM: a checkpoint, status 143, and the rest on --resume', async () => {
    const run = join(folder, 'terminated');
    const command = train(run);
    await command.seen('"type":"step"');
    command.child.kill('SIGTERM');
    const { code, events } = await command.ended;
    expect(code).toBe(143);
    const [end] = named(events, 'run-finished');
    expect(end).toMatchObject({ reason: 'stopped' });
    expect(end?.step).toBeLessThan(STEPS);
    expect(named(events, 'checkpoint')).toMatchObject([{ reason: 'signal', step: end?.step }]);
    const rest = await train(run, '--resume').ended;
    expect(rest.code).toBe(0);
    expect(named(rest.events, 'run-started')).toMatchObject([
      { from: end?.step, resumed: checkpointOf(run, end?.step as number) },
    ]);
    expectSameEnd(run);
  });

  test('SIGUSR1: a checkpoint, and it goes on', async () => {
    const run = join(folder, 'noticed');
    const command = train(run);
    await command.seen('"type":"step"');
    command.child.kill('SIGUSR1');
    const { code, events } = await command.ended;
    expect(code).toBe(0);
    expect(named(events, 'checkpoint').map(({ reason }) => reason)).toEqual(['signal', 'end']);
    expectSameEnd(run);
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('%s before the first step ends the run all the same, with status %i', async (signal, status) => {
    const command = train(join(folder, `early-${signal}`));
    await command.seen('"type":"run-started"');
    command.child.kill(signal);
    expect((await command.ended).code).toBe(status);
  });
});

describe('damaged checkpoints', () => {
  test.each([1, 2])('the newest %i: each is named, the one before is used, the end is the same', async (count) => {
    const { run, files } = damagedCopy(`damaged-${count}`, count);
    const { code, events } = await train(run, ...seldom, '--resume', '--set', 'checkpoint.keep=1').ended;
    expect(code).toBe(0);
    const said = warnings(events, 'checkpoint-damaged').map((event) => ('message' in event ? event.message : ''));
    expect(said).toHaveLength(count);
    for (const [i, file] of files.entries()) expect(said[i]).toContain(file);
    expect(named(events, 'run-started')).toMatchObject([{ from: STEPS - 20 * count }]);
    expectSameEnd(run);
  });

  test('a newer damaged one does not push out the good ones written after it', async () => {
    const { run, files } = damagedCopy('pushed', 1);
    // Stopped on the way: what is kept then must be whole.
    const command = train(run, ...often, '--resume', '--set', 'checkpoint.keep=1');
    await command.seen('"type":"checkpoint"');
    command.child.kill('SIGKILL');
    await command.ended;
    expect(existsSync(files[0] as string)).toBe(false);
    const rest = await train(run, ...seldom, '--resume').ended;
    expect(warnings(rest.events, 'checkpoint-damaged')).toEqual([]);
    expect(named(rest.events, 'run-started')[0]?.from).toBeGreaterThan(STEPS - 20);
    expectSameEnd(run);
  });

  test('all of them: an error, and none is touched', async () => {
    const { run, files } = damagedCopy('ruined', 3);
    const { code, events, stderr } = await train(run, '--resume').ended;
    expect(code).toBe(1);
    expect(named(events, 'run-finished')).toMatchObject([{ reason: 'failed', error: { code: 'bad-checkpoint' } }]);
    expect(stderr).toMatch(/expected a whole checkpoint for --resume of .* but got 'damaged ones only'/);
    for (const file of files) expect(existsSync(file), file).toBe(true);
  });

  test('cut short, it is as good as damaged', async () => {
    const { run, files } = damagedCopy('cut', 1);
    const file = files[0] as string;
    writeFileSync(file, readFileSync(file).subarray(0, 5000));
    const { code, events } = await train(run, ...seldom, '--resume').ended;
    expect(code).toBe(0);
    expect(warnings(events, 'checkpoint-damaged')).toHaveLength(1);
    expectSameEnd(run);
  });
});

describe('the best checkpoint', () => {
  const metric = 'retrieval/image-to-text.mean-rank';
  const options = ['--set', 'train.evaluateEvery=7', '--set', 'checkpoint.keep=1'];
  const bestOf = (run: string) => JSON.parse(readFileSync(join(run, 'checkpoints', 'best.json'), 'utf8'));
  const lowest = (events: TrainEvent[]) => {
    const told = named(events, 'evaluation').map(({ step, metrics }) => ({
      step,
      value: metrics['image-to-text.mean-rank'] as number,
    }));
    return told.reduce((best, one) => (one.value < best.value ? one : best));
  };

  test('is that of the best evaluation, also where no checkpoint was due, and stays so across a resume', async () => {
    const best = recipeFile(data.source, {
      ...tinyRecipe,
      checkpoint: { everySteps: 0, everyMinutes: 0, best: { metric, mode: 'min' } },
    });
    const run = join(folder, 'best');
    const start = (...more: string[]) =>
      gadolinium(
        'train',
        best,
        '--data',
        data.data,
        '--run',
        run,
        '--json',
        '--set',
        `train.steps=${STEPS}`,
        ...options,
        ...more,
      );
    const command = start();
    await command.seen('"step":50,');
    command.child.kill('SIGTERM');
    const first = await command.ended;
    expect(first.code).toBe(143);
    const early = lowest(first.events);
    expect(bestOf(run)).toEqual({ metric, ...early });
    const rest = await start('--resume').ended;
    expect(rest.code).toBe(0);
    const late = lowest(rest.events);
    const expected = late.value < early.value ? late : early;
    expect(bestOf(run)).toEqual({ metric, ...expected });
    const { metadata } = readTensors(join(run, 'checkpoints', 'best.safetensors'));
    expect(JSON.parse(metadata['position'] as string)).toMatchObject({ step: expected.step });
    // Evaluating draws no random number of training's and moves no weight.
    expectSameEnd(run);
  });
});

describe('from the middle of an epoch, bit-equal', () => {
  const middle = async (name: string, changes: Parameters<typeof extend>[1]) => {
    const recipe = extend(tinyRecipe, changes);
    const options = { recipe, data: data.data, set: ['train.steps=12', 'checkpoint.everySteps=5'] };
    const run = join(folder, `middle-${name}`);
    await start({ ...options, run }).done;
    const end = readTensors(checkpointOf(run, 12));
    rmSync(checkpointOf(run, 12));
    await start({ ...options, run, resume: true }).done;
    const again = readTensors(checkpointOf(run, 12));
    expect(again.tensors).toEqual(end.tensors);
    expect(again.bytes.equals(end.bytes)).toBe(true);
    expect(JSON.parse(again.metadata['position'] as string)).toEqual(JSON.parse(end.metadata['position'] as string));
  };

  test.each<[string, Parameters<typeof extend>[1]]>([
    ['gradient-caching', { train: { accumulate: 4 } }],
    ['recompute', { encoders: { text: { recompute: true }, image: { recompute: true } } }],
    ['bf16', { train: { precision: 'bf16' } }],
    ['sgd', { optimise: { optimiser: sgd({ momentum: 0.9 }) } }],
    ['lamb', { optimise: { optimiser: lamb() } }],
    [
      'plateau',
      {
        optimise: { schedule: plateau({ patience: 1 }), watch: 'retrieval/image-to-text.mean-rank' },
        train: { evaluateEvery: 2 },
      },
    ],
    ['apart', { sampling: { order: 'apart' } }],
    ['balanced', { sampling: { order: 'balanced', labels: 'pattern' } }],
    ['masked-words', { data: { text: text({ maxTokens: 32, maskProbability: 0.3, shuffle: true, sentences: 2 }) } }],
    ['one-loader-thread', { train: { loaderThreads: 1, threads: 1 } }],
  ])('%s', middle);
});

describe('what cannot be resumed', () => {
  test('another value in the recipe is named by its path', async () => {
    const { code, stderr } = await train(whole, '--resume', '--set', 'optimise.lr=0.5').ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/optimise\.lr was 0\.002, now 0\.5/);
    expect(JSON.parse(readFileSync(join(whole, 'config.json'), 'utf8')).optimise.lr).toBe(0.002);
  });

  test('another data set is refused', async () => {
    const other = join(folder, 'other');
    mkdirSync(other);
    const { data: folderOfOther } = await tinyData(other, { training: 48 });
    const { code, stderr } = await gadolinium(
      'train',
      recipe,
      '--data',
      folderOfOther,
      '--run',
      whole,
      '--resume',
      '--set',
      `train.steps=${STEPS}`,
    ).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/expected the data set of the checkpoint/);
  });

  test('a folder with a run, without --resume', async () => {
    const said = readFileSync(join(whole, 'events.jsonl'));
    const { code, events, stderr } = await train(whole).ended;
    expect(readFileSync(join(whole, 'events.jsonl')).equals(said), 'events of the old run').toBe(true);
    expect(code).toBe(1);
    expect(stderr).toMatch(/holds a run/);
    expect(named(events, 'run-finished')).toMatchObject([{ error: { code: 'run-exists' } }]);
  });

  test('a finished run has nothing left to do', async () => {
    const before = readFileSync(checkpointOf(whole, STEPS));
    const { code, events } = await train(whole, '--resume').ended;
    expect(code).toBe(0);
    expect(named(events, 'step')).toEqual([]);
    expect(readFileSync(checkpointOf(whole, STEPS)).equals(before)).toBe(true);
  });
});
