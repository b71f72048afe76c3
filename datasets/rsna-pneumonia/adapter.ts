/** RSNA Pneumonia Detection Challenge, stage 2: frontal radiographs with boxes of opacities that may be pneumonia. */
import { existsSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import type { DatasetAdapter, Origin, SourceReject, SourceRow } from '../../src/data/adapter.js';
import { dicomHeader } from '../../src/data/formats/dicom-header.js';
import { gloriaParts } from '../../src/data/formats/scikit-learn-split.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';
import { viewOf } from '../../src/radiology/view.js';
import { prompts } from './prompts.js';

const options = z.strictObject({
  /** gloria: as its scripts draw them, MGCA's too; or a table with the columns patientId and split; default: drawn. */
  splits: z.string().optional(),
});
type Options = z.infer<typeof options>;

const LABELS = 'stage_2_train_labels.csv';
const DETAILS = 'stage_2_detailed_class_info.csv';
const FOLDER = 'stage_2_train_images';
const CLASSES = ['Normal', 'No Lung Opacity / Not Normal', 'Lung Opacity'];

const adapter: DatasetAdapter<Options> = {
  name: 'rsna-pneumonia',
  title: 'RSNA Pneumonia Detection Challenge',
  version: '1',
  licence: 'Kaggle-competition',
  licenceText: 'terms of the Kaggle competition: research and education; images are from ChestX-ray14',
  access: 'kaggle.com/c/rsna-pneumonia-detection-challenge, after agreeing to its terms',
  modalities: ['CR'],
  options: options as z.ZodType<Options>,

  describe: ({ options }) => ({
    labels: [
      { vocab: 'pneumonia', kind: 'finding', names: ['Pneumonia'] },
      { vocab: 'rsna-detail', kind: 'class', names: CLASSES },
    ],
    prompts,
    splitRule: options.splits
      ? options.splits === 'gloria'
        ? "as GLoRIA's scripts draw them, by image"
        : 'as the given table says'
      : 'the labelled part has no splits: drawn by the hash of the image; train 0.7, valid 0.15, test 0.15',
    fractions: { train: 0.7, valid: 0.15, test: 0.15 },
  }),

  async *rows({ from, options }) {
    const table = required(from, LABELS);
    const details = await columns(required(from, DETAILS), 'class');
    const images = new Map<string, Image>();
    for await (const found of tableRows(table)) {
      const origin = { file: LABELS, row: found.row };
      const line = 'fault' in found ? found.fault : lineOf(found.values as Record<string, string>);
      if (typeof line === 'string') {
        yield reject('bad_row', line, 'row', origin);
        continue;
      }
      const image = images.get(line.id) ?? { id: line.id, positive: false, boxes: [], origin };
      image.positive ||= line.positive;
      if (line.box !== undefined) image.boxes.push(line.box);
      images.set(line.id, image);
    }
    const given = await splitsOf(options, from, [...images.keys()]);
    for (const image of images.values()) yield await toRow(image, join(from, FOLDER), details, given);
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

const pathIn = (from: string, path: string) => (isAbsolute(path) ? path : join(from, path));

function required(from: string, name: string): string {
  const path = join(from, name);
  if (existsSync(path)) return path;
  throw GadoliniumError.expected('no-source', `'${name}'`, `the RSNA release ${from}`, 'a folder without it');
}

/** Part by image; undefined: to be drawn. */
async function splitsOf(
  { splits }: Options,
  from: string,
  ids: string[],
): Promise<ReadonlyMap<string, string> | undefined> {
  if (splits === undefined) return undefined;
  if (splits !== 'gloria') return columns(pathIn(from, splits), 'split');
  // Lines are grouped by image first, which sorts them.
  const parts = gloriaParts(ids.length);
  return new Map(ids.sort().map((id, place) => [id, parts[place]!]));
}

/** A column by patientId; a table of details has a row a box, all alike. */
async function columns(path: string, column: string): Promise<Map<string, string>> {
  const out = new Map<string, string>();
  for await (const found of tableRows(path)) {
    if ('fault' in found) continue;
    const { patientId, [column]: value } = found.values as Record<string, string>;
    if (patientId === undefined || value === undefined)
      throw GadoliniumError.expected(
        'no-column',
        `columns patientId and ${column}`,
        path,
        Object.keys(found.values).join(', '),
      );
    out.set(patientId, value);
  }
  return out;
}

interface Image {
  id: string;
  positive: boolean;
  boxes: number[][];
  origin: Origin;
}

/** A line, or why it is none. Numbers are empty exactly where Target is 0. */
function lineOf(values: Record<string, string>): { id: string; positive: boolean; box?: number[] } | string {
  const { patientId: id, Target: target } = values;
  if (!id) return 'no patientId';
  if (target === '0') return { id, positive: false };
  if (target !== '1') return `Target '${target}' is neither 0 nor 1`;
  const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((column) => Number(values[column] || Number.NaN));
  if (![x, y, width, height].every(Number.isFinite)) return 'Target is 1 and the box is not four numbers';
  return { id, positive: true, box: [x!, y!, x! + width!, y! + height!] };
}

async function toRow(
  { id, positive, boxes, origin }: Image,
  folder: string,
  details: ReadonlyMap<string, string>,
  splits: ReadonlyMap<string, string> | undefined,
): Promise<SourceRow | SourceReject> {
  const split = splits?.get(id);
  if (splits !== undefined && split === undefined)
    return reject('no_split', `${id} is not in the table of splits`, 'patientId', origin);
  const file = join(folder, `${id}.dcm`);
  const header = existsSync(file) ? await dicomHeader(file) : undefined;
  const detail = details.get(id);
  return {
    // It is called patientId and names an image.
    id,
    ...(split === undefined ? {} : { split }),
    images: [{ id, file, modality: 'CR', view: viewOf(header?.view), field: 'patientId' }],
    texts: [],
    labels: [
      {
        vocab: 'pneumonia',
        name: 'Pneumonia',
        value: positive ? 1 : 0,
        state: positive ? 'positive' : 'negative',
        source: 'expert',
      },
      ...(detail !== undefined && CLASSES.includes(detail)
        ? [{ vocab: 'rsna-detail', name: detail, value: 1, state: 'positive' as const, source: 'expert' as const }]
        : []),
    ],
    regions: boxes.map((coords) => ({ image: 0, kind: 'box', label: 'Pneumonia', coords })),
    sourceRef: basename(file),
    origin,
  };
}
