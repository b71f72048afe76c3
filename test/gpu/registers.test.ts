import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { kernelFiles, REPORT, sourceHash } from './registers.mjs';

// The compilation takes minutes; this only asks whether the report kept is of the sources as they are.
describe('the report of registers and spills', () => {
  const report = readFileSync(REPORT, 'utf8');

  it.each(kernelFiles())('is of %s as it is now: npm run registers -- --write', (file) => {
    for (const architecture of ['sm_80', 'sm_90a'])
      expect(report).toContain(`${file} ${sourceHash(file)} ${architecture}`);
  });

  it('has every instantiation of the contrasts on both architectures', () => {
    const types = ['Bf16', 'Fp16', 'float'];
    const widths = {
      Bf16: ['64, 16', '32, 16', '16, 16'],
      Fp16: ['64, 16', '32, 16', '16, 16'],
      float: ['64, 8', '32, 8', '16, 16'],
    };
    const withLists = ['64, 8', '32, 8', '16, 16'];
    for (const type of types) {
      for (const rule of ['SoftmaxRule', 'ListedSoftmaxRule', 'SigmoidRule'])
        for (const width of rule === 'ListedSoftmaxRule' ? withLists : widths[type as keyof typeof widths])
          for (const both of [true, false])
            expect(report.split(`gradient_kernel<${type}, ${width}, ${rule}, ${both}>`)).toHaveLength(3);
      for (const labels of [true, false]) expect(report.split(`statistics_kernel<${type}, ${labels}>`)).toHaveLength(3);
    }
  });

  it('shows no kernel that spills more than two registers', () => {
    const spills = [...report.matchAll(/^ {2}(.+?) +\d+ registers, .*spill stores (\d+),/gm)];
    expect(spills.length).toBeGreaterThan(100);
    expect(spills.filter(([, , bytes]) => Number(bytes) > 8).map(([, kernel]) => kernel)).toEqual([]);
  });
});
