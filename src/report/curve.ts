/** What of a long column is drawn: one bucket a pixel, with its mean and its smallest and largest value. */
export interface Curve {
  mean: (number | null)[];
  min: (number | null)[];
  max: (number | null)[];
}

/** Steps that the buckets stand for, at most `most` of them, evenly over [first, last]. */
export class Grid {
  readonly steps: number[];
  readonly #first: number;
  readonly #last: number;

  constructor(first: number, last: number, most = 800) {
    this.#first = first;
    this.#last = last;
    const size = Math.max(1, Math.min(most, last - first + 1));
    this.steps = Array.from({ length: size }, (_, i) => {
      const [start, end] = this.#bucket(i, size);
      return Math.floor((start + end - 1) / 2);
    });
    // The ends stand for themselves: an axis that stops at 1,999 of 2,000 steps raises questions.
    if (size > 1) {
      this.steps[0] = first;
      this.steps[size - 1] = last;
    }
  }

  /** Buckets without a finite value are null: a gap, not a zero. */
  curve(column: Float32Array): Curve {
    const size = this.steps.length;
    const curve: Curve = { mean: [], min: [], max: [] };
    for (let i = 0; i < size; i++) {
      const [start, end] = this.#bucket(i, size);
      let [count, sum, min, max] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (let step = start; step < end; step++) {
        const value = column[step];
        if (value === undefined || !Number.isFinite(value)) continue;
        count++;
        sum += value;
        if (value < min) min = value;
        if (value > max) max = value;
      }
      curve.mean.push(count > 0 ? sum / count : null);
      curve.min.push(count > 0 ? min : null);
      curve.max.push(count > 0 ? max : null);
    }
    return curve;
  }

  /** Steps [start, end) of bucket i. */
  #bucket(i: number, size: number): [number, number] {
    const span = this.#last - this.#first + 1;
    return [this.#first + Math.floor((i * span) / size), this.#first + Math.floor(((i + 1) * span) / size)];
  }
}

/**
 * Local linear fit under a Gaussian window of `width` points' standard deviation. A plain mean would bend at the ends, where the
 * window has one side only; the fit does not. Gaps stay gaps.
 */
export function smoothed(values: readonly (number | null)[], width: number): (number | null)[] {
  const reach = Math.ceil(3 * width);
  const weights = Array.from({ length: reach + 1 }, (_, k) => Math.exp(-0.5 * (k / width) ** 2));
  return values.map((value, i) => {
    if (value === null) return null;
    let [w, wx, wxx, wy, wxy] = [0, 0, 0, 0, 0];
    for (let k = -Math.min(reach, i); k <= Math.min(reach, values.length - 1 - i); k++) {
      const y = values[i + k];
      if (y === null || y === undefined) continue;
      const weight = weights[Math.abs(k)]!;
      w += weight;
      wx += weight * k;
      wxx += weight * k * k;
      wy += weight * y;
      wxy += weight * k * y;
    }
    const spread = w * wxx - wx * wx;
    return spread > 1e-9 * w * w ? (wxx * wy - wx * wxy) / spread : wy / w;
  });
}
