import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { gloriaParts, trainTestSplit } from '../../../src/data/formats/scikit-learn-split.js';

// Wanted values were made by scikit-learn 1.9.1 and NumPy 2.4.6.

test('train_test_split, small, with the largest seed', () => {
  expect(trainTestSplit(12, 0.25, 4294967295)).toEqual({ train: [9, 1, 10, 6, 0, 4, 7, 2, 3], test: [11, 8, 5] });
});

test.each([
  // RSNA has 26,684 images, SIIM 12,954 lines.
  [10, 7, 2, 1, '565dc8c6f4edc1a67c190afd892ed263ddef60117826b611b5b72f08143a6ee1'],
  [26684, 18678, 4003, 4003, '74ebb49f87a962fd2cef53960ed9c48812fdc67f988b44fc96512955a42ba97c'],
  [12954, 9067, 1944, 1943, '90a3c060059a0b361922063a1babf9b1bf00eac453dd153a40cfac6c0d2d3385'],
])('parts of %i: %i train, %i valid, %i test', (count, train, valid, held, sha256) => {
  const parts = gloriaParts(count);
  const sizes = (['train', 'valid', 'test'] as const).map((part) => parts.filter((one) => one === part).length);
  expect(sizes).toEqual([train, valid, held]);
  const letters = parts.map((part) => ({ train: 'r', valid: 'v', test: 't' })[part]).join('');
  expect(createHash('sha256').update(letters).digest('hex')).toBe(sha256);
});
