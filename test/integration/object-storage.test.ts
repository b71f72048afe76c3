import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { extend } from '../../src/config/recipe.js';
import type { DataFetch, Step, TrainEvent } from '../../src/events/types.js';
import { StoreOfObjects } from '../fixtures/object-store.js';
import {
  Command,
  checkpointOf,
  compile,
  main,
  readTensors,
  recipeFile,
  type TinyData,
  temporary,
  tinyData,
  tinyRecipe,
} from './tiny.js';

// A prepared folder in an object store trains, evaluates and embeds as the folder itself does; its shards come once to a machine, and
// what goes wrong on the way is put right or named.

const STEPS = 6;
let folder: string;
let data: TinyData;
let recipe: string;
let store: StoreOfObjects;
let shards: string[];
let size: number;
/** A run from the folder itself, and its last checkpoint. */
let alone: TrainEvent[];
let checkpoint: string;

beforeAll(async () => {
  compile();
  folder = temporary();
  recipe = recipeFile(folder, extend(tinyRecipe, { train: { steps: STEPS, threads: 1, loaderThreads: 1 } }));
  data = await tinyData(folder);
  store = await StoreOfObjects.start();
  store.upload(data.data, 'bucket/sets/tiny');
  shards = readdirSync(data.data).filter((file) => file.endsWith('.arrow'));
  size = shards.reduce((sum, file) => sum + statSync(join(data.data, file)).size, 0);
  expect(shards.length).toBeGreaterThan(2);
  const { code, stderr, events } = await gadolinium(train('folder', '--data', data.data)).ended;
  expect(code, stderr).toBe(0);
  alone = events;
  checkpoint = checkpointOf(join(folder, 'folder'), STEPS);
});
beforeEach(() => {
  store.requests.length = 0;
  store.fault = () => undefined;
  store.delay = 0;
});
afterAll(async () => {
  await store.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** `gadolinium ARGS` with the store's credentials. */
const gadolinium = (args: readonly string[], env: Record<string, string> = {}, node: readonly string[] = []) =>
  new Command([...node, main, ...args], { env: { ...process.env, ...store.env, ...env } });

const cacheOf = (name: string) => join(folder, `cache-${name}`);
const from = (name: string, address = 's3://bucket/sets/tiny') => ['--data', address, '--cache', cacheOf(name)];
const train = (run: string, ...more: string[]) => ['train', recipe, '--run', join(folder, run), '--json', ...more];

const stepsOf = (events: TrainEvent[]) => events.filter((event): event is Step => event.type === 'step');
const lossesOf = (events: TrainEvent[]) => stepsOf(events).map(({ loss }) => loss);
const fetchesOf = (events: TrainEvent[]) => events.filter((event): event is DataFetch => event.type === 'data-fetch');
/** The data set's folder in a cache. */
const keptIn = (name: string) => {
  const [only] = readdirSync(cacheOf(name)).filter((entry) => entry.startsWith('table'));
  return join(cacheOf(name), only as string);
};
/** Names of files that may not be there when nobody is at work. */
const leftovers = (name: string) =>
  [cacheOf(name), keptIn(name)].flatMap((path) => readdirSync(path)).filter((file) => /part|lock|use|tmp/.test(file));

describe('training', () => {
  test('from a store equals training from the folder, bit for bit, and the second time nothing comes', async () => {
    for (const run of ['first', 'second']) {
      store.requests.length = 0;
      const { code, stderr, events } = await gadolinium(train(run, ...from('equal'))).ended;
      expect(code, stderr).toBe(0);
      expect(lossesOf(events)).toEqual(lossesOf(alone));
      expect(events.find(({ type }) => type === 'run-started')).toMatchObject({
        data: { folder: 's3://bucket/sets/tiny' },
      });
      const [a, b] = ['folder', run].map((one) => readTensors(checkpointOf(join(folder, one), STEPS)));
      expect(a!.bytes.equals(b!.bytes), 'bytes of the last checkpoint').toBe(true);
      expect(store.gets('.arrow')).toHaveLength(run === 'first' ? shards.length : 0);
      const fetches = fetchesOf(events);
      if (run === 'second') expect(fetches).toEqual([]);
      else {
        expect(fetches[0]).toMatchObject({
          shards: { wanted: shards.length, here: 0 },
          bytes: { wanted: size, here: 0 },
        });
        expect(fetches.at(-1)).toMatchObject({
          shards: { here: shards.length },
          bytes: { here: size },
          fetched: size,
          source: 's3://bucket/sets/tiny',
        });
        // The run's own file has them too.
        expect(readFileSync(join(folder, run, 'events.jsonl'), 'utf8')).toContain('"data-fetch"');
      }
      expect(leftovers('equal')).toEqual([]);
      // No word of the secrets in what a run writes.
      for (const file of ['events.jsonl', 'config.json', 'report.html'])
        expect(readFileSync(join(folder, run, file), 'utf8')).not.toMatch(/a secret|AKIDTEST/);
    }
  }, 120_000);

  test('by two processes of a machine fetches every shard once', async () => {
    store.delay = 20;
    const { code, stderr, events } = await gadolinium(train('two', ...from('two'), '--nproc', '2')).ended;
    expect(code, stderr).toBe(0);
    for (const file of shards) expect(store.gets(file), file).toHaveLength(1);
    expect(fetchesOf(events).at(-1)).toMatchObject({ rank: 0, shards: { here: shards.length }, bytes: { here: size } });
    expect(stepsOf(events)).toHaveLength(STEPS);
    expect(leftovers('two')).toEqual([]);
  }, 120_000);

  test('waits for a machine whose shards take longer than ranks are waited for', async () => {
    // Two processes with a cache each, as on two machines; one has its shards already.
    const port = String(20_000 + (process.pid % 20_000));
    const rank = (number: number, cache: string) =>
      gadolinium([...train('machines', ...from(cache)), '--rank-timeout', '4'], {
        RANK: String(number),
        WORLD_SIZE: '2',
        LOCAL_RANK: '0',
        LOCAL_WORLD_SIZE: '1',
        MASTER_ADDR: '127.0.0.1',
        MASTER_PORT: port,
      });
    expect(existsSync(cacheOf('equal'))).toBe(true);
    // Each of the others' shards takes three seconds, two at a time.
    store.fault = ({ path }) => (path.endsWith('.arrow') ? slow() : undefined);
    const slow = () => {
      store.delay = 3000;
      return undefined;
    };
    const [near, far] = [rank(0, 'equal'), rank(1, 'far')];
    const [one, other] = await Promise.all([near.ended, far.ended]);
    expect(one.code, one.stderr).toBe(0);
    expect(other.code, other.stderr).toBe(0);
    expect(stepsOf(one.events)).toHaveLength(STEPS);
  }, 120_000);

  test('that was killed over a download leaves nothing half-named, and the next goes on', async () => {
    let asked = 0;
    store.fault = ({ path }) => (path.endsWith('.arrow') && ++asked > 2 ? { never: true } : undefined);
    const command = gadolinium(train('killed', ...from('killed')));
    await new Promise<void>((resolve) => {
      const look = setInterval(() => {
        if (asked < 4) return;
        clearInterval(look);
        resolve();
      }, 20);
    });
    command.child.kill('SIGKILL');
    await command.ended;
    const whole = readdirSync(keptIn('killed')).filter((file) => file.endsWith('.arrow'));
    expect(whole).toHaveLength(2);
    for (const file of whole)
      expect(readFileSync(join(keptIn('killed'), file)).equals(readFileSync(join(data.data, file))), file).toBe(true);
    expect(leftovers('killed')).not.toEqual([]);
    expect(existsSync(join(folder, 'killed'))).toBe(false);

    store.fault = () => undefined;
    store.requests.length = 0;
    const { code, stderr, events } = await gadolinium(train('killed', ...from('killed'))).ended;
    expect(code, stderr).toBe(0);
    expect(store.gets('.arrow')).toHaveLength(shards.length - 2);
    expect(lossesOf(events)).toEqual(lossesOf(alone));
    expect(leftovers('killed')).toEqual([]);
  }, 120_000);

  test.each([
    ['one process', []],
    ['two processes', ['--nproc', '2']],
  ])(
    'of %s ends at a signal while it fetches, without a trace of a run',
    async (name, processes) => {
      const run = `signalled-${name.split(' ')[0]}`;
      store.fault = ({ path }) => (path.endsWith('.arrow') ? { never: true } : undefined);
      const command = gadolinium(train(run, ...from(run), ...processes));
      await command.seen('"data-fetch"');
      command.child.kill('SIGTERM');
      const { code, stderr, events } = await command.ended;
      expect(code, stderr).toBe(143);
      expect(events.at(-1)).toMatchObject({ type: 'run-finished', reason: 'stopped', step: 0 });
      expect(existsSync(join(folder, run))).toBe(false);
      expect(leftovers(run)).toEqual([]);
    },
    60_000,
  );

  test('notices a damaged file of the cache, says so, and fetches that one again', async () => {
    const file = shards[1] as string;
    const path = join(keptIn('equal'), file);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 255;
    writeFileSync(path, bytes);
    const { code, stderr, events } = await gadolinium(train('mended', ...from('equal'))).ended;
    expect(code, stderr).toBe(0);
    expect(store.gets('.arrow').map(({ path: one }) => one)).toEqual([`bucket/sets/tiny/${file}`]);
    expect(lossesOf(events)).toEqual(lossesOf(alone));
    expect(events.find(({ type }) => type === 'warning')).toMatchObject({
      code: 'cache-damaged',
      message: expect.stringMatching(`${file} had SHA-256 [0-9a-f]{64} instead of [0-9a-f]{64}; it is fetched again`),
    });
  }, 60_000);
});

describe('evaluation, features, and what is there', () => {
  test('are as from the folder, with the shards that they need', async () => {
    const evaluate = (...more: string[]) =>
      gadolinium(['evaluate', 'retrieval', '--checkpoint', checkpoint, '--bootstrap', '0', '--json', ...more]).ended;
    const [here, there] = [await evaluate('--data', data.data), await evaluate(...from('evaluate'))];
    expect(there.code, there.stderr).toBe(0);
    const metrics = ({ stdout }: { stdout: string }) => JSON.parse(stdout.trim().split('\n').at(-1) as string).metrics;
    expect(metrics(there)).toEqual(metrics(here));
    // The test rows lie in the last of the shards.
    const fetched = new Set(store.gets('.arrow').map(({ path }) => path));
    expect(fetched.size).toBeGreaterThan(0);
    expect(fetched.size).toBeLessThan(shards.length);

    const embed = async (out: string, ...more: string[]) => {
      const file = join(folder, out);
      const { code, stderr } = await gadolinium(['embed', '--checkpoint', checkpoint, '--out', file, ...more]).ended;
      expect(code, stderr).toBe(0);
      return readFileSync(file);
    };
    const local = await embed('a.arrow', '--data', data.data);
    expect((await embed('b.arrow', ...from('evaluate'))).equals(local)).toBe(true);
  }, 120_000);

  test('inspect says it without fetching shards, and finds those that are missing or cut', async () => {
    const inspect = async () => {
      const { stdout, stderr } = await gadolinium(['inspect', 's3://bucket/sets/tiny', '--json']).ended;
      expect(stderr).not.toMatch(/gadolinium:/);
      return JSON.parse(stdout);
    };
    expect(await inspect()).toMatchObject({ kind: 'dataset', path: 's3://bucket/sets/tiny', damaged: [], rows: 80 });
    expect(store.gets('.arrow')).toEqual([]);
    const [first = '', second = ''] = shards.map((file) => `bucket/sets/tiny/${file}`);
    const [one, two] = [first, second].map((key) => store.objects.get(key) as Buffer);
    store.objects.delete(first);
    store.objects.set(second, two!.subarray(0, 100));
    try {
      const { damaged } = await inspect();
      expect(damaged).toEqual([`${shards[0]}: missing`, `${shards[1]}: 100 bytes instead of ${two!.length}`]);
    } finally {
      store.objects.set(first, one!);
      store.objects.set(second, two!);
    }
  }, 60_000);
});

describe('what cannot be', () => {
  const fails = async (args: string[], env: Record<string, string> = {}, node: string[] = []) => {
    const { code, stderr } = await gadolinium(args, env, node).ended;
    return { code, stderr };
  };

  test('a cache that does not hold what training reads is refused with numbers, and nothing is fetched', async () => {
    const { code, stderr } = await fails(train('small', ...from('small'), '--cache-size', '100kB'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/expected room in the cache .*\(\d+ kB for \d+ shards.*bounded to 100 kB/);
    expect(stderr).toMatch(/give --cache-size/);
    expect(store.gets('.arrow')).toEqual([]);
    expect(existsSync(join(folder, 'small'))).toBe(false);
  }, 60_000);

  test('without the SDK the sentence says how to get it', async () => {
    const hide = `import { register } from 'node:module'; register('data:text/javascript,' + encodeURIComponent(\`
      export const resolve = (name, context, next) => {
        if (name.startsWith('@aws-sdk/')) throw Object.assign(new Error("Cannot find package '" + name + "'"), { code: 'ERR_MODULE_NOT_FOUND' });
        return next(name, context);
      };\`));`;
    const hidden = ['--import', `data:text/javascript,${encodeURIComponent(hide)}`];
    const { code, stderr } = await fails(train('no-sdk', ...from('no-sdk')), {}, hidden);
    expect(code).toBe(1);
    expect(stderr).toMatch(/expected the package @aws-sdk\/client-s3 for s3:\/\//);
    expect(stderr).toMatch(/npm install @aws-sdk\/client-s3/);
    // Everything else needs none.
    const local = await fails(['inspect', data.data], {}, hidden);
    expect(local.code, local.stderr).toBe(0);
  }, 60_000);

  test.each([
    ['a wrong bucket', 's3://other/sets/tiny', {}, /a bucket 'other'/],
    [
      'a wrong prefix',
      's3://bucket/sets/tinny',
      {},
      /a prepared data set .* for --data but got 's3:\/\/bucket\/sets\/tinny'/,
    ],
    ['wrong credentials', 's3://bucket/sets/tiny', { AWS_SECRET_ACCESS_KEY: 'guess' }, /SignatureDoesNotMatch/],
    ['another kind of address', 'gs://bucket/sets/tiny', {}, /expected a folder or s3:\/\/bucket\/prefix/],
  ] as const)(
    '%s is named',
    async (_, address, env, message) => {
      const { code, stderr } = await fails(['inspect', address], env);
      expect(code).toBe(address.startsWith('gs') ? 2 : 1);
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/a secret/);
    },
    60_000,
  );
});
