import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Claim, claimed } from '../../../src/storage/claim.js';
import { temporaryFolder } from '../data/source-folder.js';

const began = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop()?.split(' ')[19];

test('one at a time, with its content for others to read', async () => {
  const path = join(temporaryFolder(), 'lock');
  const claim = Claim.take(path, { files: { a: 1 } });
  expect(claim).toBeDefined();
  expect(Claim.take(path)).toBeUndefined();
  expect(claimed(path)).toMatchObject({ files: { a: 1 } });
  const next = Claim.wait(path);
  claim?.release();
  (await next).release();
  expect(existsSync(path)).toBe(false);
  expect(claimed(path)).toBeUndefined();
});

test('a claim ends with its process, and does not pass to another of the same number', async () => {
  const path = join(temporaryFolder(), 'lock');
  const other = spawn('sleep', ['60'], { stdio: 'ignore' });
  const pid = other.pid as number;
  try {
    writeFileSync(path, JSON.stringify({ host: hostname(), pid, began: began(pid) }));
    expect(Claim.take(path)).toBeUndefined();
    writeFileSync(path, JSON.stringify({ host: hostname(), pid, began: '1' }));
    expect(claimed(path)).toBeUndefined();
    writeFileSync(path, JSON.stringify({ host: hostname(), pid, began: began(pid) }));
  } finally {
    other.kill('SIGKILL');
    await once(other, 'exit');
  }
  Claim.take(path)?.release();
  expect(existsSync(path)).toBe(false);
});

test('of another machine it holds as long as it is refreshed', () => {
  const path = join(temporaryFolder(), 'lock');
  writeFileSync(path, JSON.stringify({ host: 'elsewhere', pid: 1, began: '' }));
  expect(Claim.take(path)).toBeUndefined();
  const old = Date.now() / 1000 - 61;
  utimesSync(path, old, old);
  expect(claimed(path)).toBeUndefined();
  Claim.take(path)?.release();
});

test('one that was killed while writing it is no obstacle for long', () => {
  const path = join(temporaryFolder(), 'lock');
  writeFileSync(path, '');
  expect(Claim.take(path)).toBeUndefined();
  spawnSync('touch', ['-d', '2 minutes ago', path]);
  expect(Claim.take(path)).toBeDefined();
});
