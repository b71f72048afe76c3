import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EventListener, Step, TrainEvent } from '../../src/events/types.js';
import { train } from '../../src/train/train.js';
import {
  Command,
  compile,
  gadolinium,
  recipeFile,
  root,
  type TinyData,
  temporary,
  tinyData,
  tinyRecipe,
} from './tiny.js';

// What a run says, who may listen and how badly they may behave; and what becomes of the process when its owner leaves early.

let folder: string;
let tiny: TinyData;
let runs = 0;

beforeAll(async () => {
  compile();
  folder = temporary();
  tiny = await tinyData(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const freshRun = () => join(folder, `run-${runs++}`);
const start = (steps: number, listeners: EventListener[] = []) =>
  train({
    recipe: tinyRecipe,
    data: tiny.data,
    run: freshRun(),
    set: [`train.steps=${steps}`, 'evaluate=[]'],
    listeners,
  });

const recorder = (into: TrainEvent[]): EventListener => ({ name: 'recorder', on: (event) => void into.push(event) });
const stepsOf = (events: TrainEvent[]) => events.filter((event): event is Step => event.type === 'step');
const warningsOf = (events: TrainEvent[]) => events.flatMap((event) => (event.type === 'warning' ? [event.code] : []));

describe('listeners', () => {
  const STEPS = 20;
  /** A listener's delay an event and what the steps may take in all: far apart, so that a loaded machine changes nothing. */
  const DELAY = 600;
  const BOUND = 8000;
  /** Milliseconds of the steps themselves, whatever is done with their events. */
  const span = (events: TrainEvent[]) => stepsOf(events).reduce((sum, step) => sum + step.milliseconds.total, 0);

  test('one that takes 600 ms a step, without waiting: the run does not wait for it', async () => {
    const heard: TrainEvent[] = [];
    const seen: number[] = [];
    const slow: EventListener = {
      name: 'slow',
      async on(event) {
        await pause(DELAY);
        if (event.type === 'step') seen.push(event.step);
      },
    };
    const run = start(STEPS, [slow, recorder(heard)]);
    const begun = performance.now();
    while (!heard.some((event) => event.type === 'run-finished')) await pause(5);
    const trained = performance.now() - begun;
    await run.done;
    expect(stepsOf(heard).map(({ step }) => step)).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
    // Had the run waited, its steps would have taken 12 s.
    expect(span(heard)).toBeLessThan(BOUND);
    expect(trained).toBeLessThan(BOUND);
    // In order, and each at most once.
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
  });

  test('one that blocks JavaScript for 600 ms a step: steps go on behind it, and none of their events is lost', async () => {
    const heard: TrainEvent[] = [];
    const blocking: EventListener = {
      name: 'blocking',
      on(event) {
        if (event.type !== 'step') return;
        const end = performance.now() + DELAY;
        while (performance.now() < end);
      },
    };
    const { step } = await start(STEPS, [recorder(heard), blocking]).done;
    expect(step).toBe(STEPS);
    expect(stepsOf(heard)).toHaveLength(STEPS);
    expect(span(heard)).toBeLessThan(BOUND);
  });

  test('one that throws is reported, let go after some times, and the run ends well', async () => {
    const heard: TrainEvent[] = [];
    let calls = 0;
    const throwing: EventListener = {
      name: 'throwing',
      on() {
        calls++;
        throw new Error('the disk of the listener is full');
      },
    };
    const finished = await start(STEPS, [throwing, recorder(heard)]).done;
    expect(finished).toMatchObject({ reason: 'done', step: STEPS });
    expect(calls).toBeLessThan(STEPS);
    expect(warningsOf(heard)).toEqual(['listener-failed', 'listener-detached']);
    const [said] = heard.filter((event) => event.type === 'warning');
    expect(said).toMatchObject({ message: expect.stringContaining('the disk of the listener is full') });
  });

  test('one that never answers does not keep the run from ending', async () => {
    const finished = await start(4, [{ name: 'hanging', on: () => new Promise<void>(() => {}) }]).done;
    expect(finished).toMatchObject({ reason: 'done', step: 4 });
  }, 20_000);
});

describe('the command', () => {
  test('--json: one event a line on standard output and nothing else; people read standard error', async () => {
    const run = freshRun();
    const { code, stdout, stderr } = await gadolinium(
      ...['train', recipeFile(folder), '--data', tiny.data, '--run', run, '--json', '--set', 'train.steps=6'],
    ).ended;
    expect(code).toBe(0);
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as TrainEvent);
    expect(events.map(({ type }) => type)).toEqual([
      'run-started',
      ...Array<string>(6).fill('step'),
      'evaluation',
      'checkpoint',
      'run-finished',
    ]);
    for (const { time, rank } of events) {
      expect(rank).toBe(0);
      expect(Math.abs(Date.now() - time)).toBeLessThan(60_000);
    }
    expect(stderr).toMatch(/done at step 6/);
    // The run folder keeps the same.
    expect(readFileSync(join(run, 'events.jsonl'), 'utf8')).toBe(stdout);
  });

  test('a reader that closes standard output early does not end the run', async () => {
    const run = freshRun();
    const command = gadolinium(
      ...['train', recipeFile(folder), '--data', tiny.data, '--run', run, '--json', '--set', 'train.steps=40'],
    );
    await command.seen('"type":"step"');
    command.child.stdout?.destroy();
    expect((await command.ended).code).toBe(0);
    expect(readFileSync(join(run, 'events.jsonl'), 'utf8')).toMatch(/"reason":"done"/);
  });
});

describe('the library', () => {
  test('a loop over a run hears everything, from the first event to the last', async () => {
    const heard: TrainEvent[] = [];
    const run = start(8);
    for await (const event of run) heard.push(event);
    expect(heard.map(({ type }) => type)).toEqual([
      'run-started',
      ...Array<string>(8).fill('step'),
      'checkpoint',
      'run-finished',
    ]);
    expect(await run.done).toEqual(heard.at(-1));
    for (const step of stepsOf(heard)) {
      expect(step).toMatchObject({
        samples: step.step * 8,
        losses: { 'global-contrast': expect.any(Number) },
        gradientNorms: { image: expect.any(Number), text: expect.any(Number) },
        memory: { now: expect.any(Number), peak: expect.any(Number) },
      });
    }
  });

  test('leaving the loop early ends the loop and not the run', async () => {
    const run = start(8);
    for await (const event of run) if (event.type === 'step') break;
    expect(await run.done).toMatchObject({ reason: 'done', step: 8 });
  });

  test('stop() ends after the step at hand, with a checkpoint', async () => {
    const heard: TrainEvent[] = [];
    const run = start(100_000);
    for await (const event of run) {
      heard.push(event);
      if (event.type === 'step' && event.step === 3) run.stop();
    }
    const finished = await run.done;
    expect(finished.reason).toBe('stopped');
    expect(finished.step).toBeGreaterThanOrEqual(3);
    expect(finished.step).toBeLessThan(1000);
    const written = heard.filter((event) => event.type === 'checkpoint');
    expect(written).toMatchObject([{ reason: 'request', step: finished.step }]);
  });

  test('stop() at once ends a run that has hardly begun', async () => {
    const run = start(100_000);
    run.stop();
    const finished = await run.done;
    expect(finished.reason).toBe('stopped');
    expect(finished.step).toBeLessThan(10);
  });

  test('stop() and checkpoint() after the end do nothing', async () => {
    const run = start(2);
    await run.done;
    run.checkpoint();
    run.stop();
    expect(await run.done).toMatchObject({ reason: 'done' });
  });

  test('two runs, one after the other and at the same time, give the same losses', async () => {
    const losses = async () => {
      const heard: TrainEvent[] = [];
      await start(10, [recorder(heard)]).done;
      return stepsOf(heard).map(({ loss }) => loss);
    };
    const first = await losses();
    expect(first).toHaveLength(10);
    expect(await losses()).toEqual(first);
    expect(await Promise.all([losses(), losses()])).toEqual([first, first]);
  });
});

describe('leaving in the middle', () => {
  const module = pathToFileURL(join(root, 'dist/src/index.js')).href;
  /** A program of a user: the run is made and `more` is what happens to it. */
  const program = (more: string) =>
    new Command([
      '--input-type=module',
      '-e',
      `
      const { train } = await import(${JSON.stringify(module)});
      const { default: recipe } = await import(${JSON.stringify(pathToFileURL(recipeFile(folder)).href)});
      const run = train({ recipe, data: ${JSON.stringify(tiny.data)}, run: ${JSON.stringify(freshRun())}, set: ['train.steps=100000'] });
      ${more}`,
    ]).ended;

  test('process.exit ends with its own status', async () => {
    const { code, signal, stderr } = await program(
      `for await (const event of run) if (event.type === 'step' && event.step === 5) process.exit(7);`,
    );
    expect({ code, signal, stderr }).toMatchObject({ code: 7, signal: null });
  });

  test('an uncaught exception ends with 1 and its message', async () => {
    const { code, signal, stderr } = await program(
      `for await (const event of run) if (event.type === 'step' && event.step === 5) setTimeout(() => { throw new Error('mine'); });`,
    );
    expect({ code, signal }).toEqual({ code: 1, signal: null });
    expect(stderr).toMatch(/Error: mine/);
  });

  test('an exception inside the loop: the same', async () => {
    const { code, signal, stderr } = await program(
      `for await (const event of run) if (event.type === 'step' && event.step === 5) throw new Error('mine');`,
    );
    expect({ code, signal }).toEqual({ code: 1, signal: null });
    expect(stderr).toMatch(/Error: mine/);
  });

  test.each([0, 60, 300])('a worker thread that is terminated %i ms after the first step', async (wait) => {
    const source = `
      const { parentPort } = require('node:worker_threads');
      (async () => {
        const { train } = await import(${JSON.stringify(module)});
        const { default: recipe } = await import(${JSON.stringify(pathToFileURL(recipeFile(folder)).href)});
        const run = train({ recipe, data: ${JSON.stringify(tiny.data)}, run: ${JSON.stringify(freshRun())}, set: ['train.steps=100000', 'checkpoint.everySteps=3'] });
        for await (const event of run) parentPort.postMessage(event.type);
      })();`;
    const { code, signal, stdout, stderr } = await new Command([
      '--input-type=module',
      '-e',
      `
      import { Worker } from 'node:worker_threads';
      const worker = new Worker(${JSON.stringify(source)}, { eval: true, execArgv: [] });
      worker.on('message', (type) => {
        if (type === 'step') setTimeout(async () => { console.log('ended with', await worker.terminate()); }, ${wait});
        if (type === 'step') worker.removeAllListeners('message');
      });`,
    ]).ended;
    expect({ code, signal, stderr }).toMatchObject({ code: 0, signal: null });
    expect(stdout).toMatch(/ended with 1/);
  });
});
