import { expect, test } from 'vitest';
import { architecture, findBuildTools, parallelJobs } from '../../../src/setup/build-tools.mjs';
import { type BareMachine, bareMachine, failureOf } from './bare-machine.js';

const gcc = (machine: BareMachine, major: number, more = '') =>
  machine.program(
    'c++',
    `printf '#define __GNUC__ ${major}\\n#define __GNUC_MINOR__ 2\\n#define __GNUC_PATCHLEVEL__ 1\\n${more}'`,
  );
const cmake = (machine: BareMachine, version: string) => machine.program('cmake', `echo cmake version ${version}`);

test('all there', async () => {
  const machine = bareMachine();
  gcc(machine, 12);
  cmake(machine, '3.25.1');
  machine.program('make', '');
  expect(await findBuildTools()).toMatchObject({
    compilerVersion: '12.2.1',
    cmakeVersion: '3.25.1',
    maker: `${machine.bin}/make`,
  });
  machine.program('ninja', '');
  expect((await findBuildTools()).maker).toBe(`${machine.bin}/ninja`);
});

test('each missing or too old program is a sentence with what to do', async () => {
  const machine = bareMachine();
  const failure = () => failureOf(findBuildTools);
  expect((await failure()).message).toBe('expected a C++ compiler but found neither c++ nor g++ on PATH');
  gcc(machine, 9);
  expect(await failure()).toMatchObject({
    message: `expected g++ 11 or newer for C++20 but ${machine.bin}/c++ is 9.2.1`,
    remedy: expect.stringMatching(/Install g\+\+ 11 or newer/),
  });
  gcc(machine, 12, '#define __clang__ 1\\n');
  expect((await failure()).message).toMatch(/but .* is clang/);
  machine.program('c++', 'echo broken >&2; exit 1');
  expect((await failure()).message).toMatch(/to preprocess an empty file but it failed: broken/);
  gcc(machine, 12);
  expect((await failure()).message).toBe('expected cmake on PATH but found none');
  cmake(machine, '3.16.0');
  expect((await failure()).message).toMatch(/expected CMake 3\.20 or newer but .* is 3\.16\.0/);
  cmake(machine, '4.1.0');
  expect(await failure()).toMatchObject({
    message: 'expected ninja or make on PATH but found neither',
    remedy: expect.stringMatching(/pip install --user ninja/),
  });
});

test('CXX names the compiler', async () => {
  const machine = bareMachine();
  gcc(machine, 12);
  process.env['CXX'] = 'g++-13';
  expect((await failureOf(findBuildTools)).message).toBe(
    'expected a C++ compiler but found no "g++-13", which CXX names',
  );
});

test('compilers at once: the cores, bounded by memory', () => {
  expect(parallelJobs(16, 64e9)).toBe(16);
  expect(parallelJobs(16, 4e9)).toBe(2);
  expect(parallelJobs(16, 1e9)).toBe(1);
});

test('the instruction set falls back on a CPU without AVX2', () => {
  bareMachine();
  expect(architecture('flags\t\t: sse2 avx avx2 fma bmi1 bmi2 f16c movbe abm\n')).toBe('x86-64-v3');
  expect(architecture('flags\t\t: sse2 avx\n')).toBe('x86-64');
  process.env['GADOLINIUM_ARCH'] = 'native';
  expect(architecture('')).toBe('native');
});
