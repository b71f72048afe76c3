import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { Manifest } from '../../../src/data/manifest.js';
import { type Brought, openSource } from '../../../src/storage/source.js';
import { StoreOfObjects } from '../../fixtures/object-store.js';
import { prepared, sourceFolder, temporaryFolder } from '../data/source-folder.js';

const quick = { patience: { tries: 2, backOff: 5 } };

let server: StoreOfObjects;
let manifest: Manifest;
let objects: Map<string, Buffer>;
let whole: number;

beforeAll(async () => {
  server = await StoreOfObjects.start();
  for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
});
afterEach(() => {
  server.fault = () => undefined;
  server.delay = 0;
  server.requests.length = 0;
  for (const [name, value] of objects ?? []) server.objects.set(name, value);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.stop();
});

/** Uploads a data set of several shards, once. */
async function upload(): Promise<void> {
  if (manifest) return;
  const { table } = await sourceFolder(24);
  const folder = join(temporaryFolder(), 'data');
  manifest = await prepared(table, folder, { limits: { batchRows: 4, shardBytes: 12_000 } });
  expect(manifest.shards.length).toBeGreaterThan(3);
  server.upload(folder, 'bucket/set');
  objects = new Map(server.objects);
  whole = manifest.shards.reduce((sum, { bytes }) => sum + bytes, 0);
}

const shardsIn = (folder: string) => readdirSync(folder).filter((file) => file.endsWith('.arrow'));

test('a folder stays where it is', async () => {
  const folder = temporaryFolder();
  const source = await openSource(folder);
  await source.bring();
  expect([source.name, source.folder]).toEqual([folder, folder]);
  source.close();
});

test('shards come with progress, and a second user finds them', async () => {
  await upload();
  const cache = { folder: temporaryFolder() };
  for (const fetched of [whole, 0]) {
    const source = await openSource('s3://bucket/set/', cache);
    const told: Brought[] = [];
    await source.bring({ onProgress: (brought) => told.push(brought) });
    expect(shardsIn(source.folder)).toHaveLength(manifest.shards.length);
    expect(told.at(-1)?.fetched ?? 0).toBe(fetched);
    expect(told.map(({ bytes }) => bytes.here)).toEqual(fetched ? [0, whole] : []);
    source.close();
    expect(readdirSync(source.folder).sort()).toEqual(
      [...manifest.shards.map(({ file }) => file), 'dataset.json', 'tokenizer.json'].sort(),
    );
  }
  expect(server.gets('.arrow')).toHaveLength(manifest.shards.length);
});

test('only shards with rows of the splits come', async () => {
  await upload();
  const shards = manifest.shards.map((shard, i) => ({
    ...shard,
    splits: i === 2 ? { rare: shard.rows } : i === 0 ? { train: shard.rows - 1, test: 1 } : { train: shard.rows },
  }));
  server.objects.set('bucket/set/dataset.json', Buffer.from(JSON.stringify({ ...manifest, shards })));
  const source = await openSource('s3://bucket/set', { folder: temporaryFolder() });
  await source.bring({ splits: ['rare', 'test'] });
  expect(shardsIn(source.folder)).toEqual([shards[0]!.file, shards[2]!.file]);
  await source.bring({ splits: ['no such split'] });
  source.close();
});

test('several at once fetch each shard once, and all have all', async () => {
  await upload();
  server.delay = 30;
  const cache = { folder: temporaryFolder() };
  const sources = await Promise.all([0, 1, 2].map(() => openSource('s3://bucket/set', cache)));
  const fetched: number[] = [];
  await Promise.all(
    sources.map(async (source, index) => {
      await source.bring({
        share: { index, of: 3 },
        onProgress: (brought) => {
          fetched[index] = brought.fetched;
        },
      });
      expect(shardsIn(source.folder)).toHaveLength(manifest.shards.length);
    }),
  );
  expect(server.gets('.arrow')).toHaveLength(manifest.shards.length);
  expect(fetched.reduce((sum, one) => sum + one, 0)).toBe(whole);
  expect(fetched.filter((one) => one > 0).length).toBeGreaterThan(1);
  for (const source of sources) source.close();
});

