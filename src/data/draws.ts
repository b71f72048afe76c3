/** Deterministic random numbers under a key: equal keys draw equal numbers on every machine and in every version. */
export class Draws {
  #state: number;

  /** The key's parts are folded in order: (seed, epoch, stream …). */
  constructor(...parts: number[]) {
    let state = 0x9e3779b9;
    for (const part of parts) {
      // Both halves of a safe integer count.
      state = mixed(state ^ mixed(part >>> 0));
      state = mixed(state ^ mixed(Math.floor(part / 4294967296) >>> 0));
    }
    this.#state = state;
  }

  /** Uniform in [0, 1), 32 bits. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    return mixed(this.#state) / 4294967296;
  }

  /** Uniform integer in [0, n). */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  /** Fisher–Yates in place. */
  shuffle<T extends Uint32Array | Int32Array | number[]>(values: T): T {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const held = values[i] as number;
      values[i] = values[j] as number;
      values[j] = held;
    }
    return values;
  }
}

// A bijection of 32 bits in which every input bit moves every output bit (the constants are those of a known 32-bit finaliser).
function mixed(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}
