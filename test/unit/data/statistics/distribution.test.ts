import { expect, test } from 'vitest';
import { Draws } from '../../../../src/data/draws.js';
import { Spread } from '../../../../src/data/statistics/distribution.js';

test('percentiles are those of the sorted values, whatever the order', () => {
  const values = Array.from({ length: 1000 }, (_, i) => Math.round((i * i) / 700));
  const spread = new Spread();
  for (const i of new Draws(3).shuffle(Uint32Array.from(values, (_, i) => i))) spread.add(values[i]!);
  const told = spread.summary()!;
  for (const [percent, value] of Object.entries(told.percentiles))
    expect(value).toBe(values[Math.ceil(Number(percent) * 10) - 1]);
  expect(told).toMatchObject({ count: 1000, least: 0, most: values[999] });
  expect(told.mean).toBeCloseTo(values.reduce((sum, n) => sum + n, 0) / 1000, 10);
  expect(spread.above(1000)).toBe(values.filter((value) => value > 1000).length / 1000);
});

test('a histogram holds every value once, and one far out does not widen it', () => {
  const spread = new Spread();
  for (let i = 0; i < 1000; i++) spread.add(10 + (i % 48));
  spread.add(1_000_000);
  const { from, width, counts } = spread.summary()!.histogram;
  expect({ from, width, bins: counts.length }).toEqual({ from: 10, width: 2, bins: 24 });
  expect(counts.reduce((sum, n) => sum + n, 0)).toBe(1001);
  expect(counts[0]).toBe(42);
});

test('nothing counted is null', () => {
  expect(new Spread().summary()).toBeNull();
});
