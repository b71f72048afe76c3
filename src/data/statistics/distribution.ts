/** How whole numbers are spread: exact, in memory that grows with the different values and not with their number. */

export interface Distribution {
  count: number;
  least: number;
  most: number;
  mean: number;
  /** Value below or at which so many percent lie. */
  percentiles: Record<'5' | '25' | '50' | '75' | '95' | '99', number>;
  /** Counts of `width` values each, the first bin from `from`; the last also holds all above it. */
  histogram: { from: number; width: number; counts: number[] };
}

/** Most bins of a histogram: each is still seen in a column of a page. */
const BINS = 24;

export class Spread {
  readonly #counts = new Map<number, number>();
  #count = 0;

  /** Counts a value, rounded to a whole number. */
  add(value: number): void {
    const whole = Math.round(value);
    this.#counts.set(whole, (this.#counts.get(whole) ?? 0) + 1);
    this.#count++;
  }

  get count(): number {
    return this.#count;
  }

  /** Share of the values above a bound, 0–1. */
  above(bound: number): number {
    let above = 0;
    for (const [value, times] of this.#counts) if (value > bound) above += times;
    return this.#count === 0 ? 0 : above / this.#count;
  }

  /** null where nothing was counted. */
  summary(): Distribution | null {
    if (this.#count === 0) return null;
    const sorted = [...this.#counts].sort(([a], [b]) => a - b);
    const at = (percent: number) => {
      // Nearest rank: the smallest value with at least so many percent at or below it.
      const rank = Math.max(1, Math.ceil((percent / 100) * this.#count));
      let below = 0;
      for (const [value, times] of sorted) {
        below += times;
        if (below >= rank) return value;
      }
      return sorted.at(-1)![0];
    };
    const least = sorted[0]![0];
    const most = sorted.at(-1)![0];
    const sum = sorted.reduce((total, [value, times]) => total + value * times, 0);
    return {
      count: this.#count,
      least,
      most,
      mean: sum / this.#count,
      percentiles: { '5': at(5), '25': at(25), '50': at(50), '75': at(75), '95': at(95), '99': at(99) },
      histogram: histogramOf(sorted, least, at(99)),
    };
  }
}

/** Bins up to the 99th percentile: one value far out would leave all others in the first bin. */
function histogramOf(sorted: readonly [number, number][], from: number, to: number): Distribution['histogram'] {
  const width = Math.max(1, Math.ceil((to - from + 1) / BINS));
  const counts = new Array<number>(Math.max(1, Math.ceil((to - from + 1) / width))).fill(0);
  for (const [value, times] of sorted) {
    const bin = Math.min(counts.length - 1, Math.floor((value - from) / width));
    counts[bin] = counts[bin]! + times;
  }
  return { from, width, counts };
}
