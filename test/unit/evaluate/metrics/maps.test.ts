import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { smoothed, spread } from '../../../../src/evaluate/maps/heat-map.js';
import { contrastToNoise } from '../../../../src/evaluate/metrics/contrast-to-noise.js';
import {
  dice,
  intersectionOverUnion,
  meanIntersectionOverUnion,
  pixelCounts,
  pixelCountsAt,
  pixelPrecision,
  pixelRecall,
} from '../../../../src/evaluate/metrics/overlap.js';
import { byLabel } from '../../../../src/evaluate/metrics/per-label.js';
import { pointsInside } from '../../../../src/evaluate/metrics/pointing.js';

interface Fixture {
  overlap: {
    map: (number | null)[];
    truth: number[];
    contrastToNoise: number;
    meanIou: number;
    at: number;
    iou: number;
    dice: number;
    precision: number;
    recall: number;
  }[];
  spread: {
    grid: number[];
    side: number;
    height: number;
    width: number;
    sigma: number;
    smoothed: number[];
    bilinear: number[];
    nearest: number[];
  }[];
}
const fixture: Fixture = JSON.parse(
  readFileSync(new URL('../../../fixtures/evaluate/maps.json', import.meta.url), 'utf8'),
);
const mapOf = (values: readonly (number | null)[]) => Float32Array.from(values, (value) => value ?? Number.NaN);

describe('maps and masks, against scikit-learn and NumPy', () => {
  it.each(fixture.overlap)('case %#', (one) => {
    const [map, truth] = [mapOf(one.map), Uint8Array.from(one.truth)];
    expect(contrastToNoise(map, truth)).toBeCloseTo(one.contrastToNoise, 9);
    expect(meanIntersectionOverUnion(map, truth, [0.1, 0.2, 0.3, 0.4, 0.5])).toBeCloseTo(one.meanIou, 12);
    const counts = pixelCounts(map, truth, one.at);
    expect(intersectionOverUnion(counts)).toBeCloseTo(one.iou, 12);
    expect(dice(counts)).toBeCloseTo(one.dice, 12);
    expect(pixelPrecision(counts)).toBeCloseTo(one.precision, 12);
    expect(pixelRecall(counts)).toBeCloseTo(one.recall, 12);
  });
});

describe('smoothing and enlarging, against SciPy and torch', () => {
  it.each(fixture.spread)('case %#', ({ grid, side, height, width, sigma, ...wanted }) => {
    const smooth = smoothed(Float32Array.from(grid), side, sigma);
    for (const [i, value] of smooth.entries()) expect(value).toBeCloseTo(wanted.smoothed[i]!, 6);
    for (const way of ['bilinear', 'nearest'] as const) {
      const { values } = spread(smooth, side, { height, width }, { top: 0, left: 0, height, width }, way);
      for (const [i, value] of values.entries()) expect(value, `${way} ${i}`).toBeCloseTo(wanted[way][i]!, 6);
    }
  });
});

describe('contrast to noise', () => {
  const truth = Uint8Array.of(1, 1, 0, 0);
  it('is the difference of means over the root of the summed variances', () => {
    // Inside 3 ± 1, outside 0 ± 1: 3 / √2.
    expect(contrastToNoise(mapOf([2, 4, -1, 1]), truth)).toBeCloseTo(3 / Math.SQRT2, 12);
    expect(contrastToNoise(mapOf([-2, -4, 1, -1]), truth)).toBeCloseTo(-3 / Math.SQRT2, 12);
  });
  it('leaves out what has no value, and has none where a side is empty or all is flat', () => {
    expect(contrastToNoise(mapOf([2, 4, -1, 1, null]), Uint8Array.of(1, 1, 0, 0, 1))).toBeCloseTo(3 / Math.SQRT2, 12);
    expect(contrastToNoise(mapOf([null, null, -1, 1]), truth)).toBeUndefined();
    expect(contrastToNoise(mapOf([1, 1, 0, 0]), truth)).toBeUndefined();
  });
  it('keeps its digits on a flat map far from zero', () => {
    const map = mapOf([1000.25, 1000.5, 1000, 1000.125]);
    expect(contrastToNoise(map, truth)).toBeCloseTo(0.3125 / Math.sqrt(0.125 ** 2 + 0.0625 ** 2), 9);
  });
});

describe('counts at several thresholds', () => {
  it('are those at each, in the order asked for', () => {
    const map = mapOf([0.1, 0.2, 0.2, 0.5, null, -1]);
    const truth = Uint8Array.of(1, 0, 1, 1, 1, 0);
    const thresholds = [0.3, 0.05, 0.25, 2];
    expect(pixelCountsAt(map, truth, thresholds)).toEqual(thresholds.map((one) => pixelCounts(map, truth, one)));
    expect(pixelCountsAt(map, truth, thresholds)).toEqual([
      { both: 1, called: 1, truth: 3 },
      { both: 3, called: 4, truth: 3 },
      { both: 1, called: 1, truth: 3 },
      { both: 0, called: 0, truth: 3 },
    ]);
  });
});

describe('pointing', () => {
  it('looks at the first maximum, or at any', () => {
    const map = mapOf([null, 2, 1, 2]);
    expect(pointsInside(map, Uint8Array.of(0, 1, 0, 0), 'first')).toBe(true);
    expect(pointsInside(map, Uint8Array.of(0, 0, 0, 1), 'first')).toBe(false);
    expect(pointsInside(map, Uint8Array.of(0, 0, 0, 1), 'any')).toBe(true);
    expect(pointsInside(map, Uint8Array.of(0, 0, 1, 0), 'any')).toBe(false);
    // A later, higher value forgets what was equal before.
    expect(pointsInside(mapOf([1, 1, 2]), Uint8Array.of(0, 1, 0), 'any')).toBe(false);
  });
  it('has no answer where the mask lies outside the map', () => {
    expect(pointsInside(mapOf([null, 2]), Uint8Array.of(1, 0), 'any')).toBeUndefined();
  });
});

describe('means by label', () => {
  const values = byLabel(['a', 'a', 'b', 'b'], [1, 3, 10, undefined]);
  it('weigh every label alike', () => {
    expect(values.macro()).toBe(6);
    expect([...values.means()]).toEqual([
      ['a', 2],
      ['b', 10],
    ]);
  });
  it('follow the counts of a resample', () => {
    expect(values.macro([0, 2, 1, 1])).toBe(6.5);
    expect(values.macro([1, 0, 0, 2])).toBe(1);
  });
});
