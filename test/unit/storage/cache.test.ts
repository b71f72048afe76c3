import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statfsSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Cache } from '../../../src/storage/cache.js';
import { temporaryFolder } from '../data/source-folder.js';

/** A shard of a kilobyte that was last read so many seconds ago. */
function shard(folder: string, name: string, ago: number, bytes = 1000): void {
  writeFileSync(join(folder, name), Buffer.alloc(bytes));
  const then = Date.now() / 1000 - ago;
  utimesSync(join(folder, name), then, then);
}

const shardsIn = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.arrow'));

test('room is made of what is longest unused, and no more than is needed', async () => {
  const cache = new Cache({ folder: temporaryFolder(), bytes: 5000 });
  const [old, fresh] = [cache.dataset('old'), cache.dataset('fresh')];
  shard(old, 'a.arrow', 300);
  shard(old, 'b.arrow', 50);
  shard(fresh, 'a.arrow', 200);
  shard(fresh, 'b.arrow', 100);
  writeFileSync(join(old, 'dataset.json'), '{}');
  cache.dataset('new');
  const use = await cache.use('new', { 'a.arrow': 1000, 'b.arrow': 1500 });
  expect([shardsIn(old), shardsIn(fresh)]).toEqual([['b.arrow'], ['b.arrow']]);
  expect(readFileSync(join(old, 'dataset.json'), 'utf8')).toBe('{}');
  use.release();
  expect(readdirSync(cache.folder).sort()).toEqual(['fresh', 'new', 'old']);
  expect(readdirSync(join(cache.folder, 'new'))).toEqual([]);
});

test('what a living process uses stays, also where it has yet to come', async () => {
  const cache = new Cache({ folder: temporaryFolder(), bytes: 4000 });
  const mine = cache.dataset('mine');
  cache.dataset('other');
  shard(mine, 'a.arrow', 300);
  const use = await cache.use('mine', { 'a.arrow': 1000, 'b.arrow': 1000 });
  await expect(cache.use('other', { 'a.arrow': 1000, 'b.arrow': 1500 })).rejects.toMatchObject({
    code: 'cache-too-small',
    message: expect.stringMatching(
      /\(3 kB for 2 shards.*beside 2 kB that other processes use\) but its size is bounded to 4 kB/,
    ),
    advice: expect.stringMatching(/--cache-size/),
  });
  expect(shardsIn(mine)).toEqual(['a.arrow']);
  // The refusal leaves nothing; what fits is let in.
  (await cache.use('other', { 'a.arrow': 1000, 'b.arrow': 1000 })).release();
  // Several processes with the same files need their room once.
  (await cache.use('mine', { 'a.arrow': 1000, 'b.arrow': 1000 })).release();
  use.release();
  (await cache.use('other', { 'a.arrow': 1000, 'b.arrow': 2500 })).release();
  expect(shardsIn(mine)).toEqual([]);
});

test('what the dead left is cleared away', async () => {
  const cache = new Cache({ folder: temporaryFolder(), bytes: 3000 });
  const folder = cache.dataset('set');
  const gone = spawn('true');
  await once(gone, 'exit');
  const claim = { host: hostname(), pid: gone.pid, began: '1' };
  writeFileSync(join(folder, 'use-1-x.json'), JSON.stringify({ ...claim, files: { 'a.arrow': 1000 } }));
  writeFileSync(join(folder, 'a.arrow.part-1-x'), 'half');
  writeFileSync(join(cache.folder, 'room.lock'), JSON.stringify(claim));
  shard(folder, 'a.arrow', 300);
  (await cache.use('set', { 'b.arrow': 2500 })).release();
  expect(readdirSync(folder)).toEqual([]);
  expect(readdirSync(cache.folder)).toEqual(['set']);
});

test('by default it takes what the disk can give, and more than that is refused', async () => {
  const cache = new Cache({ folder: temporaryFolder() });
  cache.dataset('set');
  const { bavail, bsize } = statfsSync(cache.folder);
  (await cache.use('set', { 'a.arrow': 0.5 * bavail * bsize })).release();
  await expect(cache.use('set', { 'a.arrow': 0.95 * bavail * bsize })).rejects.toMatchObject({
    code: 'cache-too-small',
  });
  const large = new Cache({ folder: cache.folder, bytes: 1e18 });
  await expect(large.use('set', { 'a.arrow': 1.1 * bavail * bsize })).rejects.toMatchObject({
    code: 'cache-too-small',
    message: expect.stringMatching(/are to come and the disk has .* GB free/),
  });
});

test('a folder that cannot be written is named', () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), '');
  expect(() => new Cache({ folder: join(folder, 'file') }).dataset('set')).toThrow(
    /expected a folder that can be written for --cache/,
  );
  mkdirSync(join(folder, 'fine'));
  expect(new Cache({ folder: join(folder, 'fine') }).dataset('set')).toBe(join(folder, 'fine', 'set'));
});
