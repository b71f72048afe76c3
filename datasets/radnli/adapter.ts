/** RadNLI: pairs of sentences of MIMIC-CXR reports, and whether the second follows from the first. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { DatasetAdapter, Origin, SourceReject, SourceRow, SourceText } from '../../src/data/adapter.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';

const CLASSES = ['entailment', 'neutral', 'contradiction'];
const FILES = { dev: 'radnli_dev_v1.jsonl', test: 'radnli_test_v1.jsonl' };

const adapter: DatasetAdapter<Record<string, never>> = {
  name: 'radnli',
  title: 'RadNLI',
  version: '1',
  licence: 'PhysioNet-1.5.0',
  licenceText: 'PhysioNet Credentialed Health Data License 1.5.0: sentences of MIMIC-CXR',
  access: 'credentialed: physionet.org/content/radnli-report-inference',
  modalities: [],
  options: z.strictObject({}) as z.ZodType<Record<string, never>>,

  describe: () => ({
    labels: [{ vocab: 'nli', kind: 'class', names: CLASSES }],
    splitRule: 'as the release has it: the file of a pair',
  }),

  async *rows({ from }) {
    for (const [split, file] of Object.entries(FILES)) {
      const path = join(from, file);
      if (!existsSync(path))
        throw GadoliniumError.expected('no-source', `'${file}'`, `the RadNLI release ${from}`, 'a folder without it');
      for await (const found of tableRows(path)) {
        const origin = { file, row: found.row };
        if ('fault' in found) yield reject('bad_row', found.fault, 'row', origin);
        else yield toRow(found.values, split, origin);
      }
    }
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

function toRow(
  values: Record<string, unknown>,
  split: string,
  origin: Origin & { row: number },
): SourceRow | SourceReject {
  const label = String(values['gold_label'] ?? '');
  if (!CLASSES.includes(label))
    return reject('bad_label', `'${label}' is none of ${CLASSES.join(', ')}`, 'gold_label', origin);
  const sentences = ['sentence1', 'sentence2'].map((field): SourceText => {
    const body = String(values[field] ?? '').trim();
    return { kind: 'report', lang: 'en', body, origin: 'human', group: 0, field };
  });
  const blank = sentences.find(({ body }) => body === '');
  if (blank !== undefined) return reject('bad_pair', 'a sentence is missing', blank.field!, origin);
  return {
    id: String(values['pair_id'] ?? `${split}-${origin.row}`),
    split,
    images: [],
    texts: sentences,
    labels: [{ vocab: 'nli', name: label, value: 1, state: 'positive', source: 'expert' }],
    origin,
  };
}
