import { describe, expect, it } from 'vitest';
import { Grid, smoothed } from '../../../src/report/curve.js';
import { draws } from '../../fixtures/run-events.js';

describe('Grid', () => {
  it('is the steps themselves where they are few', () => {
    const grid = new Grid(3, 6);
    expect(grid.steps).toEqual([3, 4, 5, 6]);
    const curve = grid.curve(Float32Array.of(9, 9, 9, 1, 2, Number.NaN, 4, 9));
    expect(curve.mean).toEqual([1, 2, null, 4]);
    expect(curve.min).toEqual(curve.mean);
  });

  it.each([801, 1000, 4096, 99_991])('loses no extreme and no step of %d', (size) => {
    const draw = draws(size);
    const column = Float32Array.from({ length: size + 1 }, () => draw());
    column[Math.floor(size / 3)] = 77;
    column[size] = -55;
    const grid = new Grid(1, size);
    const { mean, min, max } = grid.curve(column);
    expect(grid.steps).toHaveLength(800);
    expect([grid.steps[0], grid.steps.at(-1)]).toEqual([1, size]);
    expect(grid.steps).toEqual([...new Set(grid.steps)].sort((a, b) => a - b));
    expect(Math.max(...(max as number[]))).toBe(77);
    expect(Math.min(...(min as number[]))).toBe(-55);
    // Buckets differ by at most one step in size, so the mean of means is the mean to within that.
    const whole = column.subarray(1).reduce((sum, value) => sum + value, 0) / size;
    if (size >= 4096) expect((mean as number[]).reduce((sum, value) => sum + value, 0) / 800).toBeCloseTo(whole, 1);
    for (let i = 0; i < 800; i++) expect(min[i]! <= mean[i]! && mean[i]! <= max[i]!).toBe(true);
  });
});

describe('smoothed', () => {
  it('leaves a straight line straight, to its very ends and beside gaps', () => {
    const line = Array.from({ length: 200 }, (_, i) => (i > 90 && i < 95 ? null : 3 - 0.25 * i));
    for (const [i, value] of smoothed(line, 5).entries()) {
      if (line[i] === null) expect(value).toBeNull();
      else expect(value).toBeCloseTo(line[i]!, 9);
    }
  });

  it('takes noise away', () => {
    const draw = draws(1);
    const noise = Array.from({ length: 500 }, () => draw() - 0.5);
    const spread = (values: (number | null)[]) =>
      Math.sqrt(values.reduce<number>((sum, value) => sum + value! ** 2, 0) / values.length);
    expect(spread(smoothed(noise, 8))).toBeLessThan(0.35 * spread(noise));
  });

  it('takes a single point', () => expect(smoothed([4], 0.5)).toEqual([4]));
});
