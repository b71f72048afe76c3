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

/** Mean under a Gaussian window of `width` points' standard deviation; ends are not pulled in, gaps stay gaps. */
export function smoothed(values: readonly (number | null)[], width: number): (number | null)[] {
  const reach = Math.ceil(3 * width);
  const weights = Array.from({ length: reach + 1 }, (_, k) => Math.exp(-0.5 * (k / width) ** 2));
  return values.map((value, i) => {
    if (value === null) return null;
    // The same reach to both sides, so that a slope at the ends does not bend.
    const near = Math.min(reach, i, values.length - 1 - i);
    let [sum, total] = [0, 0];
    for (let k = -near; k <= near; k++) {
      const other = values[i + k];
      if (other === null || other === undefined) continue;
      const weight = weights[Math.abs(k)]!;
      sum += weight * other;
      total += weight;
    }
    return sum / total;
  });
}
