/** VinDr-CXR: radiographs with boxes and findings of three radiologists each (training) or of a consensus of five (test). */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import type { DatasetAdapter, SourceReject, SourceRow } from '../../src/data/adapter.js';
import { dicomHeader } from '../../src/data/formats/dicom-header.js';
import { GadoliniumError } from '../../src/errors.js';
import { viewOf } from '../../src/radiology/view.js';
import { FINDINGS, prompts } from './prompts.js';
import { labelsOf, type ReadImage, Readings } from './readings.js';

const options = z.strictObject({
  /** Of how many readers of an image a finding must be named to be positive: of one (CXR-CLIP), or of more than half. */
  agreement: z.enum(['any', 'majority']).default('any'),
});
type Options = z.infer<typeof options>;

/** Tables of findings and of boxes by part; Kaggle's release has one table for both, and no labels for its test images. */
const PARTS = [
  { part: 'train', findings: 'annotations/image_labels_train.csv', boxes: 'annotations/annotations_train.csv' },
  { part: 'test', findings: 'annotations/image_labels_test.csv', boxes: 'annotations/annotations_test.csv' },
] as const;
const KAGGLE = { part: 'train', boxes: 'train.csv' } as const;

const adapter: DatasetAdapter<Options> = {
  name: 'vindr-cxr',
  title: 'VinDr-CXR',
  version: '1',
  licence: 'PhysioNet-1.5.0',
  licenceText: 'PhysioNet Credentialed Health Data License 1.5.0 (Kaggle: terms of the competition): no redistribution',
  access:
    'credentialed: physionet.org/content/vindr-cxr; or kaggle.com/c/vinbigdata-chest-xray-abnormalities-detection',
  modalities: ['CR', 'DX'],
  options: options as z.ZodType<Options>,

  describe: () => ({
    labels: [{ vocab: 'vindr-cxr', kind: 'finding', names: FINDINGS }],
    prompts,
    splitRule:
      'test as the release has it; of its training part the hash of the image draws train 0.9, valid 0.1 (the release names no patients)',
    fractions: { train: 0.9, valid: 0.1, test: 0 },
  }),

  async *rows({ from, options }) {
    for (const { part, ...tables } of partsOf(from)) {
      const readings = new Readings();
      if ('findings' in tables) yield* readings.findings(join(from, tables.findings));
      yield* readings.boxes(join(from, tables.boxes), !('findings' in tables));
      for (const image of readings.images.values()) yield await toRow(image, readings.known, join(from, part), options);
    }
  },
};
export default adapter;

function partsOf(from: string): readonly ((typeof PARTS)[number] | typeof KAGGLE)[] {
  const found = PARTS.filter(({ findings }) => existsSync(join(from, findings)));
  const lone = found.find(({ boxes }) => !existsSync(join(from, boxes)));
  if (found.length > 0 && lone === undefined) return found;
  if (found.length === 0 && existsSync(join(from, KAGGLE.boxes))) return [KAGGLE];
  const wanted = lone?.boxes ?? `${PARTS[0].findings}' or Kaggle's '${KAGGLE.boxes}`;
  throw GadoliniumError.expected('no-source', `'${wanted}'`, `the VinDr-CXR release ${from}`, 'a folder without it');
}

async function toRow(
  image: ReadImage,
  known: ReadonlySet<string>,
  folder: string,
  { agreement }: Options,
): Promise<SourceRow | SourceReject> {
  const { id, boxes, origin } = image;
  const file = [`${id}.dicom`, `${id}.dcm`].map((name) => join(folder, name)).find((path) => existsSync(path));
  const header = file === undefined ? undefined : await dicomHeader(file);
  const test = basename(folder) === 'test';
  return {
    id,
    ...(test ? { split: 'test' } : {}),
    images: [
      {
        id,
        file: file ?? join(folder, `${id}.dicom`),
        modality: header?.modality === 'CR' ? 'CR' : 'DX',
        // All were taken so; de-identification removed the element from most.
        view: viewOf(header?.view ?? 'PA'),
        field: 'image_id',
      },
    ],
    texts: [],
    labels: labelsOf(image, known, agreement),
    regions: boxes.map(({ finding, reader, coords }) => ({
      image: 0,
      kind: 'box',
      label: finding,
      coords,
      ...(reader === '' ? {} : { rater: reader }),
    })),
    meta: { readers: String(image.readers.size) },
    sourceRef: id,
    origin,
  };
}
