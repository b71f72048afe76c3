/** CheXpert 5x200: a list of 1,000 training images of CheXpert, each of exactly one of five findings. */
import { existsSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import type { DatasetAdapter, Origin, SourceReject, SourceRow } from '../../src/data/adapter.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';
import { imageOf, imageRoot, LICENCE, partsOf } from '../chexpert/release-table.js';

const options = z.strictObject({
  /** The list: lists of different papers hold different images. */
  list: z.string().default('chexpert_5x200.csv'),
});
type Options = z.infer<typeof options>;

const CLASSES = ['Atelectasis', 'Cardiomegaly', 'Consolidation', 'Edema', 'Pleural Effusion'];

const adapter: DatasetAdapter<Options> = {
  name: 'chexpert-5x200',
  title: 'CheXpert 5x200',
  version: '1',
  ...LICENCE,
  access: 'the list of the GLoRIA authors (chexpert_5x200.csv), with the images of CheXpert',
  modalities: ['DX'],
  options: options as z.ZodType<Options>,

  describe: () => ({
    labels: [{ vocab: 'chexpert-5x200', kind: 'class', names: CLASSES }],
    splitRule: 'everything is for testing',
  }),

  async *rows({ from, options }) {
    const path = isAbsolute(options.list) ? options.list : join(from, options.list);
    if (!existsSync(path))
      throw GadoliniumError.expected(
        'no-source',
        `'${options.list}'`,
        `the folder ${from}`,
        'none',
        'give another with --option list=FILE',
      );
    const root = imageRoot(from);
    for await (const found of tableRows(path)) {
      const origin = { file: basename(path), row: found.row };
      if ('fault' in found) yield reject('bad_row', found.fault, 'row', origin);
      else yield toRow(found.values as Record<string, string>, root, origin);
    }
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

function toRow(values: Record<string, string>, root: string, origin: Origin): SourceRow | SourceReject {
  const parts = partsOf(values['Path'] ?? '');
  if (parts === undefined)
    return reject('bad_row', `no patient, study and view in '${values['Path']}'`, 'Path', origin);
  const own = CLASSES.filter((name) => Number(values[name] || 0) === 1);
  if (own.length !== 1)
    return reject(
      'bad_label',
      `${own.length === 0 ? 'none' : own.join(' and ')} of the five findings is 1`,
      CLASSES.join(', '),
      origin,
    );
  return {
    id: `${parts.patient}_${parts.study}_${parts.view}`,
    patient: parts.patient,
    study: `${parts.patient}_${parts.study}`,
    split: 'test',
    images: [imageOf(join(root, parts.relative), parts, values)],
    texts: reportOf(values),
    labels: [{ vocab: 'chexpert-5x200', name: own[0]!, value: 1, state: 'positive', source: 'nlp' }],
    origin,
  };
}

/** GLoRIA's list has the impression too, from a table that was not released then. */
function reportOf(values: Record<string, string>): SourceRow['texts'] {
  const body = (values['Report Impression'] ?? '').trim();
  return body === '' ? [] : [{ kind: 'impression', lang: 'en', body, origin: 'human', field: 'Report Impression' }];
}
