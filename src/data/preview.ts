/**
 * One in so many rows of a prepared folder, as its shards hold them: what a person should look at before training on it. A function
 * of the shards alone, so that a preparation that was killed shows the same.
 */
import { GadoliniumError } from '../errors.js';
import { type Manifest, requireDataset } from './manifest.js';
import { toSharp } from './pictures/stored-picture.js';
import { openShards } from './shards/shards.js';
import { type StoredBatch, storedBatches } from './shards/stored-batches.js';
import type { StoredColumn } from './shards/stored-column.js';

export interface PreviewImage {
  id: string;
  modality: string;
  view: string;
  /** Pixels as stored, and of the source. */
  size: { height: number; width: number };
  source: { height: number; width: number } | null;
  /** Slices of a volume; the middle one is shown. */
  depth: number;
  /** A data: URL; null where the page would grow too large. */
  picture: string | null;
}

export interface PreviewRow {
  /** Row number in the folder. */
  row: number;
  sample: string;
  split: string;
  patient: string | null;
  images: PreviewImage[];
  texts: { kind: string; language: string; body: string; tokens: number | null }[];
  labels: { vocab: string; name: string; state: string }[];
  flags: string[];
  meta: [string, string][];
}

export interface Preview {
  manifest: Manifest;
  /** One in so many rows was asked for, and is shown. */
  asked: number;
  every: number;
  rows: PreviewRow[];
  /** Images and texts of shown rows that are left out to keep the page small. */
  leftOut: { images: number; texts: number };
}

/** A page of more is not looked at, and slow to open. */
const MOST_ROWS = 60;
const MOST_IMAGES_A_ROW = 4;
const MOST_TEXTS_A_ROW = 12;
const MOST_LETTERS = 4000;
/** Characters of pictures that one page holds. */
const MOST_PICTURES = 6_000_000;
/** Longest side that is shown pixel by pixel; larger pictures are made smaller. */
const SIDE = 512;

/** @param asked one in so many rows; where that gives more than 60, evenly fewer. */
export async function previewOf(folder: string, asked: number): Promise<Preview> {
  if (!Number.isInteger(asked) || asked < 1)
    throw GadoliniumError.expected('bad-option', 'a whole number from 1', '--preview (one in so many rows)', asked);
  const manifest = requireDataset(folder);
  const every = Math.max(asked, Math.ceil(manifest.rows / MOST_ROWS));
  const leftOut = { images: 0, texts: 0 };
  const rows: PreviewRow[] = [];
  let room = MOST_PICTURES;
  for (const batch of storedBatches(openShards(folder))) {
    const first = (every - (batch.first % every)) % every;
    if (first >= batch.rows) continue;
    const read = reader(batch);
    for (let i = first; i < batch.rows; i += every) {
      const row = read.row(i);
      const { from, to } = read.images.range(i);
      for (let n = from; n < to; n++) {
        if (n - from >= MOST_IMAGES_A_ROW) {
          leftOut.images += to - n;
          break;
        }
        const image = imageOf(read.images.items(), n);
        const picture = await pictureOf(read.images.items(), n);
        const fits = picture !== null && picture.length <= room;
        if (fits) room -= picture.length;
        else leftOut.images++;
        row.images.push({ ...image, picture: fits ? picture : null });
      }
      leftOut.texts += Math.max(0, row.texts.length - MOST_TEXTS_A_ROW);
      rows.push({ ...row, texts: row.texts.slice(0, MOST_TEXTS_A_ROW).map(short) });
    }
  }
  return { manifest, asked, every, rows, leftOut };
}

const short = (text: PreviewRow['texts'][number]) => ({
  ...text,
  body: text.body.length > MOST_LETTERS ? `${text.body.slice(0, MOST_LETTERS)} …` : text.body,
});

function reader(batch: StoredBatch) {
  const column = (name: string) => batch.column(name);
  const [sample, split, patient] = [column('sample_id'), column('split'), column('patient_id')];
  const [images, texts, labels, flags, meta] = ['images', 'texts', 'labels', 'flags', 'meta'].map(column) as [
    StoredColumn,
    StoredColumn,
    StoredColumn,
    StoredColumn,
    StoredColumn,
  ];
  const row = (i: number): PreviewRow => ({
    row: batch.first + i,
    sample: sample.text(i),
    split: split.text(i),
    patient: patient.isNull(i) ? null : patient.text(i),
    images: [],
    texts: each(texts, i, (items, n) => ({
      kind: items.field('kind').text(n),
      language: items.field('lang').text(n),
      body: items.field('body').text(n),
      tokens: items.field('tokens').isNull(n) ? null : items.field('tokens').number(n),
    })),
    labels: each(labels, i, (items, n) => ({
      vocab: items.field('vocab').text(n),
      name: items.field('name').text(n),
      state: items.field('state').text(n),
    })),
    flags: each(flags, i, (items, n) => items.text(n)),
    meta: each(meta, i, (items, n): [string, string] => [items.field('key').text(n), items.field('value').text(n)]),
  });
  return { row, images };
}

function each<T>(column: StoredColumn, i: number, item: (items: StoredColumn, n: number) => T): T[] {
  const { from, to } = column.range(i);
  return Array.from({ length: to - from }, (_, k) => item(column.items(), from + k));
}

function imageOf(items: StoredColumn, n: number): Omit<PreviewImage, 'picture'> {
  const number = (name: string) => items.field(name).number(n);
  const known = items.has('source_height') && !items.field('source_height').isNull(n);
  return {
    id: items.field('image_id').text(n),
    modality: items.field('modality').text(n),
    view: items.field('view').text(n),
    size: { height: number('height'), width: number('width') },
    source: known ? { height: number('source_height'), width: number('source_width') } : null,
    depth: number('depth'),
  };
}

/** The stored pixels, unchanged where they are few enough; null for an image whose bytes lie elsewhere. */
async function pictureOf(items: StoredColumn, n: number): Promise<string | null> {
  const bytes = items.field('data').bytes(n);
  if (bytes.length === 0) return null;
  const number = (name: string) => items.field(name).number(n);
  const [height, width] = [number('height'), number('width')];
  const codec = items.field('codec').text(n);
  const small = Math.max(height, width) <= SIDE;
  if (small && codec === 'jpeg') return dataUrl('jpeg', bytes);
  const stored = toSharp({
    bytes,
    codec,
    height,
    width,
    depth: number('depth'),
    channels: number('channels'),
    dtype: items.field('dtype').text(n),
  }).resize({ width: SIDE, height: SIDE, fit: 'inside', withoutEnlargement: true });
  // Without loss up to the size that most encoders take; above that a page of sixty would be too heavy.
  return Math.max(height, width) <= SIDE / 2
    ? dataUrl('png', await stored.png().toBuffer())
    : dataUrl('jpeg', await stored.jpeg({ quality: 90, chromaSubsampling: '4:4:4' }).toBuffer());
}

const dataUrl = (type: string, bytes: Uint8Array) =>
  `data:image/${type};base64,${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}`;
