import { describe, expect, test } from 'vitest';
import { sentences } from '../../../../src/data/tokenizer/sentences.js';

describe('sentences', () => {
  test.each<[string, string[]]>([
    ['The heart is normal. The lungs are clear.', ['The heart is normal.', 'The lungs are clear.']],
    ['Seen by Dr. Smith. No change.', ['Seen by Dr. Smith.', 'No change.']],
    ['A nodule of 2.5 cm is seen. It is new.', ['A nodule of 2.5 cm is seen.', 'It is new.']],
    ['The mass measures 3 cm. The liver is normal.', ['The mass measures 3 cm.', 'The liver is normal.']],
    [
      'Stable vs. prior, e.g. in Fig. 2 and No. 5. Normal otherwise.',
      ['Stable vs. prior, e.g. in Fig. 2 and No. 5.', 'Normal otherwise.'],
    ],
    ['Read by J. F. Kennedy at 10 a.m. today. Done.', ['Read by J. F. Kennedy at 10 a.m. today.', 'Done.']],
    [
      'Told to Dr. ___ at 3:15 p.m. on ___ by ___.  No change.',
      ['Told to Dr. ___ at 3:15 p.m. on ___ by ___.', 'No change.'],
    ],
    ['Compared to ___. Heart size is XXXX. Lungs clear.', ['Compared to ___.', 'Heart size is XXXX.', 'Lungs clear.']],
    ['Seen at 3:15 p.m. No pneumothorax.', ['Seen at 3:15 p.m.', 'No pneumothorax.']],
    ['1.  Nodule of 2.5 cm,\n unchanged.\n 2.  No effusion.', ['1. Nodule of 2.5 cm, unchanged.', '2. No effusion.']],
    ['Tórax normal. Sin derrame.', ['Tórax normal.', 'Sin derrame.']],
    ['Is it hepatitis B. The liver is large.', ['Is it hepatitis B.', 'The liver is large.']],
    ['1. Heart normal. 2. Lungs clear.', ['1. Heart normal.', '2. Lungs clear.']],
    ['1. Heart normal\n2. Lungs clear\n- no effusion', ['1. Heart normal', '2. Lungs clear', '- no effusion']],
    ['FINDINGS: The lungs\nare clear.\nIMPRESSION: Normal', ['FINDINGS: The lungs are clear.', 'IMPRESSION: Normal']],
    ['No effusion?! Yes. "Quoted end." Next one...', ['No effusion?!', 'Yes.', '"Quoted end."', 'Next one...']],
    ['the lungs are clear. no effusion.', ['the lungs are clear. no effusion.']],
    ['心脏大小正常。肺部清晰。', ['心脏大小正常。', '肺部清晰。']],
    ['approx. 3 cm. Stable', ['approx. 3 cm.', 'Stable']],
    ['  \n\t ', []],
    ['', []],
    ['Normal.\r\n\r\nStable.', ['Normal.', 'Stable.']],
    ['Clear. ... Normal.', ['Clear. ...', 'Normal.']],
  ])('%j', (text, expected) => {
    expect(sentences(text)).toEqual(expected);
  });

  test('loses no word', () => {
    const text =
      'Dr. A. Gray: 1) mass, 2.5 x 3.1 cm. See Fig. 3 (axial). No. of lesions: 2! Follow up in 3 mo. vs. baseline.\nOK';
    expect(sentences(text).join(' ')).toBe(text.replace(/\s+/g, ' '));
  });

  test('takes a text of 100,000 characters, with or without any full stop, in a moment', () => {
    const begun = performance.now();
    expect(sentences('word '.repeat(20_000))).toHaveLength(1);
    expect(sentences('Word one. '.repeat(10_000))).toHaveLength(10_000);
    expect(sentences('.'.repeat(100_000))).toHaveLength(1);
    expect(sentences('A.'.repeat(50_000))).toHaveLength(1);
    expect(performance.now() - begun).toBeLessThan(2000);
  });
});
