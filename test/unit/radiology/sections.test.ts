import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { reportTexts } from '../../../src/radiology/report-texts.js';
import { conclusionOf, sectionsOf } from '../../../src/radiology/sections.js';

const official = JSON.parse(readFileSync(new URL('../../fixtures/reports/sections.json', import.meta.url), 'utf8')) as {
  report: string;
  sections: { name: string; text: string }[];
}[];

test('made-up reports are cut as the official parser cuts them', () => {
  expect(official.length).toBeGreaterThan(100);
  for (const { report, sections } of official) expect(sectionsOf(report), report).toEqual(sections);
  // The fixture has what matters: repeated names, cut last paragraphs, reports without a heading.
  const names = official.flatMap(({ sections }) => sections.map(({ name }) => name));
  for (const name of ['last_paragraph', 'full report', 'preamble', 'wet read', 'dose']) expect(names).toContain(name);
});

const REPORT = `                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)
 
 INDICATION:  ___ year old woman with cough // pneumonia?
 
 COMPARISON:  ___.
 
 FINDINGS: 
 
 Heart size is normal. There is a 2.5 cm nodule, seen by
 Dr. ___ at 3:15 p.m.  No pneumothorax.
 
 IMPRESSION: 
 
 1.  No acute process.
 2.  Nodule, as before.
`;

test('a usual report gives its sections as texts, trimmed, placeholders and line breaks kept', () => {
  expect(reportTexts(REPORT)).toEqual([
    {
      kind: 'findings',
      body: 'Heart size is normal. There is a 2.5 cm nodule, seen by\n Dr. ___ at 3:15 p.m.  No pneumothorax.',
    },
    { kind: 'impression', body: '1.  No acute process.\n 2.  Nodule, as before.' },
    { kind: 'comparison', body: '___.' },
    { kind: 'indication', body: '___ year old woman with cough // pneumonia?' },
  ]);
});

test('line breaks of other systems change nothing', () => {
  expect(reportTexts(REPORT.replaceAll('\n', '\r\n'))).toEqual(reportTexts(REPORT));
});

describe('what concludes', () => {
  const named = (report: string) => conclusionOf(sectionsOf(report));

  test('the last impression, then findings, then the last paragraph, then the comparison', () => {
    expect(named('\n FINDINGS: f\n IMPRESSION: one\n IMPRESSION: two\n')).toEqual({ name: 'impression', text: 'two' });
    expect(named('\n FINDINGS: f\n COMPARISON: c\n')).toEqual({ name: 'findings', text: 'f' });
    expect(named('\n COMPARISON: c\n \n Lungs clear.\n')).toEqual({ name: 'last_paragraph', text: 'Lungs clear.' });
    expect(named('\n COMPARISON: all is said here\n')).toEqual({ name: 'comparison', text: 'all is said here' });
    expect(named('\n DATE: today\n')).toBeUndefined();
  });

  test('a title line with nothing below is no finding', () => {
    const report = '\n CHEST, PA LATERAL:\n \n INDICATION: cough\n \n IMPRESSION: clear\n';
    expect(sectionsOf(report).map(({ name }) => name)).toEqual(['preamble', 'indication', 'impression']);
  });
});

describe('reports that no rule cuts rightly', () => {
  const report = '\n RECOMMENDATION(S): Lungs are clear.\n IMPRESSION: not this\n';

  test('by the name of another section', () => {
    expect(reportTexts(report, 's50913680')).toEqual([{ kind: 'last_paragraph', body: 'Lungs are clear.' }]);
    expect(reportTexts(report, 's50000000').at(0)).toEqual({ kind: 'impression', body: 'not this' });
  });

  test('by characters, and by none at all', () => {
    const long = `${'x'.repeat(59)} Clear lungs. ${'y'.repeat(400)}`;
    expect(reportTexts(long, 's56579911')).toEqual([
      { kind: 'last_paragraph', body: `Clear lungs. ${'y'.repeat(218 - 59 - 14)}` },
    ]);
    expect(reportTexts(REPORT, 's58235663')).toEqual([]);
  });
});
