import { expect, test } from 'vitest';
import { ageOf, isAge, isSex, sexOf } from '../../../../src/data/statistics/people.js';
import { WordCounts } from '../../../../src/data/statistics/word-counts.js';

test.each([
  ['063Y', 63],
  ['018M', 1],
  ['003W', 0],
  ['45', 45],
  ['45.7', 45],
  [' 0 ', 0],
  ['412', undefined],
  ['-3', undefined],
  ['unknown', undefined],
  ['', undefined],
])('the age %j is %s years', (text, years) => {
  expect(ageOf(text)).toBe(years);
});

test('sexes as releases write them', () => {
  expect(['F', 'female', 'Male', 'm', 'Other'].map(sexOf)).toEqual(['female', 'female', 'male', 'male', 'other']);
  expect(['age', 'Patient Age', 'patient_age', 'stage', 'image'].map(isAge)).toEqual([true, true, true, false, false]);
  expect(['sex', 'Patient Gender', 'gender', 'essex'].map(isSex)).toEqual([true, true, true, false]);
});

test('a column of free text does not grow without end', () => {
  const counts = new WordCounts();
  for (let i = 0; i < 2000; i++) counts.add(`word ${i}`, 'train');
  counts.add('word 3', 'test');
  const found = counts.bySplit();
  expect(Object.keys(found)).toHaveLength(501);
  expect(found['(others)']).toEqual({ train: 1500 });
  expect(found['word 3']).toEqual({ train: 1, test: 1 });
});
