import { expect, test } from 'vitest';
import { Draws } from '../../../../src/data/draws.js';
import { Fingerprints } from '../../../../src/data/statistics/fingerprints.js';
import { repeatsOf } from '../../../../src/data/statistics/repeats.js';

/** 300 texts: one comes 30 times, ten come 5 times, the others once. */
const texts = [
  ...Array.from({ length: 30 }, () => 'No acute findings.'),
  ...Array.from({ length: 50 }, (_, i) => `Stable nodule ${i % 10}.`),
  ...Array.from({ length: 220 }, (_, i) => `Report ${i}.`),
];

function printed(of: readonly string[]): Fingerprints {
  const prints = new Fingerprints();
  for (const text of of) prints.add(text);
  return prints;
}

test('multiplicities do not depend on the order', () => {
  const backwards = printed([...texts].reverse());
  expect(backwards.multiplicities()).toEqual(new Map([...printed(texts).multiplicities()]));
  expect(Object.fromEntries(backwards.multiplicities())).toEqual({ 1: 220, 5: 10, 30: 1 });
  expect(backwards.distinct).toBe(231);
});

test('more texts than the first room holds', () => {
  const prints = printed(Array.from({ length: 5000 }, (_, i) => String(i % 2500)));
  expect(Object.fromEntries(prints.multiplicities())).toEqual({ 2: 2500 });
  prints.add('0');
  expect(Object.fromEntries(prints.multiplicities())).toEqual({ 2: 2499, 3: 1 });
});

test('shared texts are those of at least two collections', () => {
  expect(
    Fingerprints.shared([printed(['a', 'b', 'b']), printed(['b', 'c']), printed(['c', 'b', 'd']), printed([])]),
  ).toBe(2);
  expect(Fingerprints.shared([printed(['a', 'a'])])).toBe(0);
});

test('false negatives are those of batches that are drawn', () => {
  const told = repeatsOf(printed(texts).multiplicities());
  expect(told).toMatchObject({ texts: 300, distinct: 231, equalPairs: (30 * 29 + 10 * 5 * 4) / (300 * 299) });
  expect(Object.keys(told.batches)).toEqual(['64', '256']);
  const draws = 4000;
  let samples = 0;
  let pairs = 0;
  for (let seed = 0; seed < draws; seed++) {
    const batch = [...new Draws(seed).shuffle(Uint32Array.from(texts, (_, i) => i))].slice(0, 64).map((i) => texts[i]!);
    const counts = new Map<string, number>();
    for (const text of batch) counts.set(text, (counts.get(text) ?? 0) + 1);
    for (const times of counts.values()) {
      if (times > 1) samples += times;
      pairs += times * (times - 1);
    }
  }
  const { samples: share, perSample } = told.batches['64']!;
  expect(Math.abs(samples / (64 * draws) - share)).toBeLessThan(0.003);
  expect(Math.abs(pairs / (64 * draws) - perSample)).toBeLessThan(0.02);
});

test('texts that are all equal, and none that are', () => {
  expect(repeatsOf(new Map([[100, 1]])).batches['64']).toEqual({ perSample: 63, samples: 1 });
  expect(repeatsOf(new Map([[1, 100]])).batches['64']).toEqual({ perSample: 0, samples: 0 });
  expect(repeatsOf(new Map())).toEqual({ texts: 0, distinct: 0, equalPairs: 0, batches: {} });
});
