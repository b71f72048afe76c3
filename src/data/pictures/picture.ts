/**
 * One source picture to the bytes that a shard keeps: decoded (DICOM by dicom-picture.ts), turned upright, flattened, brought to 8 bits without cutting
 * any value off, resized with antialiasing, and stored as raw pixels or JPEG. Grey pictures become one channel, also when the
 * file stored them as RGB.
 */
import { createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import sharp, { type Metadata, type Sharp } from 'sharp';
import { GadoliniumError } from '../../errors.js';
import type { PicturePart } from '../adapter.js';
import { type DicomPicture, dicomPicture, isDicom } from './dicom-picture.js';
import type { DicomView } from './dicom-view.js';
import { PictureError } from './picture-error.js';

export interface PictureOptions {
  /** Pixels of the side that `fit` names. Smaller pictures are kept as they are, never enlarged. */
  size: number;
  fit: 'shorter' | 'longest';
  store: 'raw' | 'jpeg';
  /** JPEG quality, 1–100. */
  quality: number;
  /** Pictures with more pixels are rejected before they are decoded. */
  maxPixels: number;
  /** How DICOM values become grey. */
  dicomView: DicomView;
}

export const PICTURE_DEFAULTS: PictureOptions = {
  size: 256,
  fit: 'shorter',
  store: 'raw',
  quality: 92,
  maxPixels: 2 ** 28,
  dicomView: 'reading',
};

/** The fields of an `images` item that come from the picture itself. */
export interface StoredPicture {
  data: Uint8Array;
  codec: 'raw' | 'jpeg';
  height: number;
  width: number;
  channels: 1 | 3;
  bits_stored: number;
  photometric: string;
  /** MONOCHROME1 that was turned. */
  inverted: boolean;
  /** Of the source, turned upright. */
  source_height: number;
  source_width: number;
  value_range: [number, number] | null;
  sha256: Uint8Array;
  flags: string[];
}

/**
 * Channels of a picture may differ by this much (of 255) and it still counts as grey: JPEG rounds its colour planes. Measured
 * on radiographs stored as RGB.
 */
const GREY_TOLERANCE = 4;

/** In words, for the `recipe` column; raised when the same picture would give other bytes. */
export function pictureRecipe(options: PictureOptions): string {
  const stored = options.store === 'raw' ? 'raw' : `jpeg q${options.quality}`;
  // Silent about the view that is the default, so that sets without DICOM keep their name.
  const view = options.dicomView === PICTURE_DEFAULTS.dicomView ? '' : ` dicom ${options.dicomView}`;
  return `picture-1 ${options.fit} side ${options.size} lanczos3 ${stored}${view}`;
}

/** @param part what is kept of it, cut before anything is resized: of a tiled TIFF (a slide) only the tiles below it are read */
export async function storedPicture(
  input: string | Uint8Array,
  options: PictureOptions,
  part?: PicturePart,
): Promise<StoredPicture> {
  if (typeof input === 'string') await mustBeFile(input);
  try {
    const named = typeof input === 'string' && /\.(dcm|dicom)$/iu.test(input);
    if (named || isDicom(await firstBytes(input, 132))) {
      if (part !== undefined) throw new PictureError('unsupported_image', 'a part of a DICOM file; give it whole');
      return await fromDicom(typeof input === 'string' ? await readFile(input) : input, options);
    }
    return await decoded(input, options, part);
  } catch (error) {
    if (error instanceof PictureError || error instanceof GadoliniumError) throw error;
    throw await reasonOf(input);
  }
}

async function mustBeFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new PictureError('missing_image', 'no such file');
  if (!found.isFile()) throw new PictureError('missing_image', 'not a file');
  if (found.size === 0) throw new PictureError('not_an_image', 'an empty file');
}

async function decoded(
  input: string | Uint8Array,
  options: PictureOptions,
  part: PicturePart | undefined,
): Promise<StoredPicture> {
  const sequentialRead = part === undefined;
  const source = () => sharp(input, { failOn: 'error', limitInputPixels: false, sequentialRead });
  const metadata = await source().metadata();
  const { width, height } = part ?? metadata;
  if (width * height > options.maxPixels)
    throw new PictureError('too_many_pixels', `${width}×${height} pixels, more than ${options.maxPixels}`);
  if (part !== undefined) mustLieInside(part, metadata.autoOrient);
  const flags: string[] = [];
  let image = source().autoOrient();
  if ((metadata.orientation ?? 1) > 1) flags.push('orientation_applied');
  if (part !== undefined) image = image.extract({ left: part.x, top: part.y, width, height });
  // The further pages of a slide are the same in smaller.
  else if ((metadata.pages ?? 1) > 1) flags.push('first_frame_only');
  if (metadata.hasAlpha) {
    image = image.flatten({ background: 'black' });
    flags.push('alpha_flattened');
  }
  const target = targetSize(part ?? metadata.autoOrient, options);
  if (target.scale === 1) flags.push('small_image');
  const pixels =
    metadata.depth === 'uchar' ? await eightBits(image, target) : await sixteenBits(image, metadata, target, flags);
  return stored(pixels, target, options, {
    bits_stored: metadata.bitsPerSample ?? 8,
    photometric: photometricOf(metadata),
    inverted: false,
    flags,
  });
}

