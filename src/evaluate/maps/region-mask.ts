/** Regions as masks over the pixels of a picture. */
import { GadoliniumError } from '../../errors.js';
import type { ImageSize, StoredRegion } from '../rows.js';
import type { Size, Window } from './heat-map.js';

/** Union of the regions over the source picture's pixels, row by row: 1 inside. */
export function regionMask(regions: readonly StoredRegion[], image: ImageSize, sample: string): Uint8Array {
  const { source } = image;
  const mask = new Uint8Array(source.height * source.width);
  const scale = { x: source.width / image.width, y: source.height / image.height };
  for (const region of regions) {
    if (region.kind === 'box') fillBox(mask, source, region.coords, scale, sample);
    else if (region.kind === 'polygon') fillPolygon(mask, source, region.coords, scale, sample);
    else if (region.kind === 'rle') fillRuns(mask, image, region.runs, sample);
    else
      throw GadoliniumError.expected('bad-region', 'box, polygon or rle', `a region of sample ${sample}`, region.kind);
  }
  return mask;
}

/** The mask as the model's input sees it: `size` × `size` pixels of the window, each the nearest of the source. */
export function maskOfInput(mask: Uint8Array, source: Size, window: Window, size: number): Uint8Array {
  const out = new Uint8Array(size * size);
  for (let y = 0; y < size; y++) {
    const from = (window.top + Math.floor((y * window.height) / size)) * source.width + window.left;
    for (let x = 0; x < size; x++) out[y * size + x] = mask[from + Math.floor((x * window.width) / size)]!;
  }
  return out;
}

interface Scale {
  x: number;
  y: number;
}

// Coordinates were divided when the picture was made smaller; rounding brings those of whole pixels back exactly.
function fillBox(
  mask: Uint8Array,
  { height, width }: Size,
  coords: readonly number[],
  scale: Scale,
  sample: string,
): void {
  if (coords.length !== 4) throw badCoords('4 numbers (x0, y0, x1, y1)', 'box', coords, sample);
  const [x0, x1] = [coords[0]!, coords[2]!].map((x) => clamp(Math.round(x * scale.x), width)) as [number, number];
  const [y0, y1] = [coords[1]!, coords[3]!].map((y) => clamp(Math.round(y * scale.y), height)) as [number, number];
  for (let y = y0; y < y1; y++) mask.fill(1, y * width + x0, y * width + Math.max(x0, x1));
}

/** Pixels whose centre lies inside, by the even-odd rule. */
function fillPolygon(
  mask: Uint8Array,
  { height, width }: Size,
  coords: readonly number[],
  scale: Scale,
  sample: string,
): void {
  if (coords.length < 6 || coords.length % 2 !== 0) throw badCoords('at least three points', 'polygon', coords, sample);
  const corners = coords.length / 2;
  for (let y = 0; y < height; y++) {
    const centre = y + 0.5;
    const crossings: number[] = [];
    for (let i = 0; i < corners; i++) {
      const j = (i + 1) % corners;
      const [ax, ay] = [coords[2 * i]! * scale.x, coords[2 * i + 1]! * scale.y];
      const [bx, by] = [coords[2 * j]! * scale.x, coords[2 * j + 1]! * scale.y];
      if (ay > centre !== by > centre) crossings.push(ax + ((centre - ay) / (by - ay)) * (bx - ax));
    }
    crossings.sort((a, b) => a - b);
    for (let c = 0; c + 1 < crossings.length; c += 2) {
      const [from, to] = [
        clamp(Math.ceil(crossings[c]! - 0.5), width),
        clamp(Math.ceil(crossings[c + 1]! - 0.5), width),
      ];
      mask.fill(1, y * width + from, y * width + to);
    }
  }
}

function fillRuns(
  mask: Uint8Array,
  { height, width, source }: ImageSize,
  runs: readonly number[],
  sample: string,
): void {
  const stored = new Uint8Array(height * width);
  for (let r = 0; r + 1 < runs.length; r += 2) {
    const [start, length] = [runs[r]!, runs[r + 1]!];
    if (start < 0 || length < 0 || start + length > stored.length) {
      throw GadoliniumError.expected(
        'bad-region',
        `runs inside ${stored.length} pixels`,
        `a region of sample ${sample}`,
        [start, length],
      );
    }
    stored.fill(1, start, start + length);
  }
  for (let y = 0; y < source.height; y++) {
    const from = Math.floor((y * height) / source.height) * width;
    for (let x = 0; x < source.width; x++) {
      if (stored[from + Math.floor((x * width) / source.width)]) mask[y * source.width + x] = 1;
    }
  }
}

const clamp = (value: number, most: number) => Math.min(most, Math.max(0, value));

function badCoords(wanted: string, kind: string, coords: readonly number[], sample: string): GadoliniumError {
  return GadoliniumError.expected('bad-region', wanted, `the ${kind} of sample ${sample}`, coords.join(', ') || 'none');
}
