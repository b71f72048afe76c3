import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { addressOf } from '../../../src/storage/address.js';
import { checkAgain, download, stateOf, touch, type Wanted } from '../../../src/storage/download.js';
import { s3 } from '../../../src/storage/s3.js';
import type { ObjectStore } from '../../../src/storage/store.js';
import { StoreOfObjects } from '../../fixtures/object-store.js';
import { temporaryFolder } from '../data/source-folder.js';

const bytes = Buffer.from(Uint8Array.from({ length: 300_001 }, (_, i) => (i * 7 + (i >> 8)) & 255));
const wanted: Wanted = {
  key: 'x.arrow',
  source: 's3://bucket/data/x.arrow',
  bytes: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
};
const quick = { partBytes: 65_536, patience: { tries: 3, backOff: 5 } };

let server: StoreOfObjects;
let store: ObjectStore;

beforeAll(async () => {
  server = await StoreOfObjects.start();
  for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
  store = await s3(addressOf('s3://bucket/data')!);
});
afterEach(() => {
  server.objects.set('bucket/data/x.arrow', bytes);
  server.fault = () => undefined;
  server.requests.length = 0;
});
afterAll(async () => {
  store.close();
  vi.unstubAllEnvs();
  await server.stop();
});

describe('a file', () => {
  test('comes by ranges, whole, and is known as such', async () => {
    server.objects.set('bucket/data/x.arrow', bytes);
    const path = join(temporaryFolder(), 'x.arrow');
    let came = 0;
    await download(store, path, wanted, { ...quick, progress: (more) => (came += more) });
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(came).toBe(bytes.length);
    const place = (range: string | undefined) => Number(/=(\d+)/.exec(range ?? '')?.[1]);
    const ranges = server.requests.map(({ range }) => range).sort((a, b) => place(a) - place(b));
    expect(ranges).toEqual([
      'bytes=0-65535',
      'bytes=65536-131071',
      'bytes=131072-196607',
      'bytes=196608-262143',
      'bytes=262144-300000',
    ]);
    expect(await stateOf(path, wanted)).toBe('whole');
    expect(readdirSync(join(path, '..'))).toEqual(['x.arrow']);
  });

  test('that was written since is not taken for whole', async () => {
    const path = join(temporaryFolder(), 'x.arrow');
    await download(store, path, wanted, quick);
    const other = Buffer.from(bytes);
    other[5]! ^= 1;
    writeFileSync(path, other);
    expect(await stateOf(path, wanted)).toBe('changed');
    expect(await checkAgain(path, wanted)).toMatch(/^x\.arrow had SHA-256/);
    writeFileSync(path, bytes);
    expect(await checkAgain(path, wanted)).toBeUndefined();
    expect(await stateOf(path, wanted)).toBe('whole');
    appendFileSync(path, 'x');
    expect(await stateOf(path, wanted)).toBe('missing');
  });

  test('goes on where a connection broke off, as often as it gets further', async () => {
    const path = join(temporaryFolder(), 'x.arrow');
    server.fault = () => ({ cutAfter: 20_000 });
    await download(store, path, wanted, quick);
    expect(readFileSync(path).equals(bytes)).toBe(true);
    // What came before each break was not asked for again.
    const starts = server.requests.map(({ range }) => Number(/=(\d+)/.exec(range ?? '')?.[1]));
    expect(new Set(starts).size).toBe(starts.length);
    expect(starts.length).toBeGreaterThanOrEqual(15);
  });

  test.each([
    ['that the server drops', { cutAfter: 0 }, 'no-answer', /3 times$/],
    ['that the server fails on', { status: 503, code: 'SlowDown' }, 'no-answer', /SlowDown.*3 times$/],
  ] as const)('%s each time is named after three tries, and nothing is left', async (_, fault, code, message) => {
    const folder = temporaryFolder();
    server.fault = () => fault;
    const failing = download(store, join(folder, 'x.arrow'), wanted, { ...quick, parts: 1 });
    await expect(failing).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(server.requests).toHaveLength(3);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('that the server fails on for a moment comes', async () => {
    const path = join(temporaryFolder(), 'x.arrow');
    server.fault = () => (server.requests.length <= 4 ? { status: 500, code: 'InternalError' } : undefined);
    await download(store, path, wanted, quick);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  test('of another hash is fetched once more, and then named', async () => {
    const path = join(temporaryFolder(), 'x.arrow');
    const other = Buffer.from(bytes);
    other[299_999]! ^= 1;
    let came = 0;
    server.fault = () => (server.requests.length <= 5 ? { body: other } : undefined);
    await download(store, path, wanted, { ...quick, progress: (more) => (came += more) });
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(server.requests).toHaveLength(10);
    expect(came).toBe(bytes.length);

    server.requests.length = 0;
    server.fault = () => ({ body: other });
    const folder = temporaryFolder();
    await expect(download(store, join(folder, 'x.arrow'), wanted, quick)).rejects.toMatchObject({
      code: 'bad-object',
      message: expect.stringMatching(/s3:\/\/bucket\/data\/x\.arrow but got 'SHA-256 [0-9a-f]{64}, twice'/),
    });
    expect(server.requests).toHaveLength(10);
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([
    ['shorter', bytes.subarray(0, 100_000)],
    ['longer', Buffer.concat([bytes, bytes])],
  ])('that is %s in the store is named', async (_, body) => {
    server.objects.set('bucket/data/x.arrow', body);
    const path = join(temporaryFolder(), 'x.arrow');
    await expect(download(store, path, wanted, quick)).rejects.toMatchObject({
      code: 'bad-object',
      message: expect.stringMatching(/twice/),
    });
    expect(existsSync(path)).toBe(false);
  });

  test('that nobody waits for any more leaves nothing', async () => {
    const folder = temporaryFolder();
    const stop = new AbortController();
    server.fault = () => ({ never: true });
    const waiting = download(store, join(folder, 'x.arrow'), wanted, { ...quick, signal: stop.signal });
    setTimeout(() => stop.abort(), 50);
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('what a store answers is named', () => {
  const whole = async (data: string, env: Record<string, string | undefined> = {}) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const other = await s3(addressOf(data)!);
    try {
      return await other.whole('x.arrow');
    } finally {
      other.close();
      for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
    }
  };

  test.each([
    ['a wrong bucket', 's3://other/data', {}, 'no-bucket', /a bucket 'other' .* NoSuchBucket/],
    ['a wrong prefix', 's3://bucket/date', {}, 'no-object', /s3:\/\/bucket\/date\/x\.arrow but got NoSuchKey/],
    ['a wrong key', 's3://bucket/data', { AWS_ACCESS_KEY_ID: 'OTHER' }, 'refused', /InvalidAccessKeyId/],
    ['a wrong secret', 's3://bucket/data', { AWS_SECRET_ACCESS_KEY: 'no' }, 'refused', /SignatureDoesNotMatch/],
    ['no credentials', 's3://bucket/data', { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }, 'no-credentials', /./],
    ['no region', 's3://bucket/data', { AWS_REGION: undefined }, 'no-region', /Region is missing/],
    ['no server', 's3://bucket/data', { AWS_ENDPOINT_URL: 'http://127.0.0.1:9' }, 'no-answer', /ECONNREFUSED/],
  ])('%s', async (_, data, env, code, message) => {
    const error = await whole(data, env).catch((one) => one);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(`${error.message} ${error.advice}`).not.toContain(server.secret);
  });

  test('the right ones are served, by HEAD as well', async () => {
    expect(Buffer.from(await whole('s3://bucket/data')).equals(bytes)).toBe(true);
    expect(await store.size('x.arrow')).toBe(bytes.length);
    await expect(store.size('y.arrow')).rejects.toMatchObject({ code: 'no-object' });
  });
});

test('a hash is known again whatever it is, and a touched file is recent', async () => {
  const path = join(temporaryFolder(), 'x');
  writeFileSync(path, 'x');
  for (const sha256 of ['00000000', 'ffffffff', '000f423f', '000f4240', 'deadbeef', '00000001']) {
    const one = { ...wanted, bytes: 1, sha256: sha256.padEnd(64, '0') };
    await touch(path, one);
    expect(await stateOf(path, one), sha256).toBe('whole');
    expect(await stateOf(path, { ...one, sha256: 'abcdef12'.padEnd(64, '0') })).toBe('changed');
    expect(Date.now() - statSync(path).mtimeMs).toBeLessThan(10_000);
  }
});
