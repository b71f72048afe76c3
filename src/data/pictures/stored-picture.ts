import sharp, { type Sharp } from 'sharp';
import { arrayOf } from '../shards/stored-values.js';

/** An image as the column `images` holds it. */
export interface StoredPixels {
  bytes: Uint8Array;
  /** jpeg, png, …; or raw: depth × height × width × channels values of `dtype`, C order. */
  codec: string;
  height: number;
  width: number;
  depth: number;
  channels: number;
  dtype: string;
}

/** A stored image for drawing. Of a volume the middle slice; other types than 8-bit are stretched from least to greatest. */
export function toSharp({ codec, bytes, width, height, channels, dtype, depth }: StoredPixels): Sharp {
  if (codec !== 'raw') return sharp(bytes);
  const length = width * height * channels;
  const middle = Math.floor(depth / 2);
  return sharp(eightBit(bytes, dtype, middle * length, length), {
    raw: { width, height, channels: channels as 1 | 2 | 3 | 4 },
  });
}

function eightBit(bytes: Uint8Array, dtype: string, from: number, length: number): Uint8Array {
  if (dtype === 'uint8') return bytes.subarray(from, from + length);
  const values = arrayOf(dtype, bytes).subarray(from, from + length);
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const factor = high > low ? 255 / (high - low) : 0;
  return Uint8Array.from(values, (value) => Math.round((value - low) * factor));
}
