import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readReport } from '../../../datasets/open-i/report-xml.js';
import { POSITIONS } from '../../../src/config/chest-x-ray-terms.js';
import { sentences } from '../../../src/data/tokenizer/sentences.js';
import { lemmaOf } from '../../../src/radiology/lemma.js';
import { positionOf } from '../../../src/radiology/positions.js';
import { reportTexts } from '../../../src/radiology/report-texts.js';
import { sectionsOf } from '../../../src/radiology/sections.js';
import { sentenceMentions } from '../../../src/radiology/sentence-mentions.js';
import { tripletMatrix } from '../../../src/radiology/triplets.js';

// Of any text at all, made of the pieces that matter to the rules or of anything.

const piece = fc.oneof(
  fc.constantFrom(
    ...[
      '\n ',
      '\n \n',
      '\n',
      ' ',
      ':',
      ': ',
      'FINDINGS',
      'IMPRESSION:',
      '\n IMPRESSION: ',
      '\n CHEST, PA:\n',
      '___',
      'XXXX',
      '.',
      ', ',
    ],
    ...[
      'no ',
      'opacity ',
      'left ',
      'lung ',
      'lobe ',
      'pleural effusion',
      ' is ',
      ' and ',
      '1. ',
      'Dr. ',
      '2.5 cm',
      '。',
      '肺',
      'é',
      '\r',
    ],
  ),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
);
const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));
const runs = { numRuns: 400, seed: 7 };

test('sections lie in the report in their order, and nothing of it is said twice', () => {
  fc.assert(
    fc.property(text, (report) => {
      const plain = report.replace(/\r\n?/g, '\n');
      let at = 0;
      for (const section of sectionsOf(report)) {
        const found = plain.indexOf(section.text, at);
        expect(found).toBeGreaterThanOrEqual(at);
        at = found + section.text.length;
      }
      for (const { body } of reportTexts(report)) expect(plain.includes(body) && body.trim() !== '').toBe(true);
    }),
    runs,
  );
});

test('sentences lose and add no character but blanks', () => {
  const dense = (one: string) => one.replace(/\s/gu, '');
  fc.assert(
    fc.property(text, (one) => {
      const cut = sentences(one);
      expect(dense(cut.join(''))).toBe(dense(one));
      for (const sentence of cut) expect(sentence).toBe(sentence.trim());
    }),
    runs,
  );
});

test('mentions are of the words of the sentence, at known places, and make a matrix of -1, 0 and 1', () => {
  fc.assert(
    fc.property(text, (sentence) => {
      const mentions = sentenceMentions(sentence);
      for (const { anatomy, observation } of mentions) {
        expect(sentence.toLowerCase()).toContain(observation);
        expect(positionOf(anatomy)).toBeLessThan(POSITIONS.length);
      }
      const matrix = tripletMatrix(mentions);
      expect(matrix.every((value) => value >= -1 && value <= 1)).toBe(true);
      expect(lemmaOf(sentence)).toBeTypeOf('string');
    }),
    runs,
  );
});

test('an XML file is read or refused, whatever it holds', () => {
  const whole =
    '<eCitation><uId id="CXR1"/><AbstractText Label="FINDINGS">a &lt; b</AbstractText><parentImage id="x"><caption/></parentImage></eCitation>';
  const spliced = fc
    .tuple(fc.nat(whole.length), fc.nat(20), text)
    .map(([at, gone, more]) => whole.slice(0, at) + more + whole.slice(at + gone));
  fc.assert(
    fc.property(fc.oneof(text, spliced), (xml) => {
      const report = readReport(xml);
      if (report !== undefined) expect(report.id).not.toBe('');
    }),
    runs,
  );
  expect(readReport(whole)).toMatchObject({ id: 'CXR1', images: [{ id: 'x', caption: '' }] });
});
