import { expect, test } from 'vitest';
import { rowRuns } from '../../../../datasets/siim-acr/run-lengths.js';
import { runsAt } from '../../../../src/data/prepare/mask-runs.js';

test('at the same size runs stay, joined where they touch', () => {
  const size = { width: 6, height: 4 };
  expect(runsAt([1, 3, 4, 2, 20, 4], size, size)).toEqual([1, 5, 20, 4]);
  expect(runsAt([], size, size)).toEqual([]);
  expect(runsAt([0, 24], size, size)).toEqual([0, 24]);
});

test('a square in the middle stays one when the picture shrinks and grows', () => {
  // Rows 2–5, columns 4–7 of 8 × 8; at half the size rows 1–2, columns 2–3.
  const runs = [2, 3, 4, 5].flatMap((y) => [y * 8 + 4, 4]);
  expect(runsAt(runs, { width: 8, height: 8 }, { width: 4, height: 4 })).toEqual([6, 2, 10, 2]);
  expect(runsAt([6, 2, 10, 2], { width: 4, height: 4 }, { width: 8, height: 8 })).toEqual(runs);
});

test('relative runs by column become absolute ones by row', () => {
  // Of 4 × 4: column 0 rows 1–2, then after a gap of 2 the whole of column 1.
  expect(rowRuns('1 2 1 4', 4)).toEqual([1, 1, 4, 2, 8, 2, 13, 1]);
  expect(rowRuns(' 0 16 ', 4)).toEqual([0, 16]);
  expect(rowRuns('15 2', 4)).toMatch(/ends at pixel 17 of 16/);
  for (const wrong of ['1', '1 -2', 'a b', '1.5 2']) expect(rowRuns(wrong, 4)).toMatch(/neither -1 nor pairs/);
});
