import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Step, TrainEvent } from '../../src/events/types.js';
import {
  Command,
  compile,
  gadolinium,
  main,
  recipeFile,
  type TinyData,
  temporary,
  tinyData,
  tinyRecipe,
} from './tiny.js';

// Two "machines": network namespaces with an address each and a cable between them. Needs root and iproute2; skipped aloud without.

const names = [`gadolinium-a-${process.pid}`, `gadolinium-b-${process.pid}`] as const;
const address = (machine: number) => `10.213.77.${machine + 1}`;
const ip = (...args: string[]) => spawnSync('ip', args, { encoding: 'utf8' });

function connected(): boolean {
  const [a, b] = names;
  const steps = [
    ['netns', 'add', a],
    ['netns', 'add', b],
    ['link', 'add', 'cable', 'netns', a, 'type', 'veth', 'peer', 'name', 'cable', 'netns', b],
    ...names.flatMap((name, machine) => [
      ['-n', name, 'addr', 'add', `${address(machine)}/24`, 'dev', 'cable'],
      ['-n', name, 'link', 'set', 'cable', 'up'],
      ['-n', name, 'link', 'set', 'lo', 'up'],
    ]),
  ];
  return steps.every((step) => ip(...step).status === 0);
}
const disconnect = () => {
  for (const name of names) ip('netns', 'del', name);
};

const possible = process.getuid?.() === 0 && connected();
if (!possible) {
  disconnect();
  console.warn('skipped: two machines need root and iproute2 for network namespaces');
}

describe.skipIf(!possible)('two machines', () => {
  let folder: string;
  let data: TinyData;
  let recipe: string;

  beforeAll(async () => {
    compile();
    folder = temporary();
    recipe = recipeFile(folder, { ...tinyRecipe, evaluate: [] });
    data = await tinyData(folder);
  });
  afterAll(() => {
    disconnect();
    rmSync(folder, { recursive: true, force: true });
  });

  const args = (run: string, ...more: string[]) => [
    ...['train', recipe, '--data', data.data, '--run', join(folder, run), '--json'],
    ...['--set', 'train.threads=1', '--set', 'train.loaderThreads=1', ...more],
  ];

  /** Both ranks, each on its machine. */
  const ranks = (run: string, ...more: string[]) =>
    names.map((name, rank) => {
      const world = { RANK: String(rank), WORLD_SIZE: '2', MASTER_ADDR: address(0), MASTER_PORT: '29533' };
      return new Command([main, ...args(run, ...more)], {
        before: ['ip', 'netns', 'exec', name],
        env: { ...process.env, ...world },
      });
    });

  const stepsOf = (events: TrainEvent[]) => events.filter((event): event is Step => event.type === 'step');

  test('train as one does', async () => {
    const alone = await gadolinium(...args('one', '--set', 'train.steps=4')).ended;
    expect(alone.code, alone.stderr).toBe(0);
    const [first, second] = await Promise.all(ranks('two', '--set', 'train.steps=4').map(({ ended }) => ended));
    expect(first?.code, first?.stderr).toBe(0);
    expect(second?.code, second?.stderr).toBe(0);
    expect(second?.events).toEqual([]); // rank 0 speaks for all
    const [mine, theirs] = [stepsOf(alone.events), stepsOf(first?.events ?? [])];
    expect(theirs).toHaveLength(4);
    for (const [i, { loss }] of theirs.entries()) expect(Math.abs(loss / mine[i]!.loss - 1)).toBeLessThan(1e-3);
  }, 120_000);

  test('of which the cable is cut each say so in time', async () => {
    const [first, second] = ranks('cut', '--rank-timeout', '4', '--set', 'train.steps=100000') as [Command, Command];
    await first.seen('"step":3,');
    ip('-n', names[0], 'link', 'set', 'cable', 'down');
    const cut = Date.now();
    for (const { code, stderr } of await Promise.all([first.ended, second.ended])) {
      expect(stderr).toMatch(/another rank is gone or did not answer/);
      expect(stderr).not.toMatch(/\n\s+at /);
      expect(code).toBe(1);
    }
    expect(Date.now() - cut).toBeLessThan(30_000);
  }, 120_000);
});
