/**
 * The challenge's masks: pairs of a gap since the end of the run before and a length, over the pixels of a square picture column by
 * column. Not the usual form, whose starts are absolute.
 * @returns starts and lengths over the pixels row by row; a text says why there are none
 */
export function rowRuns(encoded: string, side: number): number[] | string {
  const numbers = encoded.trim().split(/\s+/u).map(Number);
  if (numbers.length % 2 !== 0 || !numbers.every((number) => Number.isInteger(number) && number >= 0))
    return 'EncodedPixels is neither -1 nor pairs of numbers';
  const mask = new Uint8Array(side * side);
  let at = 0;
  for (let i = 0; i < numbers.length; i += 2) {
    at += numbers[i]!;
    const end = at + numbers[i + 1]!;
    if (end > mask.length) return `a run ends at pixel ${end} of ${mask.length}`;
    for (; at < end; at++) mask[(at % side) * side + Math.floor(at / side)] = 1;
  }
  const runs: number[] = [];
  for (let i = 0; i < mask.length; i++) {
    if (mask[i] === 0) continue;
    const start = i;
    while (mask[i] === 1) i++;
    runs.push(start, i - start);
  }
  return runs;
}
