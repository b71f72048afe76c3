/** Agreement of a map or a called mask with a true mask. Pixels whose map value is NaN (outside what the model saw) take no part. */

/** Counts of called and true pixels. */
export interface PixelCounts {
  both: number;
  called: number;
  truth: number;
}

/** Pixels with map > threshold against the truth (1 inside). */
export function pixelCounts(map: Float32Array, truth: Uint8Array, threshold: number): PixelCounts {
  return pixelCountsAt(map, truth, [threshold])[0]!;
}

/** The same at several thresholds, in one pass over the pixels: a map of a radiograph has millions. */
export function pixelCountsAt(map: Float32Array, truth: Uint8Array, thresholds: readonly number[]): PixelCounts[] {
  requireSameSize(map, truth);
  const ascending = Float64Array.from(thresholds).sort();
  const T = ascending.length;
  // Pixels by how many thresholds they exceed, outside and inside the mask.
  const levels = new Float64Array(2 * (T + 1));
  for (let i = 0; i < map.length; i++) {
    const value = map[i]!;
    if (Number.isNaN(value)) continue;
    let level = 0;
    while (level < T && value > ascending[level]!) level++;
    levels[2 * level + truth[i]!]!++;
  }
  const sums = (from: number) => {
    let [outside, inside] = [0, 0];
    for (let level = from; level <= T; level++) {
      outside += levels[2 * level]!;
      inside += levels[2 * level + 1]!;
    }
    return { outside, inside };
  };
  const all = sums(0).inside;
  return thresholds.map((threshold) => {
    const { outside, inside } = sums(ascending.indexOf(threshold) + 1);
    return { both: inside, called: inside + outside, truth: all };
  });
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
  const values = pixelCountsAt(map, truth, thresholds).map(intersectionOverUnion);
  if (values.length === 0 || values.includes(undefined)) return undefined;
  return values.reduce<number>((sum, value) => sum + value!, 0) / values.length;
}

export function requireSameSize(map: Float32Array, truth: Uint8Array): void {
  if (map.length !== truth.length)
    throw new RangeError(`expected a truth for each of ${map.length} pixels but got ${truth.length}`);
}
