/**
 * What equal texts do to a contrast: two samples of one text are each other's negatives, though each fits the other's picture.
 * Over batches drawn without putting back, as training draws them.
 */

export interface Repeats {
  texts: number;
  distinct: number;
  /** Share of pairs of texts that are equal: of every batch's pairs, whatever its size, so many are false negatives on average. */
  equalPairs: number;
  /** By size of the batch: false negatives that a sample has on average, and the share of samples with at least one. */
  batches: Record<string, { perSample: number; samples: number }>;
}

const BATCHES = [64, 256, 1024, 4096, 16_384, 32_768];

/** @param multiplicities times → how many different texts come so often. */
export function repeatsOf(multiplicities: ReadonlyMap<number, number>): Repeats {
  let texts = 0;
  let distinct = 0;
  let pairs = 0;
  for (const [times, of] of multiplicities) {
    texts += times * of;
    distinct += of;
    pairs += times * (times - 1) * of;
  }
  const equalPairs = texts < 2 ? 0 : pairs / (texts * (texts - 1));
  const batches = BATCHES.filter((batch) => batch <= texts).map((batch) => {
    let samples = 0;
    for (const [times, of] of multiplicities) samples += ((times * of) / texts) * (1 - alone(texts, times, batch));
    return [batch, { perSample: (batch - 1) * equalPairs, samples }];
  });
  return { texts, distinct, equalPairs, batches: Object.fromEntries(batches) };
}

/** Chance that none of the other `times` − 1 texts is among the `batch` − 1 others drawn: C(n−c, B−1) / C(n−1, B−1). */
function alone(texts: number, times: number, batch: number): number {
  let chance = 1;
  for (let j = 0; j < times - 1 && chance > 1e-12; j++) chance *= Math.max(0, texts - batch - j) / (texts - 1 - j);
  return chance > 1e-12 ? chance : 0;
}
