import { numberOf } from '../prepare/tally.js';

/** Hashes of texts, eight bytes each, however long the texts are. */
export class Fingerprints {
  #numbers = new Float64Array(1024);
  #length = 0;
  #sorted = true;

  add(text: string): void {
    if (this.#length === this.#numbers.length) {
      const larger = new Float64Array(2 * this.#length);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.#length++] = numberOf(text);
    this.#sorted = false;
  }

  get count(): number {
    return this.#length;
  }

  /** How many different texts come once, twice, …: times → texts. */
  multiplicities(): Map<number, number> {
    const found = new Map<number, number>();
    for (const [, times] of this.#runs()) found.set(times, (found.get(times) ?? 0) + 1);
    return found;
  }

  get distinct(): number {
    let distinct = 0;
    for (const _ of this.#runs()) distinct++;
    return distinct;
  }

  /** Different texts that at least two of several collections hold. */
  static shared(collections: readonly Fingerprints[]): number {
    const walks = collections.map((one) => one.#runs());
    const heads = walks.map((walk) => walk.next().value);
    let shared = 0;
    for (;;) {
      const least = Math.min(...heads.map((head) => head?.[0] ?? Number.POSITIVE_INFINITY));
      if (least === Number.POSITIVE_INFINITY) return shared;
      let holders = 0;
      for (const [i, head] of heads.entries()) {
        if (head?.[0] !== least) continue;
        holders++;
        heads[i] = walks[i]!.next().value;
      }
      if (holders > 1) shared++;
    }
  }

  /** Each different number with how often it comes, ascending. */
  *#runs(): Generator<[number, number], undefined> {
    const numbers = this.#numbers.subarray(0, this.#length);
    if (!this.#sorted) numbers.sort();
    this.#sorted = true;
    for (let from = 0, to = 0; from < numbers.length; from = to) {
      while (to < numbers.length && numbers[to] === numbers[from]) to++;
      yield [numbers[from]!, to - from];
    }
    return undefined;
  }
}
