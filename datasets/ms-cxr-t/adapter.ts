/** MS-CXR-T: whether findings improve, stay or worsen between two images of a patient, and pairs of sentences about change. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import type {
  AdapterContext,
  DatasetAdapter,
  Origin,
  SourceImage,
  SourceReject,
  SourceRow,
} from '../../src/data/adapter.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';
import { imageFile, requireImages } from '../ms-cxr/image-file.js';

const options = z.strictObject({
  /** Folder of MIMIC-CXR-JPG or MIMIC-CXR: what holds files/p10/…; default: the release's own; none: the sentences alone. */
  images: z.string().optional(),
});
type Options = z.infer<typeof options>;

const IMAGES = 'MS_CXR_T_temporal_image_classification_v1.0.0.csv';
const SENTENCES = 'MS_CXR_T_temporal_sentence_similarity_v1.0.0.csv';
const FINDINGS = ['consolidation', 'edema', 'pleural effusion', 'pneumonia', 'pneumothorax'];
const columnOf = (finding: string) => `${finding.replace(' ', '_')}_progression`;
const CHANGES = ['improving', 'stable', 'worsening'];
const SIMILARITIES = ['paraphrase', 'contradiction'];

const adapter: DatasetAdapter<Options> = {
  name: 'ms-cxr-t',
  title: 'MS-CXR-T',
  version: '1',
  licence: 'PhysioNet-1.5.0',
  licenceText: 'PhysioNet Credentialed Health Data License 1.5.0: images and sentences of MIMIC-CXR',
  access: 'credentialed: physionet.org/content/ms-cxr-t, with the images of mimic-cxr-jpg or mimic-cxr',
  modalities: ['DX'],
  options: options as z.ZodType<Options>,

  describe: () => ({
    labels: [
      ...FINDINGS.map((vocab) => ({ vocab, kind: 'class' as const, names: CHANGES })),
      { vocab: 'similarity', kind: 'class', names: SIMILARITIES },
    ],
    priorImages: true,
    splitRule: 'everything is for testing',
  }),

  async *rows(context) {
    yield* sentencePairs(context);
    if (context.options.images !== 'none') yield* imagePairs(context);
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

async function* lines({ from }: AdapterContext<Options>, file: string) {
  const path = join(from, file);
  if (!existsSync(path))
    throw GadoliniumError.expected('no-source', `'${file}'`, `the MS-CXR-T release ${from}`, 'a folder without it');
  for await (const found of tableRows(path)) {
    const origin = { file, row: found.row };
    if ('fault' in found) yield { origin, fault: found.fault };
    else yield { origin, values: found.values as Record<string, string> };
  }
}

async function* sentencePairs(context: AdapterContext<Options>): AsyncGenerator<SourceRow | SourceReject> {
  for await (const { origin, values, fault } of lines(context, SENTENCES)) {
    if (values === undefined) {
      yield reject('bad_row', fault!, 'row', origin);
      continue;
    }
    const category = values['category'] ?? '';
    const bodies = ['sentence_1', 'sentence_2'].map((field) => ({ field, body: (values[field] ?? '').trim() }));
    if (!SIMILARITIES.includes(category))
      yield reject('bad_label', `'${category}' is none of ${SIMILARITIES.join(', ')}`, 'category', origin);
    else if (bodies.some(({ body }) => body === ''))
      yield reject('bad_pair', 'a sentence is missing', bodies.find(({ body }) => body === '')!.field, origin);
    else
      yield {
        id: `sentences-${origin.row}`,
        split: 'test',
        images: [],
        texts: bodies.map(({ field, body }) => ({
          kind: 'report',
          lang: 'en',
          body,
          origin: 'human',
          group: 0,
          field,
        })),
        labels: [{ vocab: 'similarity', name: category, value: 1, state: 'positive', source: 'expert' }],
        meta: { subset: values['subset_name'] ?? '' },
        origin,
      };
  }
}

async function* imagePairs(context: AdapterContext<Options>): AsyncGenerator<SourceRow | SourceReject> {
  const root = context.options.images ?? context.from;
  requireImages(root);
  for await (const { origin, values, fault } of lines(context, IMAGES)) {
    if (values === undefined) {
      yield reject('bad_row', fault!, 'row', origin);
      continue;
    }
    const [current, previous] = [pathOf(values, ''), pathOf(values, 'previous_')];
    const wrong = FINDINGS.find((name) => !['', ...CHANGES].includes(values[columnOf(name)] ?? ''));
    if (current === undefined || previous === undefined)
      yield reject('bad_row', 'the images of the pair are not named', 'dicom_id', origin);
    else if (wrong !== undefined)
      yield reject(
        'bad_label',
        `'${values[columnOf(wrong)]}' is none of ${CHANGES.join(', ')}`,
        columnOf(wrong),
        origin,
      );
    else
      yield {
        id: `${basename(current)}_${basename(previous)}`,
        patient: `p${values['subject_id']}`,
        study: `s${values['study_id']}`,
        split: 'test',
        order: 1,
        images: [imageOf(root, current, 'dicom_id')],
        priorImages: [imageOf(root, previous, 'previous_dicom_id')],
        texts: [],
        labels: FINDINGS.flatMap((vocab) => {
          const name = values[columnOf(vocab)];
          return name ? [{ vocab, name, value: 1, state: 'positive' as const, source: 'expert' as const }] : [];
        }),
        origin,
      };
  }
}

/** p10/p10000032/s50414267/HASH: as the table has it, or put together where it names the hash alone. */
function pathOf(values: Record<string, string>, which: '' | 'previous_'): string | undefined {
  const dicom = values[`${which}dicom_id`] ?? '';
  if (dicom.includes('/')) return dicom;
  const [subject, study] = [values['subject_id'] ?? '', values[`${which}study_id`] ?? ''];
  if (dicom === '' || subject === '' || study === '') return undefined;
  return `p${subject.slice(0, 2)}/p${subject}/s${study}/${dicom}`;
}

const imageOf = (root: string, path: string, field: string): SourceImage => ({
  id: basename(path),
  file: imageFile(root, path),
  modality: 'DX',
  view: 'FRONTAL',
  field,
});
