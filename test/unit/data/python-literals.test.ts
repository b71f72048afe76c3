import { expect, test } from 'vitest';
import { pythonLiteral, textList } from '../../../src/data/formats/python-literals.js';

test.each([
  ["['a', 'b']", ['a', 'b']],
  ["['a' 'b'\n 'c']", ['a', 'b', 'c']],
  [`["bull's-eye", 'say "no"']`, ["bull's-eye", 'say "no"']],
  ["['it\\'s', 'a\\\\b', 'x\\ny']", ["it's", 'a\\b', 'x\ny']],
  ["[['a', 'loc b'], ['c']]", [['a', 'loc b'], ['c']]],
  ['[1, -2.5, 1e3, None, True, False]', [1, -2.5, 1000, null, true, false]],
  ["{'NORM': 100.0, 'SR': 0.0}", { NORM: 100, SR: 0 }],
  ['{}', {}],
  [' [ ] ', []],
  ["{'__proto__': 1}", Object.fromEntries([['__proto__', 1]])],
  ['nan', Number.NaN],
])('%s', (text, value) => expect(pythonLiteral(text)).toEqual(value));

test.each([
  '',
  "['a'",
  "['a']]",
  "'a",
  'print(1)',
  '[a]',
  "{'a'}",
  "{['a']: 1}",
  '['.repeat(1000),
  '1 2',
  '__import__',
])('%s is none', (text) => expect(pythonLiteral(text)).toBeUndefined());

test('a list of texts is trimmed, and other lists are none', () => {
  expect(textList("[' pleural effusion', '', 'normal']")).toEqual(['pleural effusion', 'normal']);
  expect(textList("['a', 1]")).toBeUndefined();
  expect(textList("{'a': 1}")).toBeUndefined();
  expect(textList('nan')).toBeUndefined();
});