function mustLieInside({ x, y, width, height }: PicturePart, whole: { width: number; height: number }): void {
  const right = [x, y, width, height].every((value) => Number.isInteger(value) && value >= 0) && width * height > 0;
  if (!right || x + width > whole.width || y + height > whole.height)
    throw new PictureError(
      'part_outside_image',
      `${width}×${height} pixels from ${x}, ${y} on, of ${whole.width}×${whole.height}`,
    );
}

type Said = Pick<StoredPicture, 'bits_stored' | 'photometric' | 'inverted' | 'flags'>;

async function stored(pixels: Pixels, target: Target, options: PictureOptions, said: Said): Promise<StoredPicture> {
  const single = grey(pixels.data, pixels.channels);
  const channels = single === undefined ? 3 : 1;
  const raw = single ?? pixels.data;
  const { width, height } = target;
  const data = options.store === 'raw' ? raw : await jpeg(raw, { width, height, channels }, options.quality);
  return {
    data,
    codec: options.store,
    height,
    width,
    channels,
    source_height: target.source.height,
    source_width: target.source.width,
    value_range: pixels.range,
    sha256: createHash('sha256').update(data).digest(),
    ...said,
  };
}

async function fromDicom(bytes: Uint8Array, options: PictureOptions): Promise<StoredPicture> {
  const found = await dicomPicture(bytes, options);
  const { inverted, bitsStored: bits_stored, photometric, flags } = found;
  const target = targetSize(found, options);
  if (target.scale === 1) flags.push('small_image');
  return stored(await dicomPixels(found, target), target, options, { bits_stored, photometric, inverted, flags });
}

async function dicomPixels({ pixels, width, height, channels, range }: DicomPicture, target: Target): Promise<Pixels> {
  const source = sharp(pixels, { limitInputPixels: false, raw: { width, height, channels } });
  if (pixels instanceof Uint8Array) return eightBits(source, target);
  const small = await resized(source, target).toColourspace('grey16').raw({ depth: 'ushort' }).toBuffer();
  return { data: toEightBits(words(small), [0, 65535]), channels, range };
}

interface Target {
  source: { width: number; height: number };
  width: number;
  height: number;
  scale: number;
}

function targetSize({ width, height }: { width: number; height: number }, { size, fit }: PictureOptions): Target {
  const side = fit === 'shorter' ? Math.min(width, height) : Math.max(width, height);
  const scale = Math.min(1, size / side);
  return {
    source: { width, height },
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
    scale,
  };
}

const resized = (image: Sharp, { width, height }: Target) =>
  image.resize(width, height, { fit: 'fill', kernel: 'lanczos3' });

interface Pixels {
  data: Uint8Array;
  channels: number;
  range: [number, number] | null;
}

/** Palettes are expanded, CMYK and YCCK become RGB. */
async function eightBits(image: Sharp, target: Target): Promise<Pixels> {
  const { data, info } = await resized(image, target).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  return { data, channels: info.channels, range: null };
}

/**
 * Deeper than 8 bits. A grey picture is windowed from its own smallest to its own largest value, which become 0 and 255 and
 * are kept as value_range: dividing by 257 would leave a 12-bit radiograph black. Colour is divided by 257.
 */
async function sixteenBits(image: Sharp, metadata: Metadata, target: Target, flags: string[]): Promise<Pixels> {
  if (metadata.depth !== 'ushort') {
    throw new PictureError(
      'unsupported_image',
      `pixels of type ${metadata.depth}; store them as 8 or 16 bits, unsigned`,
    );
  }
  const wide = metadata.channels <= 2 ? 'grey16' : 'rgb16';
  const { data, info } = await image.toColourspace(wide).raw({ depth: 'ushort' }).toBuffer({ resolveWithObject: true });
  const full = words(data);
  const single = info.channels === 1 ? full : sameChannels(full, info.channels);
  const channels = single === undefined ? 3 : 1;
  const source = sharp(single ?? full, {
    limitInputPixels: false,
    raw: { width: info.width, height: info.height, channels },
  });
  const small = await resized(source, target)
    .toColourspace(channels === 1 ? 'grey16' : 'rgb16')
    .raw({ depth: 'ushort' })
    .toBuffer();
  const range: [number, number] | null = single === undefined ? null : extent(single);
  flags.push(single === undefined ? 'depth_reduced' : 'windowed_min_max');
  return { data: toEightBits(words(small), range ?? [0, 65535]), channels, range };
}

