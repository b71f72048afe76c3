/** Truth of one finding per sample: 1 positive, 0 negative, -1 unknown (such samples take no part). */
export type Truth = Int8Array;

/** How often each sample counts; a bootstrap resample is one such vector. Absent = once each. */
export type Weights = ArrayLike<number>;

/** Positives and negatives that lie at or above a threshold. */
export interface Cut {
  threshold: number;
  truePositives: number;
  falsePositives: number;
}

/**
 * Samples sorted once by score, high to low, with ties kept together. Every threshold-free metric (AUROC, average
 * precision) and every choice of threshold is then one O(n) walk, also under weights: a thousand bootstrap resamples cost
 * a thousand walks and one sort.
 */
export class Ranking {
  /** Sample numbers with known truth, by descending score. */
  private readonly order: Uint32Array;

  constructor(
    private readonly scores: ArrayLike<number>,
    private readonly truth: Truth,
  ) {
    if (scores.length !== truth.length) {
      throw new RangeError(`expected a truth for each of ${scores.length} scores but got ${truth.length}`);
    }
    const known = new Uint32Array(truth.length);
    let count = 0;
    for (let i = 0; i < truth.length; i++) {
      if (truth[i]! < 0) continue;
      if (Number.isNaN(scores[i])) throw new RangeError(`expected a number as score of sample ${i} but got NaN`);
      known[count++] = i;
    }
    this.order = known.subarray(0, count).sort((a, b) => scores[b]! - scores[a]! || a - b);
  }

  /** Total weight of positives and negatives. */
  totals(weights?: Weights): { positives: number; negatives: number } {
    let positives = 0;
    let negatives = 0;
    for (const i of this.order) {
      const w = weights ? weights[i]! : 1;
      if (this.truth[i] === 1) positives += w;
      else negatives += w;
    }
    return { positives, negatives };
  }

  /** Visits each distinct score once, from the highest, with the counts at or above it. */
  walk(visit: (cut: Cut) => void, weights?: Weights): void {
    const { order, scores, truth } = this;
    const cut: Cut = { threshold: Number.POSITIVE_INFINITY, truePositives: 0, falsePositives: 0 };
    for (let k = 0; k < order.length; ) {
      cut.threshold = scores[order[k]!]!;
      let moved = 0;
      for (; k < order.length && scores[order[k]!] === cut.threshold; k++) {
        const i = order[k]!;
        const w = weights ? weights[i]! : 1;
        moved += w;
        if (truth[i] === 1) cut.truePositives += w;
        else cut.falsePositives += w;
      }
      if (moved > 0) visit(cut);
    }
  }
}
