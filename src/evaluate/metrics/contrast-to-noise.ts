import { requireSameSize } from './overlap.js';

/**
 * Contrast-to-noise ratio of a map inside against outside a true mask (Boecking et al. 2022, §4.2):
 *   (μ_in − μ_out) / √(σ²_in + σ²_out), variances over all pixels of each side.
 * Signed: below 0 where the map avoids the mask. The published figures are absolute values. Undefined where one side has no
 * pixel, or both are constant.
 */
export function contrastToNoise(map: Float32Array, truth: Uint8Array): number | undefined {
  requireSameSize(map, truth);
  const count = [0, 0];
  const sum = [0, 0];
  for (let i = 0; i < map.length; i++) {
    if (Number.isNaN(map[i])) continue;
    const side = truth[i]!;
    count[side]!++;
    sum[side]! += map[i]!;
  }
  if (count[0] === 0 || count[1] === 0) return undefined;
  const mean = [sum[0]! / count[0]!, sum[1]! / count[1]!];
  // Second pass about the means: a difference of large sums would lose the digits of a flat map.
  const square = [0, 0];
  for (let i = 0; i < map.length; i++) {
    if (!Number.isNaN(map[i])) square[truth[i]!]! += (map[i]! - mean[truth[i]!]!) ** 2;
  }
  const noise = Math.sqrt(square[0]! / count[0]! + square[1]! / count[1]!);
  return noise > 0 ? (mean[1]! - mean[0]!) / noise : undefined;
}
