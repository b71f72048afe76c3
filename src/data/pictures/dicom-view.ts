/**
 * From a DICOM file's stored values to a picture: rescaling, window, inversion. Grey is given over the whole range of 16 bits, colour
 * as 8-bit RGB. What papers' loaders make of the same file differs, so their ways have names.
 */
import type { DicomImage } from '../formats/dicom.js';
import { lookedUp } from '../formats/dicom-tables.js';
import type { NumberArray } from '../shards/stored-values.js';

/**
 * Ways to grey:
 * - `reading`: as a radiologist sees it. Rescaled, then the VOI table, or the first window, or where the file has neither smallest
 *   to largest value (8 bits: as they are); MONOCHROME1 is inverted (PS3.3 C.11.2, PS3.4 N.2).
 * - `cxr-clip`: as `reading`, then stretched from the smallest to the largest value that is left.
 * - `mimic-cxr-jpg`: stored values, smallest to largest, MONOCHROME1 inverted, histogram equalised over 256 levels.
 * - `mgca`: stored values over the largest one, MONOCHROME1 inverted, no window.
 * - `biovil`: stored values, smallest to largest; neither window nor inversion.
 * - `stored`: stored values over what Bits Stored can hold; neither window nor inversion.
 */
export const DICOM_VIEWS = ['reading', 'cxr-clip', 'mimic-cxr-jpg', 'mgca', 'biovil', 'stored'] as const;
export type DicomView = (typeof DICOM_VIEWS)[number];

export interface GreyPicture {
  /** Rows × columns, 0 black to 65535 white. */
  pixels: Uint16Array;
  /** Smallest and largest value after rescaling, before any window. */
  range: [number, number];
  /** MONOCHROME1 was turned. */
  inverted: boolean;
  /** What made the grey scale. */
  scale: 'table' | 'stated' | 'min_max' | 'max' | 'bits_stored' | 'none';
}

/** @param values rows × columns */
export function greyPicture(values: NumberArray, image: DicomImage, view: DicomView): GreyPicture {
  const scaled = rescaled(values, image);
  const range = extent(scaled);
  const turns = image.photometricInterpretation === 'MONOCHROME1';
  switch (view) {
    case 'reading':
    case 'cxr-clip': {
      const windowed = windowOf(image, range);
      let pixels = mapped(scaled, windowed.of);
      if (view === 'cxr-clip') pixels = mapped(pixels, linear(extent(pixels)));
      return { pixels: turns ? inverted(pixels) : pixels, range, inverted: turns, scale: windowed.scale };
    }
    case 'mimic-cxr-jpg': {
      const pixels = mapped(values, linear(extent(values)));
      return { pixels: equalised(turns ? inverted(pixels) : pixels), range, inverted: turns, scale: 'min_max' };
    }
    case 'mgca': {
      const [, largest] = extent(values);
      const pixels = mapped(values, linear([0, largest]));
      return { pixels: turns ? inverted(pixels) : pixels, range, inverted: turns, scale: 'max' };
    }
    case 'biovil':
      return { pixels: mapped(values, linear(extent(values))), range, inverted: false, scale: 'min_max' };
    case 'stored': {
      const low = image.signed ? -(2 ** (image.bitsStored - 1)) : 0;
      const pixels = mapped(values, linear([low, low + 2 ** image.bitsStored - 1]));
      return { pixels, range, inverted: false, scale: 'bits_stored' };
    }
  }
}

type Curve = (value: number) => number;

function rescaled(values: NumberArray, { slope, intercept, modalityTable }: DicomImage): NumberArray {
  if (modalityTable) return Float32Array.from(values, (value) => lookedUp(modalityTable, value));
  if (slope === 1 && intercept === 0) return values;
  return Float32Array.from(values, (value) => slope * value + intercept);
}

/** The VOI step, to 0…1. */
function windowOf(
  { voiTable, windows, windowFunction, bitsStored, signed, slope, intercept }: DicomImage,
  range: [number, number],
): { of: Curve; scale: GreyPicture['scale'] } {
  if (voiTable) {
    // Entries may use fewer bits than the descriptor says, by which they would come out dark, or more.
    const full = 2 ** voiTable.bits - 1;
    const largest = voiTable.entries.reduce((most, entry) => Math.max(most, entry), 1);
    const top = largest > full / 2 && largest < full ? full : largest;
    return { of: (value) => lookedUp(voiTable, value) / top, scale: 'table' };
  }
  const window = windows.find(({ width }) => width > 0);
  if (window === undefined) {
    // Values of 8 bits are made to be looked at as they are.
    const plain = bitsStored <= 8 && !signed && slope === 1 && intercept === 0;
    return plain ? { of: linear([0, 2 ** bitsStored - 1]), scale: 'none' } : { of: linear(range), scale: 'min_max' };
  }
  const { center, width } = window;
  if (windowFunction === 'SIGMOID') {
    return { of: (value) => 1 / (1 + Math.exp((-4 * (value - center)) / width)), scale: 'stated' };
  }
  if (windowFunction === 'LINEAR_EXACT') return { of: (value) => (value - center) / width + 0.5, scale: 'stated' };
  // A window of width 1 is a threshold.
  return { of: (value) => (value - (center - 0.5)) / Math.max(width - 1, 1e-6) + 0.5, scale: 'stated' };
}

