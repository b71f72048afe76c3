/**
 * A picture file as official inference reads it with Pillow and torchvision, to the last bit: decoded whole, its levels stretched where
 * the pipeline does so, grey by Pillow's integers, resized by Pillow's fixed-point filters. The crop is the image input's.
 */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import type { PictureReading } from '../checkpoint/metadata.js';
import type { StoredPicture } from '../data/pictures/picture.js';
import { GadoliniumError } from '../errors.js';

interface Pixels {
  /** Rows of interleaved channels. */
  values: Uint8Array | Uint16Array;
  width: number;
  height: number;
  channels: number;
  bits: 8 | 16;
}

/** Throws GadoliniumError `bad-image` for what is no picture, too large, or constant where levels are stretched. */
export async function pillowPicture(file: string, reading: PictureReading): Promise<StoredPicture> {
  const read = await decoded(file);
  const eight = reading.levels === 'min-max' ? stretched(read, file) : eightBits(read, file);
  const channels = reading.colour === 'grey' ? 1 : 3;
  const turned = channels === 1 ? grey(eight, read.channels) : rgb(eight, read.channels);
  const { width, height } = targetSize(read, reading);
  const data = resized(turned, read, channels, { width, height }, reading.filter);
  return {
    data,
    codec: 'raw',
    height,
    width,
    source_height: read.height,
    source_width: read.width,
    inverted: false,
    channels,
    bits_stored: 8,
    photometric: channels === 1 ? 'MONOCHROME2' : 'RGB',
    value_range: null,
    sha256: createHash('sha256').update(data).digest(),
    flags: [],
  };
}

/** In words, for the `recipe` column. */
export const pillowRecipe = ({ levels, colour, fit, side, filter }: PictureReading) =>
  `pillow-1 ${levels} ${colour} ${fit} ${side} ${filter}`;

const MOST_PIXELS = 2 ** 28;

/** Without turning by EXIF and without colour management, as imread and Image.open read. */
async function decoded(file: string): Promise<Pixels> {
  const source = () => sharp(file, { failOn: 'error', limitInputPixels: false, sequentialRead: true, ignoreIcc: true });
  const metadata = await source().metadata();
  if (metadata.width * metadata.height > MOST_PIXELS)
    throw bad(file, `${metadata.width}×${metadata.height} pixels, more than ${MOST_PIXELS}`);
  if (metadata.depth !== 'uchar' && metadata.depth !== 'ushort')
    throw bad(file, `pixels of type ${metadata.depth}; store them as 8 or 16 bits, unsigned`);
  if (metadata.hasAlpha) throw bad(file, 'an alpha channel, which means other things in other decoders; flatten it');
  if (metadata.space === 'cmyk') throw bad(file, 'CMYK; store it as grey or RGB');
  const bits = metadata.depth === 'uchar' ? 8 : 16;
  const single = metadata.channels === 1 && !metadata.isPalette;
  const space = single ? (bits === 8 ? 'b-w' : 'grey16') : bits === 8 ? 'srgb' : 'rgb16';
  const { data, info } = await source()
    .toColourspace(space)
    .raw({ depth: bits === 8 ? 'uchar' : 'ushort' })
    .toBuffer({ resolveWithObject: true });
  const values =
    bits === 8
      ? new Uint8Array(data.buffer, data.byteOffset, data.length)
      : new Uint16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.length));
  return { values, width: info.width, height: info.height, channels: info.channels, bits };
}

/** x − min, / max, × 255, cut to whole numbers, over all channels together. */
function stretched({ values }: Pixels, file: string): Uint8Array {
  let low = Number.POSITIVE_INFINITY;
  let high = 0;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (high === low)
    throw bad(file, `the value ${low} everywhere, which cannot be stretched from its least to its greatest`);
  const range = high - low;
  return Uint8Array.from(values, (value) => Math.trunc(((value - low) / range) * 255));
}

function eightBits({ values, bits }: Pixels, file: string): Uint8Array {
  if (bits === 8) return values as Uint8Array;
  throw bad(file, 'pixels of 16 bits, for which the official pipeline has no rule; store them as 8 bits');
}

