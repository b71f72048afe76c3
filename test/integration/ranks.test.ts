import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { extend } from '../../src/config/recipe.js';
import type { Step, TrainEvent } from '../../src/events/types.js';
import { vit } from '../../src/native/generated.js';
import {
  type Command,
  checkpointOf,
  compile,
  type Ended,
  gadolinium,
  readTensors,
  recipeFile,
  type TinyData,
  temporary,
  tinyData,
  tinyRecipe,
} from './tiny.js';

// Several processes on this machine train as one does: the same losses, weights and metrics; a rank that is killed is named, and the
// run goes on from its last checkpoint, with as many processes or another number.

const STEPS = 12;
let folder: string;
let data: TinyData;
let recipe: string;
/** What one process does. */
let alone: Ended;

beforeAll(async () => {
  compile();
  folder = temporary();
  // No BatchNorm: a small residual network carries a rounding of 1e-7 to 1e-3 within these steps, in one process too.
  const ours = extend(tinyRecipe, {
    encoders: {
      image: vit({
        imageSize: 32,
        patchSize: 8,
        inputChannels: 1,
        width: 64,
        depth: 2,
        heads: 2,
        dropout: 0.1,
        dropPath: 0.1,
      }),
    },
    train: { steps: STEPS, threads: 1, loaderThreads: 1 },
  });
  recipe = recipeFile(folder, ours);
  data = await tinyData(folder);
  alone = await train('one').ended;
  expect(alone.code, alone.stderr).toBe(0);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const train = (run: string, ...more: string[]) =>
  gadolinium('train', recipe, '--data', data.data, '--run', join(folder, run), '--json', ...more);

const stepsOf = (events: TrainEvent[]) => events.filter((event): event is Step => event.type === 'step');
const metricsOf = (events: TrainEvent[]) =>
  events.flatMap((event) => (event.type === 'evaluation' ? [event.metrics] : []));

/** The largest difference of any number that both checkpoints hold. */
function apart(a: string, b: string): number {
  const [one, other] = [readTensors(a), readTensors(b)];
  expect(one.tensors).toEqual(other.tensors);
  let most = 0;
  for (const {
    dtype,
    data_offsets: [from, to],
  } of Object.values(one.tensors) as {
    dtype: string;
    data_offsets: [number, number];
  }[]) {
    if (dtype !== 'F32') continue;
    for (let at = from; at < to; at += 4)
      most = Math.max(most, Math.abs(one.bytes.readFloatLE(at) - other.bytes.readFloatLE(at)));
  }
  return most;
}

/** Processes that a launcher started, in the order of their ranks. */
function ranksOf({ child: { pid } }: Command): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  const rank = (child: number) =>
    Number(/(?:^|\0)RANK=(\d+)/.exec(readFileSync(`/proc/${child}/environ`, 'latin1'))?.[1]);
  return children.sort((a, b) => rank(a) - rank(b));
}

describe('several processes', () => {
  /** Long enough to be disturbed; one that was not is compared with. */
  const often = ['--nproc', '2', '--set', 'checkpoint.everySteps=2', '--set', 'train.steps=60'];

  test('end as one does, to rounding, and any one of them resumes the others', async () => {
    for (const world of [2, 4]) {
      const { code, stderr, events } = await train(`of-${world}`, '--nproc', String(world)).ended;
      expect(code, stderr).toBe(0);
      expect(events.find(({ type }) => type === 'run-started')).toMatchObject({
        world,
        negatives: expect.stringMatching(/over . processes/),
      });
      const [mine, theirs] = [stepsOf(alone.events), stepsOf(events)];
      expect(theirs.map(({ step, samples }) => [step, samples])).toEqual(
        mine.map(({ step, samples }) => [step, samples]),
      );
      for (const [i, { loss }] of theirs.entries()) expect(Math.abs(loss / mine[i]!.loss - 1)).toBeLessThan(1e-5);
      expect(
        apart(checkpointOf(join(folder, 'one'), STEPS), checkpointOf(join(folder, `of-${world}`), STEPS)),
      ).toBeLessThan(1e-4);
      expect(metricsOf(events)).toEqual(metricsOf(alone.events));
      expect(theirs.at(-1)?.milliseconds['communication']).toBeGreaterThan(0);
    }
    // Half of the way with two, the rest with one.
    const half = await train('half', '--nproc', '2', '--set', `train.steps=${STEPS / 2}`).ended;
    expect(half.code, half.stderr).toBe(0);
    const rest = await train('half', '--resume').ended;
    expect(rest.code, rest.stderr).toBe(0);
    expect(stepsOf(rest.events)[0]?.step).toBe(STEPS / 2 + 1);
    expect(apart(checkpointOf(join(folder, 'one'), STEPS), checkpointOf(join(folder, 'half'), STEPS))).toBeLessThan(
      1e-4,
    );
  }, 240_000);

  test("share the optimiser's state among them, and any number goes on from what they keep", async () => {
    const sharded = ['--set', 'optimise.sharded=true'];
    const bytes = (events: TrainEvent[]) =>
      events.flatMap((event) => (event.type === 'run-started' ? [event.optimiserBytes] : []))[0] ?? Number.NaN;
    // Half of the way with some, the rest with others.
    for (const [world, more] of [
      [2, []],
      [4, ['--nproc', '2', ...sharded]],
    ] as const) {
      const run = `shares-${world}`;
      const half = await train(run, '--nproc', `${world}`, '--set', `train.steps=${STEPS / 2}`, ...sharded).ended;
      expect(half.code, half.stderr).toBe(0);
      expect((bytes(half.events) / bytes(alone.events)) * world, `share of ${world} processes`).toBeCloseTo(1, 1);
      const rest = await train(run, '--resume', ...more).ended;
      expect(rest.code, rest.stderr).toBe(0);
      expect(apart(checkpointOf(join(folder, 'one'), STEPS), checkpointOf(join(folder, run), STEPS))).toBeLessThan(
        1e-4,
      );
    }
  }, 240_000);

  test('one of which is killed: it is named, and the run goes on to the same end', async () => {
    const command = train('killed', ...often, '--restarts', '1');
    await command.seen('"step":7,');
    process.kill(ranksOf(command)[1]!, 'SIGKILL');
    const { code, stderr, events } = await command.ended;
    expect(code, stderr).toBe(0);
    expect(events.filter(({ type }) => type === 'rank-lost')).toMatchObject([
      { lost: 1, reason: 'signal', signal: 'SIGKILL' },
    ]);
    const began = events.flatMap((event) => (event.type === 'run-started' ? [event.from] : []));
    expect(began).toHaveLength(2);
    expect(began[1]).toBeGreaterThanOrEqual(6);
    expect(events.at(-1)).toMatchObject({ type: 'run-finished', reason: 'done', step: 60 });
    const whole = await train('whole', ...often).ended;
    expect(whole.code, whole.stderr).toBe(0);
    const [a, b] = ['killed', 'whole'].map((run) => readTensors(checkpointOf(join(folder, run), 60)));
    expect(a!.bytes.equals(b!.bytes), 'bytes of the last checkpoint').toBe(true);
  }, 240_000);

  test('whose disk is full: named, and the run goes on once there is room', async (context) => {
    const run = join(folder, 'full');
    const disk = join(run, 'checkpoints');
    mkdirSync(disk, { recursive: true });
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]).status === 0;
    if (!mounted) console.warn('skipped: a full disk needs the right to mount one');
    context.skip(!mounted, 'no right to mount');
    try {
      const command = train('full', ...often, '--restarts', '1');
      await command.seen('"type":"checkpoint"');
      const filler = join(disk, 'other');
      spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k']);
      await command.seen('"type":"rank-lost"');
      rmSync(filler);
      const { code, stderr, events } = await command.ended;
      expect(code, stderr).toBe(0);
      expect(events.filter(({ type }) => type === 'rank-lost')).toMatchObject([
        {
          lost: 0,
          reason: 'failed',
          code: 'checkpoint-not-written',
          message: expect.stringMatching(/checkpoints.*(No space left|no space)/),
        },
      ]);
      expect(stderr).toMatch(/after that, rank 1 failed|lost rank 0/);
      // What was begun anew was not finished before.
      const story = events.map(({ type }) => type).filter((type) => /^(run|rank)-/.test(type));
      expect(story).toEqual(['run-started', 'rank-lost', 'run-started', 'run-finished']);
      const [a, b] = ['full', 'whole'].map((name) => readTensors(checkpointOf(join(folder, name), 60)));
      expect(a!.bytes.equals(b!.bytes), 'bytes of the last checkpoint').toBe(true);
    } finally {
      spawnSync('umount', ['-l', disk]);
    }
  }, 240_000);

  test('stop together at a signal, with a checkpoint, whatever they were doing', async () => {
    // An evaluation after every second step, so that signals fall into some.
    const often = ['--nproc', '2', '--set', 'train.steps=100000', '--set', 'train.evaluateEvery=2'];
    for (const [i, seen] of ['"step":3,', '"type":"evaluation"'].entries()) {
      const command = train(`stopped-${i}`, ...often);
      await command.seen(seen);
      command.child.kill('SIGTERM');
      const { code, stderr, events } = await command.ended;
      expect(code, stderr).toBe(143);
      const finished = events.at(-1);
      expect(finished).toMatchObject({ type: 'run-finished', reason: 'stopped' });
      readTensors(checkpointOf(join(folder, `stopped-${i}`), (finished as { step: number }).step));
      expect(stderr).not.toMatch(/another rank is gone/);
    }
  }, 120_000);

  test('that cannot share the batch are refused before they meet', async () => {
    const { code, stderr } = await train('odd', '--nproc', '3').ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/a multiple of the world size 3 for train\.batch/);
  }, 60_000);
});
