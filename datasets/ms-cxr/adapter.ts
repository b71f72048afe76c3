/** MS-CXR: phrases of reports with the boxes that radiologists drew for them; one row an image of MIMIC-CXR. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import type { DatasetAdapter, Origin, SourceReject, SourceRow } from '../../src/data/adapter.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';
import { imageFile, patientIn, requireImages, sizeOf, studyIn } from './image-file.js';

const options = z.strictObject({
  /** Folder of MIMIC-CXR-JPG or MIMIC-CXR: what holds files/p10/…; default: the release's own. */
  images: z.string().optional(),
  /** test: everything is for testing; column: as the table says. */
  split: z.enum(['test', 'column']).default('test'),
});
type Options = z.infer<typeof options>;

export const FINDINGS = [
  'Atelectasis',
  'Cardiomegaly',
  'Consolidation',
  'Edema',
  'Lung Opacity',
  'Pleural Effusion',
  'Pneumonia',
  'Pneumothorax',
];

const adapter: DatasetAdapter<Options> = {
  name: 'ms-cxr',
  title: 'MS-CXR',
  version: '1',
  licence: 'PhysioNet-1.5.0',
  licenceText: 'PhysioNet Credentialed Health Data License 1.5.0: images and sentences of MIMIC-CXR',
  access: 'credentialed: physionet.org/content/ms-cxr, with the images of mimic-cxr-jpg or mimic-cxr',
  modalities: ['DX'],
  options: options as z.ZodType<Options>,

  describe: ({ options }) => ({
    labels: [{ vocab: 'ms-cxr', kind: 'finding', names: FINDINGS }],
    splitRule: options.split === 'test' ? 'everything is for testing' : "column 'split' of the table",
  }),

  async *rows({ from, options }) {
    const table = tableOf(from);
    const root = options.images ?? from;
    requireImages(root);
    const images = new Map<string, Image>();
    for await (const found of tableRows(table)) {
      const origin = { file: basename(table), row: found.row };
      const box = 'fault' in found ? found.fault : boxOf(found.values as Record<string, string>);
      if (typeof box === 'string') yield reject('bad_row', box, 'row', origin);
      else {
        const image = images.get(box.dicom) ?? { ...box, boxes: [], origin };
        image.boxes.push(box);
        images.set(box.dicom, image);
      }
    }
    for (const image of images.values()) yield await toRow(image, root, options);
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

function tableOf(from: string): string {
  const pattern = /^MS_CXR_Local_Alignment_v[\d.]+\.csv$/u;
  const newest = existsSync(from)
    ? readdirSync(from)
        .filter((file) => pattern.test(file))
        .sort()
        .at(-1)
    : undefined;
  if (newest !== undefined) return join(from, newest);
  throw GadoliniumError.expected(
    'no-source',
    "'MS_CXR_Local_Alignment_v1.1.0.csv'",
    `the MS-CXR release ${from}`,
    'none',
  );
}

interface Box {
  dicom: string;
  path: string;
  /** Of the image that the box was drawn on. */
  width: number;
  height: number;
  finding: string;
  phrase: string;
  split: string | undefined;
  /** x0, y0, x1, y1. */
  coords: number[];
}

interface Image extends Box {
  boxes: Box[];
  origin: Origin;
}

/** A line as a box, or why it is none. */
function boxOf(values: Record<string, string>): Box | string {
  const numbers = ['x', 'y', 'w', 'h', 'image_width', 'image_height'].map((column) =>
    Number(values[column] || Number.NaN),
  );
  if (!numbers.every((number) => Number.isFinite(number) && number >= 0))
    return 'x, y, w, h and the image size are not all numbers';
  const [x, y, w, h, width, height] = numbers as [number, number, number, number, number, number];
  const { dicom_id: dicom, path, category_name: finding, label_text: phrase } = values;
  if (!dicom || !path || !phrase?.trim()) return 'dicom_id, path or label_text is empty';
  if (!FINDINGS.includes(finding!)) return `category_name '${finding}' is none of ${FINDINGS.join(', ')}`;
  if (w === 0 || h === 0 || x + w > width + 1 || y + h > height + 1)
    return `a box ${x}, ${y}, ${w}, ${h} outside the image`;
  const coords = [x, y, x + w, y + h];
  return { dicom, path, width, height, finding: finding!, phrase: phrase.trim(), split: values['split'], coords };
}

/** Copies of the images in another size are common; boxes follow, if the shape is the same. */
async function toRow(image: Image, root: string, { split }: Options): Promise<SourceRow | SourceReject> {
  const { dicom, path, width, height, boxes, origin } = image;
  const file = imageFile(root, path);
  const size = (await sizeOf(file)) ?? [width, height];
  const scale = [size[0] / width, size[1] / height] as const;
  if (Math.abs(scale[0] / scale[1] - 1) > 0.02)
    return reject(
      'wrong_size',
      `${size.join('×')} pixels where boxes were drawn on ${width}×${height}`,
      'image_width',
      origin,
    );
  const phrases = [...new Set(boxes.map(({ phrase }) => phrase))];
  const [patient, study] = [patientIn(path), studyIn(path)];
  return {
    id: dicom,
    ...(patient === undefined ? {} : { patient }),
    ...(study === undefined ? {} : { study }),
    split: split === 'test' ? 'test' : (image.split ?? ''),
    images: [{ id: dicom, file, modality: 'DX', view: 'FRONTAL', field: 'path' }],
    texts: phrases.map((body) => ({ kind: 'findings', lang: 'en', body, origin: 'human', field: 'label_text' })),
    regions: boxes.map(({ finding, phrase, coords }) => ({
      image: 0,
      text: phrases.indexOf(phrase),
      kind: 'box',
      label: finding,
      coords: coords.map((value, i) => value * scale[i % 2]!),
    })),
    labels: [...new Set(boxes.map(({ finding }) => finding))].map((name) => ({
      vocab: 'ms-cxr',
      name,
      value: 1,
      state: 'positive',
      source: 'expert',
    })),
    origin,
  };
}
