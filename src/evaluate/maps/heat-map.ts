/** From a grid of values, one a patch, to a map over the pixels of a picture: the inverse of what the model's input did to it. */
import { GadoliniumError } from '../../errors.js';

/** A map of `height` × `width` values, row by row; NaN where the model saw nothing. */
export interface HeatMap {
  height: number;
  width: number;
  values: Float32Array;
}

export interface Size {
  height: number;
  width: number;
}

/** What an image input does to a picture in evaluation: resize, then the centre crop. */
export interface InputGeometry {
  /** Side of the model's picture, pixels. */
  size: number;
  /** Shorter side (both sides with `stretch`) before the crop, pixels. */
  resize: number;
  stretch: boolean;
}

/** The part of a picture that the model saw, in the picture's own pixels. */
export interface Window extends Size {
  top: number;
  left: number;
}

/** Geometry from the options of a recipe's image input. */
export function inputGeometry(options: Record<string, unknown>): InputGeometry {
  const size = Number(options['size'] ?? 224);
  return { size, resize: Number(options['resize'] || size), stretch: options['stretch'] === true };
}

/**
 * The part of a picture of the given size that the model saw. Whole pixels as in hi-ml's inference engine: the side is rounded
 * down, and of an odd margin the smaller half lies above and to the left.
 */
export function seenWindow({ height, width }: Size, { size, resize, stretch }: InputGeometry): Window {
  const shorter = Math.min(height, width);
  const tall = Math.floor((size * (stretch ? height : shorter)) / resize);
  const wide = Math.floor((size * (stretch ? width : shorter)) / resize);
  return { top: Math.floor((height - tall) / 2), left: Math.floor((width - wide) / 2), height: tall, width: wide };
}

/** The side of a square grid of `count` patches. */
export function gridSide(count: number, feature: string): number {
  const side = Math.round(Math.sqrt(count));
  if (side > 0 && side * side === count) return side;
  throw GadoliniumError.expected(
    'bad-grid',
    'a square number of patches (a grid as high as wide)',
    `feature '${feature}'`,
    count,
    'name a feature that holds the patches of a picture alone, as `patches` of an image encoder does',
  );
}

/**
 * Gaussian smoothing of a square grid, separable; `sigma` in cells. The kernel ends at 4 σ and the border is mirrored with its
 * own cell (d c b a | a b c d), as scipy.ndimage.gaussian_filter does by default.
 */
export function smoothed(grid: Float32Array, side: number, sigma: number): Float32Array {
  if (sigma === 0) return grid;
  const radius = Math.floor(4 * sigma + 0.5);
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)),
  );
  const total = kernel.reduce((sum, value) => sum + value, 0);
  const along = (from: Float64Array, step: number, across: number) => {
    const out = new Float64Array(from.length);
    for (let line = 0; line < side; line++) {
      for (let at = 0; at < side; at++) {
        let sum = 0;
        for (let k = -radius; k <= radius; k++)
          sum += kernel[k + radius]! * from[line * across + mirrored(at + k, side) * step]!;
        out[line * across + at * step] = sum / total;
      }
    }
    return out;
  };
  return Float32Array.from(along(along(Float64Array.from(grid), side, 1), 1, side));
}

function mirrored(at: number, side: number): number {
  const period = 2 * side;
  const inside = ((at % period) + period) % period;
  return inside < side ? inside : period - 1 - inside;
}

/**
 * Spreads a square grid over the window of a picture; NaN outside. Nearest and bilinear as torch's `interpolate` (centres of
 * cells and pixels, `align_corners=False`).
 */
export function spread(
  grid: Float32Array,
  side: number,
  picture: Size,
  window: Window,
  interpolation: 'nearest' | 'bilinear',
): HeatMap {
  const { height, width } = picture;
  const values = new Float32Array(height * width).fill(Number.NaN);
  const rows = places(side, window.height, interpolation);
  const columns = places(side, window.width, interpolation);
  for (let y = 0; y < window.height; y++) {
    const { low, high, part } = rows[y]!;
    const at = (window.top + y) * width + window.left;
    for (let x = 0; x < window.width; x++) {
      const column = columns[x]!;
      const upper = mix(grid[low * side + column.low]!, grid[low * side + column.high]!, column.part);
      const lower = mix(grid[high * side + column.low]!, grid[high * side + column.high]!, column.part);
      values[at + x] = mix(upper, lower, part);
    }
  }
  return { height, width, values };
}

const mix = (a: number, b: number, part: number) => (part === 0 ? a : a * (1 - part) + b * part);

interface Place {
  low: number;
  high: number;
  part: number;
}

/** For each of `out` pixels the cells of a line of `cells` that it lies between. */
function places(cells: number, out: number, interpolation: 'nearest' | 'bilinear'): Place[] {
  return Array.from({ length: out }, (_, i) => {
    if (interpolation === 'nearest') {
      const cell = Math.min(cells - 1, Math.floor((i * cells) / out));
      return { low: cell, high: cell, part: 0 };
    }
    const centre = Math.max(0, ((i + 0.5) * cells) / out - 0.5);
    const low = Math.min(cells - 1, Math.floor(centre));
    return { low, high: Math.min(cells - 1, low + 1), part: centre - low };
  });
}
