/** CheXpert: radiographs with fourteen findings that a program read out of reports; one row a study. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { DatasetAdapter, Origin, SourceReject, SourceRow } from '../../src/data/adapter.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';
import { imageOf, imageRoot, LICENCE, labelsOf, partsOf, VOCABULARY } from './release-table.js';

const TABLES = { 'train.csv': 'train', 'valid.csv': 'valid' };

const adapter: DatasetAdapter<Record<string, never>> = {
  name: 'chexpert',
  title: 'CheXpert',
  version: '1',
  ...LICENCE,
  access: 'after agreement: stanfordmlgroup.github.io/competitions/chexpert',
  modalities: ['DX'],
  options: z.strictObject({}) as z.ZodType<Record<string, never>>,

  describe: () => ({
    labels: [VOCABULARY],
    splitRule: 'as the release has it, by patient: train.csv, valid.csv',
  }),

  async *rows({ from }) {
    const root = imageRoot(from);
    for (const [table, split] of Object.entries(TABLES)) {
      const path = join(root, table);
      if (!existsSync(path))
        throw GadoliniumError.expected(
          'no-source',
          `'${table}'`,
          `the CheXpert release ${from}`,
          'a folder without it',
        );
      yield* studies(path, table, split, root);
    }
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

/** Views of a study follow each other in the tables; labels are those of its first line. */
async function* studies(
  path: string,
  file: string,
  split: string,
  root: string,
): AsyncGenerator<SourceRow | SourceReject> {
  let open: SourceRow | undefined;
  for await (const found of tableRows(path)) {
    const origin = { file, row: found.row };
    if ('fault' in found) {
      yield reject('bad_row', found.fault, 'row', origin);
      continue;
    }
    const values = found.values as Record<string, string>;
    const parts = partsOf(values['Path'] ?? '');
    const labels = labelsOf(values);
    if (parts === undefined) {
      yield reject('bad_row', `no patient, study and view in '${values['Path']}'`, 'Path', origin);
      continue;
    }
    if (typeof labels === 'string') {
      yield reject('bad_label', `'${values[labels]}' is not 1, 0, -1 or nothing`, labels, origin);
      continue;
    }
    const image = imageOf(join(root, parts.relative), parts, values);
    const id = `${parts.patient}_${parts.study}`;
    if (open?.id === id) {
      open.images.push(image);
      continue;
    }
    if (open !== undefined) yield open;
    open = {
      id,
      patient: parts.patient,
      study: id,
      split,
      images: [image],
      texts: [],
      labels: split === 'valid' ? labels.map((label) => ({ ...label, source: 'reader' as const })) : labels,
      meta: { age: values['Age'] ?? '', sex: values['Sex'] ?? '' },
      origin,
    };
  }
  if (open !== undefined) yield open;
}