/** low and high become 0 and 255; resizing may have gone beyond. */
function toEightBits(values: Uint16Array, [low, high]: [number, number]): Uint8Array {
  const factor = high > low ? 255 / (high - low) : 0;
  return Uint8Array.from(values, (value) => Math.round(Math.min(255, Math.max(0, (value - low) * factor))));
}

const words = (bytes: Buffer) => new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));

function extent(values: Uint16Array): [number, number] {
  let low = 65535;
  let high = 0;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function sameChannels(values: Uint16Array, channels: number): Uint16Array | undefined {
  const single = new Uint16Array(values.length / channels);
  for (let i = 0, at = 0; i < single.length; i++, at += channels) {
    if (values[at] !== values[at + 1] || values[at] !== values[at + 2]) return undefined;
    single[i] = values[at]!;
  }
  return single;
}

/** The one channel of a grey picture; undefined for colour. Where channels differ a little, their mean. */
function grey(data: Uint8Array, channels: number): Uint8Array | undefined {
  if (channels === 1) return data;
  const single = new Uint8Array(data.length / channels);
  for (let i = 0, at = 0; i < single.length; i++, at += channels) {
    const [r, g, b] = [data[at]!, data[at + 1]!, data[at + 2]!];
    if (Math.max(r, g, b) - Math.min(r, g, b) > GREY_TOLERANCE) return undefined;
    single[i] = Math.round((r + g + b) / 3);
  }
  return single;
}

async function jpeg(
  data: Uint8Array,
  raw: { width: number; height: number; channels: 1 | 3 },
  quality: number,
): Promise<Uint8Array> {
  const image = sharp(data, { raw }).toColourspace(raw.channels === 1 ? 'b-w' : 'srgb');
  return image.jpeg({ quality, chromaSubsampling: '4:4:4' }).toBuffer();
}

function photometricOf(metadata: Metadata): string {
  if (metadata.isPalette) return 'PALETTE';
  if (metadata.space === 'cmyk') return 'CMYK';
  return metadata.channels <= 2 ? 'MONOCHROME2' : 'RGB';
}

/** Formats by their first bytes. `decoded`: what the decoder reads; the others are told apart only to say so. */
const FORMATS: { name: string; decoded: boolean; at: number; magic: string }[] = [
  { name: 'JPEG', decoded: true, at: 0, magic: '\xff\xd8\xff' },
  { name: 'PNG', decoded: true, at: 0, magic: '\x89PNG' },
  { name: 'GIF', decoded: true, at: 0, magic: 'GIF8' },
  { name: 'WebP', decoded: true, at: 8, magic: 'WEBP' },
  { name: 'TIFF', decoded: true, at: 0, magic: 'II*\0' },
  { name: 'TIFF', decoded: true, at: 0, magic: 'MM\0*' },
  { name: 'TIFF', decoded: true, at: 0, magic: 'II+\0' },
  { name: 'DICOM', decoded: true, at: 128, magic: 'DICM' },
  { name: 'JPEG 2000', decoded: false, at: 4, magic: 'jP  ' },
  { name: 'BMP', decoded: false, at: 0, magic: 'BM' },
  { name: 'HEIF', decoded: false, at: 4, magic: 'ftyp' },
  { name: 'gzip', decoded: false, at: 0, magic: '\x1f\x8b' },
];

/**
 * Why decoding failed. The decoder's own message is not used: it keeps one for the whole process, so that of two pictures that
 * fail at the same time one may get the other's, and a rejects list must be the same on every run.
 */
async function reasonOf(input: string | Uint8Array): Promise<PictureError> {
  const head = Buffer.from(await firstBytes(input, 256)).toString('latin1');
  const format = FORMATS.find(({ at, magic }) => head.startsWith(magic, at));
  if (format === undefined) return new PictureError('not_an_image', 'no picture format that is known');
  if (format.decoded) return new PictureError('truncated_image', `a ${format.name} file that is cut short or damaged`);
  return new PictureError('unsupported_image', `a ${format.name} file; convert it to PNG, JPEG or TIFF`);
}

async function firstBytes(input: string | Uint8Array, count: number): Promise<Uint8Array> {
  if (typeof input !== 'string') return input.subarray(0, count);
  const file = await open(input);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
