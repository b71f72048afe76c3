import sharp from 'sharp';
import { toSharp } from '../../data/pictures/stored-picture.js';
import type { StoredImage } from '../rows.js';
import type { HeatMap } from './heat-map.js';

/** Longest side in pixels: small enough to lie inside a page. */
const SIDE = 320;
/** Share of the colour where the map is highest. */
const STRONGEST = 0.6;

/**
 * A picture with a map over it as a data: URL of a JPEG: black-red-yellow from the map's lowest to its highest value, clearer where
 * it is low, nothing where it has no value; the edge of the true mask in cyan.
 */
export async function heatPicture(
  image: StoredImage,
  { map, truth }: { map: HeatMap; truth: Uint8Array },
): Promise<string> {
  const scale = Math.min(1, SIDE / Math.max(map.height, map.width));
  const height = Math.max(1, Math.round(map.height * scale));
  const width = Math.max(1, Math.round(map.width * scale));
  const grey = await toSharp(image)
    .resize(width, height, { fit: 'fill' })
    .flatten({ background: 'black' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const pixels = rgb(grey.data, grey.info.channels);
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of map.values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const inside = (y: number, x: number) =>
    truth[
      Math.min(map.height - 1, Math.floor(y / scale)) * map.width + Math.min(map.width - 1, Math.floor(x / scale))
    ]!;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 3 * (y * width + x);
      const edge =
        inside(y, x) &&
        !(
          x > 0 &&
          x < width - 1 &&
          y > 0 &&
          y < height - 1 &&
          inside(y - 1, x) &&
          inside(y + 1, x) &&
          inside(y, x - 1) &&
          inside(y, x + 1)
        );
      if (edge) pixels.set([0, 255, 255], at);
      else {
        const value = map.values[Math.floor(y / scale) * map.width + Math.floor(x / scale)]!;
        if (Number.isNaN(value) || high <= low) continue;
        const heat = (value - low) / (high - low);
        const colour = [Math.min(1, 2 * heat), Math.max(0, 2 * heat - 1), 0];
        for (let c = 0; c < 3; c++) {
          const part = STRONGEST * heat;
          pixels[at + c] = Math.round((1 - part) * pixels[at + c]! + part * 255 * colour[c]!);
        }
      }
    }
  }
  const drawn = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 80 })
    .toBuffer();
  return `data:image/jpeg;base64,${drawn.toString('base64')}`;
}

function rgb(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return Uint8Array.from(data);
  const out = new Uint8Array((data.length / channels) * 3);
  for (let i = 0; i < out.length; i++) out[i] = data[Math.floor(i / 3) * channels]!;
  return out;
}