/** 0…1 between two values; a flat picture is black. */
function linear([low, high]: [number, number]): Curve {
  const factor = high > low ? 1 / (high - low) : 0;
  return (value) => (value - low) * factor;
}

/** Few different values stand in many pixels: where they are whole numbers of 16 bits, the curve is looked up. */
function mapped(values: NumberArray, curve: Curve): Uint16Array {
  const grey: Curve = (value) => Math.round(65535 * Math.min(1, Math.max(0, curve(value))));
  const out = new Uint16Array(values.length);
  if (values instanceof Float32Array || values instanceof Float64Array || values.BYTES_PER_ELEMENT > 2) {
    for (let i = 0; i < values.length; i++) out[i] = grey(values[i]!);
    return out;
  }
  const table = new Int32Array(65536).fill(-1);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const at = value & 0xffff;
    if (table[at]! < 0) table[at] = grey(value);
    out[i] = table[at]!;
  }
  return out;
}

function inverted(pixels: Uint16Array): Uint16Array {
  for (let i = 0; i < pixels.length; i++) pixels[i] = 65535 - pixels[i]!;
  return pixels;
}

function extent(values: NumberArray): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 0];
}

/** Histogram equalisation of 256 levels: level → share of the pixels above the lowest occupied one. */
function equalised(pixels: Uint16Array): Uint16Array {
  const counts = new Float64Array(256);
  for (let i = 0; i < pixels.length; i++) counts[levelOf(pixels[i]!)]!++;
  const lowest = counts.find((count) => count > 0) ?? 0;
  const others = pixels.length - lowest;
  if (others === 0) return pixels;
  let below = 0;
  const levels = counts.map((count) => {
    below += count;
    return Math.round((255 * Math.max(0, below - lowest)) / others);
  });
  return Uint16Array.from(pixels, (pixel) => 257 * levels[levelOf(pixel)]!);
}

const levelOf = (pixel: number) => Math.round(pixel / 257);

/** Colour as 8-bit RGB. undefined: the photometric interpretation is none that is known. @param values rows × columns × samples */
export function colourPicture(values: NumberArray, image: DicomImage): Uint8Array | undefined {
  const { palette, photometricInterpretation: kind, bitsStored } = image;
  if (kind === 'PALETTE COLOR') {
    if (!palette) return undefined;
    const out = new Uint8Array(3 * values.length);
    // Entries of 8 bits are kept in words of 16 by some writers, in the upper byte by others.
    const shift = palette.map((table) => (table.entries.some((entry) => entry > 255) ? 8 : 0));
    for (let i = 0; i < values.length; i++) {
      for (let channel = 0; channel < 3; channel++) {
        out[3 * i + channel] = lookedUp(palette[channel]!, values[i]!) >> shift[channel]!;
      }
    }
    return out;
  }
  const eight =
    bitsStored <= 8
      ? Uint8Array.from(values)
      : Uint8Array.from(values, (value) => Math.round((255 * value) / (2 ** bitsStored - 1)));
  if (kind === 'RGB' || kind === 'YBR_RCT' || kind === 'YBR_ICT') return eight;
  if (kind === 'YBR_FULL' || kind === 'YBR_FULL_422') return rgb(eight);
  return undefined;
}

/** YCbCr of full range (PS3.3 C.7.6.3.1.2) to RGB, in place. */
function rgb(pixels: Uint8Array): Uint8Array {
  const clamped = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.length);
  for (let at = 0; at < pixels.length; at += 3) {
    const y = pixels[at]!;
    const blue = pixels[at + 1]! - 128;
    const red = pixels[at + 2]! - 128;
    clamped[at] = y + 1.402 * red;
    clamped[at + 1] = y - 0.344136 * blue - 0.714136 * red;
    clamped[at + 2] = y + 1.772 * blue;
  }
  return pixels;
}
