import { requireSameSize } from './overlap.js';

/**
 * Whether a map's maximum lies in the true mask (Zhang et al. 2016). Where several pixels attain it, `first` looks at the first of
 * them, row by row; `any` is content with one of them inside (MedKLIP, whose maps are enlarged without interpolation). Undefined
 * where the map has no value or the mask no pixel that the map covers.
 */
export function pointsInside(map: Float32Array, truth: Uint8Array, ties: 'first' | 'any'): boolean | undefined {
  requireSameSize(map, truth);
  let highest = Number.NEGATIVE_INFINITY;
  let inside = false;
  let possible = false;
  for (let i = 0; i < map.length; i++) {
    const value = map[i]!;
    if (Number.isNaN(value)) continue;
    if (truth[i] === 1) possible = true;
    if (value > highest) {
      highest = value;
      inside = truth[i] === 1;
    } else if (value === highest && ties === 'any' && truth[i] === 1) inside = true;
  }
  return possible ? inside : undefined;
}
