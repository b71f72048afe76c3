import { expect, test } from 'vitest';
import { pythonTexts } from '../../../datasets/quilt-1m/python-list.js';

test.each<[string, string[] | undefined]>([
  ['[]', []],
  ["['a']", ['a']],
  [`['a, b', "it's", 'say "x"']`, ['a, b', "it's", 'say "x"']],
  [
    String.raw`['it\'s', 'two\nlines', 'caf\xe9', '\u03b2 cell', 'back\\slash']`,
    ["it's", 'two\nlines', 'café', 'β cell', 'back\\slash'],
  ],
  ["['C01' 'C02']", ['C01', 'C02']],
  ["[None, 'a', nan, 2.5]", ['a', '2.5']],
  ["['bracket ] inside']", ['bracket ] inside']],
  // No lists, and nothing that is run.
  ['', undefined],
  ['nan', undefined],
  ["['open", undefined],
  ["['open]", undefined],
  ["[exit(1), 'a']", undefined],
  [String.raw`['\U00ffffff']`, undefined],
])('%s', (literal, texts) => {
  expect(pythonTexts(literal)).toEqual(texts);
});