/** Pillow's L: (19595 R + 38470 G + 7471 B + 32768) / 65536. */
function grey(values: Uint8Array, channels: number): Uint8Array {
  if (channels === 1) return values;
  const out = new Uint8Array(values.length / channels);
  for (let i = 0, at = 0; i < out.length; i++, at += channels)
    out[i] = (19595 * values[at]! + 38470 * values[at + 1]! + 7471 * values[at + 2]! + 32768) >> 16;
  return out;
}

function rgb(values: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return values;
  const out = new Uint8Array(values.length * 3);
  for (let i = 0; i < values.length; i++) out.fill(values[i]!, 3 * i, 3 * i + 3);
  return out;
}

/** torchvision's Resize: the longer side is cut to a whole number. */
function targetSize({ width, height }: Pixels, { fit, side }: PictureReading): { width: number; height: number } {
  if (fit === 'both') return { width: side, height: side };
  return width <= height
    ? { width: side, height: Math.trunc((side * height) / width) }
    : { width: Math.trunc((side * width) / height), height: side };
}

const FILTERS: Record<PictureReading['filter'], { support: number; weight: (x: number) => number }> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  // Keys' cubic with a = −0.5
  bicubic: {
    support: 2,
    weight(given) {
      const x = Math.abs(given);
      const a = -0.5;
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    },
  },
};

/** Weights of one axis as whole numbers of 22 bits behind the point: result i reads `taps` pixels from `start[i]` on. */
function axis(from: number, to: number, filter: PictureReading['filter']) {
  const { support: own, weight } = FILTERS[filter];
  const scale = from / to;
  const widen = Math.max(scale, 1);
  const support = own * widen;
  const taps = Math.ceil(support) * 2 + 1;
  const start = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Int32Array(to * taps);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(from, Math.trunc(centre + support + 0.5));
    const row = Float64Array.from({ length: last - first }, (_, k) => weight((k + first - centre + 0.5) * (1 / widen)));
    const sum = row.reduce((total, one) => total + one, 0);
    start[i] = first;
    count[i] = last - first;
    for (const [k, one] of row.entries()) {
      const scaled = (one / sum) * 2 ** 22;
      weights[i * taps + k] = Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    }
  }
  return { start, count, weights, taps };
}

/** Across, rounded to 8 bits, then down, rounded again. An axis that keeps its length is not touched. */
function resized(
  values: Uint8Array,
  { width, height }: { width: number; height: number },
  channels: number,
  to: { width: number; height: number },
  filter: PictureReading['filter'],
): Uint8Array {
  let out = values;
  if (to.width !== width) {
    out = across(out, { width, height, channels }, axis(width, to.width, filter), to.width);
  }
  if (to.height !== height) out = down(out, to.width * channels, axis(height, to.height, filter), to.height);
  return out;
}

type Axis = ReturnType<typeof axis>;
const rounded = (sum: number) => {
  const value = (sum + 2 ** 21) >> 22;
  return Math.max(0, Math.min(255, value));
};

function across(
  values: Uint8Array,
  { width, height, channels }: { width: number; height: number; channels: number },
  { start, count, weights, taps }: Axis,
  to: number,
): Uint8Array {
  const out = new Uint8Array(to * height * channels);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < to; x++) {
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        let from = (y * width + start[x]!) * channels + c;
        for (let k = 0; k < count[x]!; k++, from += channels) sum += weights[x * taps + k]! * values[from]!;
        out[at++] = rounded(sum);
      }
    }
  }
  return out;
}

function down(values: Uint8Array, stride: number, { start, count, weights, taps }: Axis, to: number): Uint8Array {
  const out = new Uint8Array(to * stride);
  const sums = new Float64Array(stride);
  for (let y = 0; y < to; y++) {
    sums.fill(0);
    for (let k = 0; k < count[y]!; k++) {
      const weight = weights[y * taps + k]!;
      const from = (start[y]! + k) * stride;
      for (let i = 0; i < stride; i++) sums[i]! += weight * values[from + i]!;
    }
    for (let i = 0; i < stride; i++) out[y * stride + i] = rounded(sums[i]!);
  }
  return out;
}

const bad = (file: string, got: string) =>
  GadoliniumError.expected('bad-image', 'a picture that the official pipeline reads', file, got);
