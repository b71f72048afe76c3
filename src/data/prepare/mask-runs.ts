/** Masks as runs: from the pixels of a source picture to those of the stored one. */

interface Size {
  width: number;
  height: number;
}

/**
 * Each stored pixel takes the mask of the source pixel nearest to its centre.
 * @param runs starts and lengths over the source's pixels, row by row, inside them
 * @returns the same over the stored picture's pixels, joined where they touch
 */
export function runsAt(runs: readonly number[], source: Size, stored: Size): number[] {
  const mask = new Uint8Array(source.width * source.height);
  for (let r = 0; r + 1 < runs.length; r += 2) mask.fill(1, runs[r]!, runs[r]! + runs[r + 1]!);
  const out: number[] = [];
  let begun = -1;
  const count = stored.width * stored.height;
  for (let at = 0; at <= count; at++) {
    const [x, y] = [at % stored.width, Math.floor(at / stored.width)];
    const fromX = Math.floor(((x + 0.5) * source.width) / stored.width);
    const fromY = Math.floor(((y + 0.5) * source.height) / stored.height);
    const inside = at < count && mask[fromY * source.width + fromX] === 1;
    if (inside && begun < 0) begun = at;
    if (inside || begun < 0) continue;
    out.push(begun, at - begun);
    begun = -1;
  }
  return out;
}
