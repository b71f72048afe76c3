import { afterEach, expect, test, vi } from 'vitest';
import yargs from 'yargs';
import { builder, handler } from '../../../src/cli/train.js';

// Methods are configured by paths into the recipe (--set), never by options of their own: who adds one adds it here, with a reason.
test('the options of train', () => {
  const parser = builder(yargs([]));
  const options = parser as unknown as { getOptions(): { key: Record<string, unknown> } };
  expect(Object.keys(options.getOptions().key).sort()).toEqual(
    [
      'recipe',
      // Where.
      'data',
      'cache',
      'cache-size',
      'run',
      'r',
      'resume',
      // What is different from the recipe.
      'set',
      'on-error',
      // Who hears of it.
      'json',
      'prometheus',
      'tensorboard',
      // How many processes, and what becomes of lost ones.
      'nproc',
      'rank-timeout',
      'restarts',
      // What another number of cards would take, without them.
      'pretend-world',
      'card',
      'peak-tflops',
      'memory-gib',
      'cards-per-machine',
      'link-gbps',
      'utilisation',
      'page',
      // Of every command.
      'help',
      'version',
    ].sort(),
  );
});

afterEach(() => vi.unstubAllEnvs());

async function run(...words: string[]): Promise<void> {
  const parser = builder(yargs(['clip', '--data', 'none', '--run', 'none', ...words])).exitProcess(false);
  await handler((await parser.parseAsync()) as unknown as Parameters<typeof handler>[0]);
}

test.each([
  [['--nproc', '0'], "expected a whole number from 1, or auto, for --nproc but got '0'"],
  [['--nproc', 'all'], "or auto, for --nproc but got 'all'"],
  [['--restarts', '-1'], "expected a whole number from 0 for --restarts but got '-1'"],
  [['--rank-timeout', '1'], "expected a whole number from 2 for --rank-timeout but got '1'"],
])('%j is refused', (words, message) => expect(run(...words)).rejects.toThrow(message));

test.each([
  ['--nproc', 'auto'],
  ['--nproc', '2'],
  ['--restarts', '1'],
])('%s %s is refused in a process that is one of several', async (option, value) => {
  const several = { RANK: '0', WORLD_SIZE: '2', MASTER_ADDR: 'localhost', MASTER_PORT: '29500' };
  for (const [name, text] of Object.entries(several)) vi.stubEnv(name, text);
  await expect(run(option, value)).rejects.toThrow(
    `expected no ${option} for a process that RANK and WORLD_SIZE say is one of 2 but got '${value}'`,
  );
});
