import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TrainEvent } from '../../src/events/types.js';
import {
  checkpointOf,
  compile,
  gadolinium,
  readTensors,
  recipeFile,
  type TinyData,
  temporary,
  tinyData,
} from './tiny.js';

// Training under the local launcher: what a lost process costs is time, not a single bit.

const STEPS = 30;
let folder: string;
let data: TinyData;
let recipe: string;

beforeAll(async () => {
  compile();
  folder = temporary();
  recipe = recipeFile(folder);
  data = await tinyData(folder);
  whole = join(folder, 'whole');
  expect(await train(whole).ended).toMatchObject({ code: 0 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const train = (run: string, ...more: string[]) => {
  const set = ['--set', `train.steps=${STEPS}`, '--set', 'checkpoint.everySteps=5'];
  return gadolinium('train', recipe, '--data', data.data, '--run', run, '--json', ...set, ...more);
};
const types = (events: readonly TrainEvent[]) =>
  events.map(({ type }) => type).filter((type) => ['run-started', 'rank-lost', 'run-finished'].includes(type));

/** An uninterrupted run. */
let whole: string;

test('a killed process is replaced by one that goes on, and the run ends with the same bytes', async () => {
  const run = join(folder, 'killed');
  const command = train(run, '--restarts', '1');
  await command.seen('"type":"checkpoint"');
  const { pid } = command.child;
  const rank = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
  process.kill(rank, 'SIGKILL');
  const { code, events } = await command.ended;
  expect(code).toBe(0);
  const story = ['run-started', 'rank-lost', 'run-started', 'run-finished'];
  expect(types(events)).toEqual(story);
  expect(events.find(({ type }) => type === 'rank-lost')).toMatchObject({ lost: 0, pid: rank, signal: 'SIGKILL' });
  const lines = readFileSync(join(run, 'events.jsonl'), 'utf8').trimEnd().split('\n');
  expect(types(lines.map((line) => JSON.parse(line)))).toEqual(story);
  const [a, b] = [readTensors(checkpointOf(run, STEPS)), readTensors(checkpointOf(whole, STEPS))];
  expect(a.bytes.equals(b.bytes)).toBe(true);
});

test('a refused run: its own words, no restart, and no trace in the folder of another', async () => {
  const before = readFileSync(join(whole, 'events.jsonl'), 'utf8');
  const { code, stderr } = await train(whole, '--restarts', '3').ended;
  expect(code).toBe(1);
  expect(stderr).toContain('holds a run');
  expect(stderr).not.toContain('start anew');
  expect(readFileSync(join(whole, 'events.jsonl'), 'utf8')).toBe(before);
});

test('a process without memory: named, with what to do, as the end of the run after who was lost', async () => {
  const wide = ['0', '1'].flatMap((head) => ['--set', `heads.${head}.options.outputWidth=10000000000000`]);
  const { code, stderr, events } = await train(join(folder, 'wide'), '--nproc', '1', ...wide).ended;
  expect(code, stderr).toBe(1);
  expect(events).toMatchObject([
    { type: 'rank-lost', lost: 0, code: 'out-of-memory' },
    { type: 'run-finished', reason: 'failed', error: { code: 'out-of-memory' } },
  ]);
  expect(stderr).toMatch(/train\.batch/);
});

test('wrong usage: status 2, no restart, no folder', async () => {
  const run = join(folder, 'none');
  const { code, stderr } = await train(run, '--restarts', '1', '--set', 'train.nothing=1').ended;
  expect(code).toBe(2);
  expect(stderr).toContain('Unrecognized key: "nothing"');
  expect(stderr).not.toContain('start anew');
  expect(existsSync(run)).toBe(false);
});
