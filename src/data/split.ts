/** Splits: the words that releases use for them, and the drawing of one where a release has none. */
import { createHash } from 'node:crypto';
import type { Split, SplitFractions } from './adapter.js';

const WORDS: Record<string, Split> = {
  train: 'train',
  training: 'train',
  tr: 'train',
  valid: 'valid',
  validation: 'valid',
  validate: 'valid',
  val: 'valid',
  dev: 'valid',
  development: 'valid',
  test: 'test',
  testing: 'test',
  eval: 'test',
  extra: 'extra',
  unused: 'extra',
};

/** The split that a release's word means; undefined for an unknown word. */
export function splitOf(word: string): Split | undefined {
  const known = word.trim().toLowerCase();
  return Object.hasOwn(WORDS, known) ? WORDS[known] : undefined;
}

export const SPLIT_WORDS = Object.keys(WORDS);

export const FRACTIONS: SplitFractions = { train: 0.8, valid: 0.1, test: 0.1 };

/**
 * The split of a group of rows (a patient, a case): a function of its name and the data set's alone, so that it stays where
 * it is when rows are added. The fractions are chances: small data sets come out near them, not at them.
 */
export function drawnSplit(dataset: string, group: string, fractions: SplitFractions = FRACTIONS): Split {
  const digest = createHash('sha256').update(`${dataset}\n${group}`).digest();
  const at = digest.readUIntBE(0, 6) / 2 ** 48;
  const sum = fractions.train + fractions.valid + fractions.test;
  if (at * sum < fractions.train) return 'train';
  return at * sum < fractions.train + fractions.valid ? 'valid' : 'test';
}
