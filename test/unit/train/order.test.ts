import { expect, test } from 'vitest';
import { shareOf } from '../../../src/train/order.js';

const rows = Uint32Array.from({ length: 200 }, (_, i) => 3 * i);

test('a share of the rows is drawn by the seed, a smaller one inside a larger', () => {
  const [small, large] = [shareOf(rows, 0.1, 7), shareOf(rows, 0.5, 7)];
  expect([small.length, large.length]).toEqual([20, 100]);
  expect([...small].every((row) => large.includes(row))).toBe(true);
  expect([...large]).toEqual([...large].sort((a, b) => a - b));
  expect(shareOf(rows, 0.1, 7)).toEqual(small);
  expect(shareOf(rows, 0.1, 8)).not.toEqual(small);
  // Not the first rows of the split.
  expect(small[0]! + small[1]!).not.toBe(3);
});

test('all rows are all rows, and one is left of the smallest share', () => {
  expect(shareOf(rows, 1, 7)).toBe(rows);
  expect(shareOf(rows, 1e-6, 7)).toHaveLength(1);
  expect([...rows].slice(0, 3)).toEqual([0, 3, 6]);
});
