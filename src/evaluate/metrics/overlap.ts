/** Agreement of a map or a called mask with a true mask. Pixels whose map value is NaN (outside what the model saw) take no part. */

/** Counts of called and true pixels. */
export interface PixelCounts {
  both: number;
  called: number;
  truth: number;
}

/** Pixels with map > threshold against the truth (1 inside). */
export function pixelCounts(map: Float32Array, truth: Uint8Array, threshold: number): PixelCounts {
  requireSameSize(map, truth);
  const counts = { both: 0, called: 0, truth: 0 };
  for (let i = 0; i < map.length; i++) {
    const value = map[i]!;
    if (Number.isNaN(value)) continue;
    const inside = truth[i]!;
    counts.truth += inside;
    if (value > threshold) {
      counts.called++;
      counts.both += inside;
    }
  }
  return counts;
}

/** |P ∩ T| / |P ∪ T|; undefined where both are empty. */
export function intersectionOverUnion({ both, called, truth }: PixelCounts): number | undefined {
  const union = called + truth - both;
  return union > 0 ? both / union : undefined;
}

/** 2·|P ∩ T| / (|P| + |T|); undefined where both are empty. */
export function dice({ both, called, truth }: PixelCounts): number | undefined {
  return called + truth > 0 ? (2 * both) / (called + truth) : undefined;
}

/** Share of the called pixels that are true; undefined where none is called. */
export function pixelPrecision({ both, called }: PixelCounts): number | undefined {
  return called > 0 ? both / called : undefined;
}

/** Share of the true pixels that are called; undefined where none is true. */
export function pixelRecall({ both, truth }: PixelCounts): number | undefined {
  return truth > 0 ? both / truth : undefined;
}

/** Mean over the thresholds of the intersection over union of map > threshold with the truth. */
export function meanIntersectionOverUnion(
  map: Float32Array,
  truth: Uint8Array,
  thresholds: readonly number[],
): number | undefined {
  let sum = 0;
  for (const threshold of thresholds) {
    const value = intersectionOverUnion(pixelCounts(map, truth, threshold));
    if (value === undefined) return undefined;
    sum += value;
  }
  return thresholds.length > 0 ? sum / thresholds.length : undefined;
}

export function requireSameSize(map: Float32Array, truth: Uint8Array): void {
  if (map.length !== truth.length)
    throw new RangeError(`expected a truth for each of ${map.length} pixels but got ${truth.length}`);
}
