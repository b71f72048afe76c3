/** SIIM-ACR Pneumothorax Segmentation, stage 1: frontal radiographs of ChestX-ray14 with masks of pneumothoraces. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, isAbsolute, join, parse } from 'node:path';
import { z } from 'zod';
import type { DatasetAdapter, Origin, SourceReject, SourceRow } from '../../src/data/adapter.js';
import { dicomHeader } from '../../src/data/formats/dicom-header.js';
import { gloriaParts } from '../../src/data/formats/scikit-learn-split.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';
import { viewOf } from '../../src/radiology/view.js';
import { rowRuns } from './run-lengths.js';

const options = z.strictObject({
  /** gloria: as its scripts draw them, MGCA's too; or a table with the columns ImageId and split; default: drawn. */
  splits: z.string().optional(),
});
type Options = z.infer<typeof options>;

const TABLE = 'train-rle.csv';
const FOLDER = 'dicom-images-train';

const adapter: DatasetAdapter<Options> = {
  name: 'siim-acr',
  title: 'SIIM-ACR Pneumothorax Segmentation',
  version: '1',
  licence: 'Kaggle-competition',
  licenceText: 'terms of the Kaggle competition: academic use; images are from ChestX-ray14',
  access: 'kaggle.com/c/siim-acr-pneumothorax-segmentation, after agreeing to its terms',
  modalities: ['CR'],
  options: options as z.ZodType<Options>,

  describe: ({ options }) => ({
    labels: [{ vocab: 'pneumothorax', kind: 'finding', names: ['Pneumothorax'] }],
    prompts: [
      {
        name: 'pneumothorax',
        vocab: 'pneumothorax',
        kind: 'pairs',
        classes: [{ label: 'Pneumothorax', texts: ['Pneumothorax'], negative: ['No Pneumothorax'] }],
      },
    ],
    splitRule: options.splits
      ? options.splits === 'gloria'
        ? "as GLoRIA's scripts draw them, by the first line of an image"
        : 'as the given table says'
      : 'the labelled part has no splits: drawn by the hash of the image; train 0.7, valid 0.15, test 0.15',
    fractions: { train: 0.7, valid: 0.15, test: 0.15 },
  }),

  async *rows({ from, options }) {
    const path = join(from, TABLE);
    if (!existsSync(path))
      throw GadoliniumError.expected('no-source', `'${TABLE}'`, `the SIIM-ACR release ${from}`, 'a folder without it');
    const files = filesBelow(join(from, FOLDER));
    const images = new Map<string, Image>();
    let lines = 0;
    for await (const found of tableRows(path)) {
      lines = found.row;
      const origin = { file: TABLE, row: found.row };
      const { ImageId: id = '', EncodedPixels: encoded = '' } =
        'fault' in found ? {} : (found.values as Record<string, string>);
      if ('fault' in found || id === '' || encoded.trim() === '') {
        const reason = 'fault' in found ? found.fault : 'ImageId or EncodedPixels is empty';
        yield reject('bad_row', reason, 'row', origin);
        continue;
      }
      const image = images.get(id) ?? { id, masks: [], origin };
      // With and without a blank in front, both occur.
      if (encoded.trim() !== '-1') image.masks.push(encoded);
      images.set(id, image);
    }
    const splits = await splitsOf(options, from, [...images.values()], lines);
    for (const image of images.values()) yield await toRow(image, files, splits);
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

interface Image {
  id: string;
  /** One a pneumothorax; together they are the mask. */
  masks: string[];
  origin: Origin;
}

/** Part by image; undefined: to be drawn. */
async function splitsOf(
  { splits }: Options,
  from: string,
  images: Image[],
  lines: number,
): Promise<ReadonlyMap<string, string> | undefined> {
  if (splits === undefined) return undefined;
  if (splits !== 'gloria') return splitsIn(from, splits);
  // They draw lines, so that some images of several masks fall into several parts; here the first line's part counts.
  const parts = gloriaParts(lines);
  return new Map(images.map(({ id, origin }) => [id, parts[origin.row! - 1]!]));
}

async function splitsIn(from: string, table: string): Promise<Map<string, string>> {
  const path = isAbsolute(table) ? table : join(from, table);
  const out = new Map<string, string>();
  for await (const found of tableRows(path)) {
    if ('fault' in found)
      throw new GadoliniumError('bad-table', `expected a whole row ${found.row} for ${path} but got ${found.fault}`);
    const { ImageId: id, split } = found.values as Record<string, string>;
    if (id === undefined || split === undefined)
      throw GadoliniumError.expected(
        'no-column',
        'columns ImageId and split',
        path,
        Object.keys(found.values).join(', '),
      );
    out.set(id, split);
  }
  return out;
}

/** STUDY/SERIES/IMAGE.dcm, by the image's name. */
function filesBelow(folder: string): Map<string, string> {
  const found = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort() : [];
  return new Map(found.filter((path) => path.endsWith('.dcm')).map((path) => [parse(path).name, join(folder, path)]));
}

async function toRow(
  { id, masks, origin }: Image,
  files: ReadonlyMap<string, string>,
  splits: ReadonlyMap<string, string> | undefined,
): Promise<SourceRow | SourceReject> {
  const split = splits?.get(id);
  if (splits !== undefined && split === undefined)
    return reject('no_split', `${id} is not in the table of splits`, 'ImageId', origin);
  const file = files.get(id) ?? `${id}.dcm`;
  const header = existsSync(file) ? await dicomHeader(file) : undefined;
  const side = header?.rows;
  if (header !== undefined && header.columns !== side)
    return reject('wrong_size', `${header.columns}×${side} pixels, where masks are of squares`, 'ImageId', origin);
  const runs = side === undefined ? [] : masks.map((mask) => rowRuns(mask, side));
  const wrong = runs.find((one) => typeof one === 'string');
  if (typeof wrong === 'string') return reject('bad_mask', wrong, 'EncodedPixels', origin);
  const positive = masks.length > 0;
  return {
    id,
    ...(split === undefined ? {} : { split }),
    images: [{ id, file, modality: 'CR', view: viewOf(header?.view), field: 'ImageId' }],
    texts: [],
    labels: [
      {
        vocab: 'pneumothorax',
        name: 'Pneumothorax',
        value: positive ? 1 : 0,
        state: positive ? 'positive' : 'negative',
        source: 'expert',
      },
    ],
    regions: runs.map((coords) => ({ image: 0, kind: 'rle', label: 'Pneumothorax', coords: coords as number[] })),
    sourceRef: basename(file),
    origin,
  };
}