test('the bound of the cache holds over data sets, at every moment', async () => {
  await upload();
  const other = JSON.stringify({ ...manifest, title: 'another' });
  for (const [name, value] of objects) server.objects.set(name.replace('/set/', '/other/'), value);
  server.objects.set('bucket/other/dataset.json', Buffer.from(other));
  const cache = { folder: temporaryFolder(), bytes: Math.floor(1.5 * whole) };
  const most = { bytes: 0 };
  const watch = setInterval(() => {
    const sizes = readdirSync(cache.folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.includes('.arrow') && !file.endsWith('.lock'))
      .map((file) => statSync(join(cache.folder, file), { throwIfNoEntry: false })?.size ?? 0);
    most.bytes = Math.max(
      most.bytes,
      sizes.reduce((sum, one) => sum + one, 0),
    );
  }, 1);
  for (const address of ['s3://bucket/set', 's3://bucket/other', 's3://bucket/set']) {
    const source = await openSource(address, cache);
    await source.bring();
    expect(shardsIn(source.folder)).toHaveLength(manifest.shards.length);
    source.close();
  }
  clearInterval(watch);
  expect(most.bytes).toBeGreaterThan(whole);
  expect(most.bytes).toBeLessThanOrEqual(cache.bytes);
  // Half of the second data set made room again, and stayed known by its hash.
  const [a, b] = [await openSource('s3://bucket/set', cache), await openSource('s3://bucket/other', cache)];
  await a.bring();
  await expect(b.bring()).rejects.toMatchObject({ code: 'cache-too-small' });
  a.close();
  b.close();
});

test('one shard that cannot be had ends the rest, and says which', async () => {
  await upload();
  const { file } = manifest.shards[1]!;
  server.objects.set(`bucket/set/${file}`, Buffer.alloc(manifest.shards[1]!.bytes));
  const source = await openSource('s3://bucket/set', { folder: temporaryFolder() });
  await expect(source.bring(quick)).rejects.toMatchObject({
    code: 'bad-object',
    message: expect.stringMatching(`s3://bucket/set/${file} but got 'SHA-256 [0-9a-f]{64}, twice'`),
  });
  source.close();
  expect(readdirSync(source.folder).filter((name) => /part|lock|use/.test(name))).toEqual([]);
});

test('dataset.json is checked before it is believed', async () => {
  await upload();
  const cache = { folder: temporaryFolder() };
  const put = (value: unknown) => server.objects.set('bucket/set/dataset.json', Buffer.from(JSON.stringify(value)));
  const shards = manifest.shards.map((shard, i) => (i === 0 ? { ...shard, file: '../../escape.arrow' } : shard));
  put({ ...manifest, shards });
  await expect(openSource('s3://bucket/set', cache)).rejects.toMatchObject({ code: 'bad-manifest' });
  put({ ...manifest, schema_version: 0 });
  await expect(openSource('s3://bucket/set', cache)).rejects.toMatchObject({
    code: 'schema-version',
    message: expect.stringMatching(/s3:\/\/bucket\/set\/dataset\.json/),
  });
  put({ ...manifest, name: '../escape' });
  const source = await openSource('s3://bucket/set', cache);
  expect(source.folder.startsWith(`${cache.folder}/`)).toBe(true);
  expect(source.folder.slice(cache.folder.length + 1)).not.toContain('/');
  source.close();
});

test('a tokenizer of other bytes is not taken', async () => {
  await upload();
  server.objects.set('bucket/set/tokenizer.json', Buffer.from('{}'));
  const cache = { folder: temporaryFolder() };
  await expect(openSource('s3://bucket/set', cache)).rejects.toMatchObject({ code: 'bad-object' });
  server.objects.set('bucket/set/tokenizer.json', objects.get('bucket/set/tokenizer.json') as Buffer);
  const source = await openSource('s3://bucket/set', cache);
  expect(readFileSync(join(source.folder, 'tokenizer.json'))).toEqual(objects.get('bucket/set/tokenizer.json'));
  source.close();
});

test('the default cache follows XDG_CACHE_HOME', async () => {
  await upload();
  const base = temporaryFolder();
  vi.stubEnv('XDG_CACHE_HOME', base);
  const source = await openSource('s3://bucket/set');
  expect(source.folder.startsWith(join(base, 'gadolinium', 'data'))).toBe(true);
  source.close();
  vi.stubEnv('XDG_CACHE_HOME', undefined);
});
