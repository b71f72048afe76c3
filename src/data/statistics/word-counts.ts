/** Different words that are counted by name: a column of free text must not grow without end. */
const MOST = 500;
const OTHER = '(others)';

/** How often each word comes, by split. */
export class WordCounts {
  readonly #counts = new Map<string, Record<string, number>>();

  add(word: string, split: string): void {
    const known = this.#counts.has(word) || this.#counts.size < MOST;
    const name = known ? word : OTHER;
    const counts = this.#counts.get(name) ?? {};
    counts[split] = (counts[split] ?? 0) + 1;
    this.#counts.set(name, counts);
  }

  /** The most frequent first; equal ones by name. */
  bySplit(): Record<string, Record<string, number>> {
    const sum = (counts: Record<string, number>) => Object.values(counts).reduce((total, n) => total + n, 0);
    return Object.fromEntries([...this.#counts].sort(([a, one], [b, two]) => sum(two) - sum(one) || (a < b ? -1 : 1)));
  }
}
