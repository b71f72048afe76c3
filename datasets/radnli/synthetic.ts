/** A made-up RadNLI release: five pairs in two files, and lines that are none. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SyntheticRelease } from '../../src/data/adapter.js';

const PAIRS = [
  ['dev-1', 'dev', 'There is no pneumothorax.', 'No pneumothorax is seen.', 'entailment'],
  ['dev-2', 'dev', 'The lungs are clear.', 'There is a left effusion.', 'contradiction'],
  ['test-1', 'test', 'Heart size is normal.', 'The aorta is tortuous.', 'neutral'],
  ['test-2', 'test', 'Small effusion.', 'There is no effusion.', 'contradiction'],
  ['test-3', 'test', 'Clear lungs.', 'The lungs are clear.', 'entailment'],
] as const;

const release: SyntheticRelease = {
  async write(folder) {
    const lines = (split: string) =>
      PAIRS.filter((pair) => pair[1] === split).map(([pair_id, , sentence1, sentence2, gold_label]) =>
        JSON.stringify({ sentence1, sentence2, pair_id, gold_label }),
      );
    const bad = [
      '{"sentence1": "cut',
      JSON.stringify({ sentence1: 'A.', sentence2: 'B.', pair_id: 'x', gold_label: '-' }),
      JSON.stringify({ sentence1: 'A.', sentence2: ' ', pair_id: 'y', gold_label: 'neutral' }),
    ];
    writeFileSync(join(folder, 'radnli_dev_v1.jsonl'), `${[...lines('dev'), ...bad].join('\n')}\n`);
    writeFileSync(join(folder, 'radnli_test_v1.jsonl'), `${lines('test').join('\n')}\n`);
    const rejected = { dropped: 'row', file: 'radnli_dev_v1.jsonl' } as const;
    return {
      rows: PAIRS.map(([sample_id, split, ...rest]) => ({
        sample_id,
        split: split === 'dev' ? 'valid' : split,
        texts: rest.slice(0, 2).map((body) => ({ body, group: 0 })),
        labels: [{ vocab: 'nli', name: rest[2] }],
      })),
      rejects: [
        { ...rejected, code: 'bad_row', field: 'row', row: 3 },
        { ...rejected, code: 'bad_label', field: 'gold_label', row: 4 },
        { ...rejected, code: 'bad_pair', field: 'sentence2', row: 5 },
      ],
    };
  },
};
export default release;
