import { expect, test } from 'vitest';
import { cleanedPost, wordCount } from '../../../datasets/openpath/post-text.js';

test.each([
  ['Colon #GIPath #CRC @name_1: see https://example.org/a?b=c now', 'Colon : see now'],
  ['H&amp;E, p53 &lt; 1 %', 'H&E, p53 < 1 %'],
  ['two<br>lines\n\nand  blanks', 'two lines and blanks'],
  ['🇩🇪 a 👩🏽‍⚕️ case ❤️', 'a case'],
  // Signs that are no tags: numbers of cases, addresses of mail, brand names.
  ['mail a@b, BRAF®, C#2', 'mail a@b, BRAF®, C#2'],
  ['κ light chain ≥ 2µm', 'κ light chain ≥ 2µm'],
])('%s → %s', (post, text) => {
  expect(cleanedPost(post)).toBe(text);
});

test('words are those with a letter', () => {
  expect(wordCount('CK20+ (2/3) – glands 腺')).toBe(3);
  expect(wordCount('')).toBe(0);
});
