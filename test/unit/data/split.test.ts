import { expect, test } from 'vitest';
import { drawnSplit, splitOf } from '../../../src/data/split.js';

test('the usual words are known, others are not', () => {
  expect(['train', 'Training', ' dev ', 'validate', 'VAL', 'test', 'extra'].map(splitOf)).toEqual([
    'train',
    'train',
    'valid',
    'valid',
    'valid',
    'test',
    'extra',
  ]);
  expect(splitOf('foo')).toBeUndefined();
  expect(splitOf('constructor')).toBeUndefined();
});

test('a drawn split depends on data set and group alone, and comes near the chances', () => {
  const fractions = { train: 0.7, valid: 0.1, test: 0.2 };
  const counts = { train: 0, valid: 0, test: 0, extra: 0 };
  for (let i = 0; i < 10_000; i++) counts[drawnSplit('toy', `p${i}`, fractions)]++;
  expect(counts.train / 10_000).toBeCloseTo(0.7, 1);
  expect(counts.test / 10_000).toBeCloseTo(0.2, 1);
  expect(counts.extra).toBe(0);
  expect(drawnSplit('toy', 'p1', fractions)).toBe(drawnSplit('toy', 'p1', fractions));
});
