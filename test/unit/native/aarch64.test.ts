import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { linkedLibtorch } from '../../../src/setup/libtorch.mjs';
import { root } from '../../../src/setup/places.mjs';
import { findProgram, run } from '../../../src/setup/program.mjs';

// The loops for the CPU are written in the compiler's vectors, whatever machine it compiles for. Here for one that this is not;
// Debian: g++-aarch64-linux-gnu and qemu-user. Without these it is skipped.
const compiler = findProgram('aarch64-linux-gnu-g++');
const emulator = findProgram('qemu-aarch64', 'qemu-aarch64-static');
const libtorch = linkedLibtorch('release');
const raw = ['contrast_cpu', 'sigmoid_contrast_cpu'];

describe.skipIf(!compiler || !libtorch || process.arch === 'arm64')('the raw loops on aarch64', () => {
  const include = ['-std=c++20', '-fopenmp', '-Inative', '-isystem', join(String(libtorch?.folder), 'include')];
  const compile = (...args: string[]) => run(String(compiler), [...include, ...args], { cwd: root });

  it.each(['word_region_cpu', 'dropout_cpu'])('compiles %s', { timeout: 180_000 }, async (name) => {
    const { status, output } = await compile('-fsyntax-only', `native/kernels/${name}.cpp`);
    expect(output.match(/.*error.*/g)).toBeNull();
    expect(status).toBe(0);
  });

  it('gives the contrasts their numbers', { timeout: 180_000 }, async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'gadolinium-test-'));
    try {
      const program = join(folder, 'loops');
      const sources = ['test/unit/native/aarch64.cpp', ...raw.map((name) => `native/kernels/${name}.cpp`)];
      const compiled = await compile('-O1', '-static', ...sources, '-o', program);
      expect(compiled.status, compiled.output).toBe(0);
      if (!emulator) context.skip('compiled, but without qemu-aarch64 it cannot be run');
      const { status, output } = await run(String(emulator), [program], { env: { OMP_NUM_THREADS: '2' } });
      expect(output).toContain('sums of the sigmoid contrast');
      expect(status, output).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
