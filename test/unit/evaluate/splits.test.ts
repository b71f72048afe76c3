import { expect, test } from 'vitest';
import { evaluationSchema, linearProbe, retrieval, zeroShot } from '../../../src/config/evaluate.js';
import { splitsOfAll } from '../../../src/evaluate/splits.js';

const entry = (input: unknown) => evaluationSchema.parse(input);

test('what evaluations read, and what training reads beside', () => {
  expect(splitsOfAll([entry(retrieval()), entry(zeroShot({ split: 'valid' }))], 'train')).toEqual([
    'train',
    'test',
    'valid',
  ]);
  expect(splitsOfAll([], 'train')).toEqual(['train']);
});

test('a threshold that is chosen on split valid needs that too', () => {
  expect(splitsOfAll([entry(zeroShot({ threshold: 'best-f1' }))])).toEqual(['test', 'valid']);
  expect(splitsOfAll([entry(zeroShot({ threshold: 'argmax' }))])).toEqual(['test']);
});

test('a task that trains may read all', () => {
  expect(splitsOfAll([entry(retrieval()), entry(linearProbe({ labels: 'organ' }))], 'train')).toBeUndefined();
});
