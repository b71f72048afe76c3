import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { buildFailure } from '../../../src/setup/addon.mjs';
import { expectFreeSpace } from '../../../src/setup/disk-space.mjs';
import { asFailure } from '../../../src/setup/failure.mjs';
import { fingerprint } from '../../../src/setup/fingerprint.mjs';
import { duration, size } from '../../../src/setup/progress.mjs';
import { countVitest, readCounts } from '../../../src/setup/test.mjs';
import { bareMachine, failureOf } from './bare-machine.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

test('a clone on a machine without npm ends in a sentence, exit status 1 and no stack', () => {
  const { folder } = bareMachine();
  cpSync(join(root, 'src/setup'), join(folder, 'src/setup'), { recursive: true });
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(root, file), join(folder, file));
  const start = (...args: string[]) =>
    spawnSync(process.execPath, [join(folder, 'src/setup/setup.mjs'), ...args], { encoding: 'utf8' });
  const bare = start();
  expect(bare.status).toBe(1);
  expect(bare.stdout).toBe('');
  expect(bare.stderr).toBe(
    'set-up stopped: expected npm on PATH but found none\nInstall Node.js 20.19 or newer together with npm, and run the same command again.\n',
  );
  const wrong = start('--build', 'fast');
  expect(wrong.status).toBe(1);
  expect(wrong.stderr).toMatch(/expected one of release, debug, asan, tsan, cuda for --build but got "fast"/);
  expect(start('--speed').stderr).toMatch(/Unknown option '--speed'/);
});

test('a full disk is told before and while writing', async () => {
  const { folder } = bareMachine();
  const before = await failureOf(() => expectFreeSpace(folder, 1.2e9, 'libtorch', 4e8));
  expect(before.message).toBe(`expected 1.2 GB of free disk space in ${folder} for libtorch but got 400 MB`);
  const error = await failureOf(() => writeFileSync('/dev/full', 'x'));
  expect(asFailure(error).message).toMatch(/expected room on the disk but got none/);
  expect(asFailure(error).remedy).toMatch(/XDG_CACHE_HOME/);
});

test('a build that fails shows the compiler, not the whole log', () => {
  const log = `${'[1/9] Building\n'.repeat(100)}FAILED: a.o\na.cpp:3:1: error: 'x' was not declared\n${'noise\n'.repeat(100)}`;
  const failure = buildFailure(log, 'build.log');
  expect(failure.message).toMatch(/a\.cpp:3:1: error/);
  expect(failure.message.split('\n').length).toBeLessThan(30);
  expect(buildFailure('c++: fatal error: Killed signal terminated program cc1plus', '').message).toMatch(
    /enough memory/,
  );
  expect(buildFailure('cannot write: No space left on device', '').message).toMatch(/room on the disk for the build/);
});

test('a fingerprint changes with files, sizes and settings, and only with them', () => {
  const { folder } = bareMachine();
  mkdirSync(join(folder, 'native'));
  writeFileSync(join(folder, 'native/a.cpp'), '1');
  const cpp = (name: string) => name.endsWith('.cpp');
  const print = (settings: unknown = null) => fingerprint(folder, ['native'], cpp, settings);
  const first = print();
  expect(print()).toBe(first);
  writeFileSync(join(folder, 'native/notes.md'), 'x');
  expect(print()).toBe(first);
  expect(print({ cuda: true })).not.toBe(first);
  writeFileSync(join(folder, 'native/a.cpp'), '12');
  expect(print()).not.toBe(first);
});

test('the closing line sums what both test programs say', () => {
  expect(readCounts('ok a\n3 passed, 1 failed, 2 skipped\n')).toEqual({ passed: 3, failed: 1, skipped: 2 });
  expect(readCounts('Segmentation fault')).toEqual({ passed: 0, failed: 0, skipped: 0 });
  const broken = { status: 'failed', assertionResults: [] };
  expect(countVitest({ numPassedTests: 5, numFailedTests: 0, numPendingTests: 1, testResults: [broken] })).toEqual({
    passed: 5,
    failed: 1,
    skipped: 1,
  });
});

test('sizes and times read well', () => {
  expect([size(500), size(2.4e6), size(5.53e9)]).toEqual(['1 kB', '2 MB', '5.5 GB']);
  expect([duration(420), duration(42_000), duration(125_000)]).toEqual(['0.4 s', '42 s', '2 min 5 s']);
});
