import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { installNpmPackages, npmPackagesAreInstalled } from '../../../src/setup/npm-packages.mjs';
import { bareMachine, failureOf } from './bare-machine.js';

function project(folder: string, installed?: Record<string, string>) {
  const entry = (version: string) => ({ version });
  const record = (file: string, packages: unknown) => writeFileSync(join(folder, file), JSON.stringify({ packages }));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ dependencies: { one: '^1.0.0' } }));
  record('package-lock.json', {
    '': {},
    'node_modules/one': entry('1.2.0'),
    'node_modules/for-another-system': { ...entry('3.0.0'), optional: true },
  });
  if (!installed) return;
  mkdirSync(join(folder, 'node_modules'));
  const packages = Object.entries(installed).map(([name, version]) => [`node_modules/${name}`, entry(version)]);
  record('node_modules/.package-lock.json', Object.fromEntries(packages));
}

test.each([
  ['nothing', undefined, false],
  ['what the lock names', { one: '1.2.0' }, true],
  ['another version', { one: '1.1.0' }, false],
  ['an interrupted installation', {}, false],
])('node_modules with %s', (_what, installed, expected) => {
  const { folder } = bareMachine();
  project(folder, installed as Record<string, string> | undefined);
  expect(npmPackagesAreInstalled(folder)).toBe(expected);
});

test('npm is not started when all is there', async () => {
  const { folder } = bareMachine();
  project(folder, { one: '1.2.0' });
  await installNpmPackages(folder);
});

test('no npm, no network, a full disk: a sentence each', async () => {
  const machine = bareMachine();
  project(machine.folder);
  const failure = () => failureOf(() => installNpmPackages(machine.folder));
  expect((await failure()).message).toBe('expected npm on PATH but found none');
  machine.program('npm', 'echo "npm error code ENOTFOUND" >&2; exit 1');
  expect(await failure()).toMatchObject({
    message: 'expected the npm registry to answer but got no connection',
    remedy: expect.stringMatching(/proxy/),
  });
  machine.program('npm', 'echo "npm error code ENOSPC" >&2; exit 1');
  expect((await failure()).message).toMatch(/expected room on the disk for the npm packages/);
  machine.program('npm', 'echo "npm error something else" >&2; exit 1');
  expect((await failure()).message).toMatch(/something else/);
});

test('a lock file that does not cover package.json is told, and the packages still come', async () => {
  const machine = bareMachine();
  project(machine.folder);
  machine.program(
    'npm',
    `echo "$1 $2" >> ${machine.folder}/npm.log
[ "$1" = install ] || { echo "can only install packages when your package.json and package-lock.json are in sync" >&2; exit 1; }`,
  );
  await installNpmPackages(machine.folder);
  expect(readFileSync(join(machine.folder, 'npm.log'), 'utf8')).toBe('ci --no-audit\ninstall --no-save\n');
});
