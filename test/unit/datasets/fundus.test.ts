import { expect, test } from 'vitest';
import { descriptionsOf } from '../../../datasets/fundus/descriptions.js';

const none = new Map<string, string[]>();

test('every attribute with every category, each text once', () => {
  expect(descriptionsOf([], ['drusen'], none)).toEqual(['A fundus photograph of drusen']);
  expect(descriptionsOf(['noisy', 'dark'], ['drusen', 'edema'], none)).toEqual([
    'A noisy fundus photograph of drusen',
    'A noisy fundus photograph of edema',
    'A dark fundus photograph of drusen',
    'A dark fundus photograph of edema',
  ]);
});

test('definitions stand beside the name; words of a replacement mean nothing', () => {
  const definitions = new Map([['$&', ["$' and $$"]]]);
  expect(descriptionsOf([], ['$&'], definitions)).toEqual([
    'A fundus photograph of $&',
    "A fundus photograph of $' and $$",
  ]);
});
