/**
 * The splits that scripts draw with scikit-learn's train_test_split and a seed, without Python: NumPy's old generator (Mersenne
 * twister, Matsumoto and Nishimura 1998), its shuffle, and the order in which scikit-learn takes from it.
 */
const [LENGTH, SHIFT] = [624, 397];

/** Numbers of 32 bits, as numpy.random.RandomState(seed) makes them. */
function* twister(seed: number): Generator<number, never> {
  const state = new Uint32Array(LENGTH);
  state[0] = seed;
  for (let i = 1; i < LENGTH; i++) {
    const before = state[i - 1]! ^ (state[i - 1]! >>> 30);
    state[i] = Math.imul(1812433253, before) + i;
  }
  for (;;) {
    for (let i = 0; i < LENGTH; i++) {
      const mixed = (state[i]! & 0x80000000) | (state[(i + 1) % LENGTH]! & 0x7fffffff);
      state[i] = state[(i + SHIFT) % LENGTH]! ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    }
    for (let word of state) {
      word ^= word >>> 11;
      word ^= (word << 7) & 0x9d2c5680;
      word ^= (word << 15) & 0xefc60000;
      yield (word ^ (word >>> 18)) >>> 0;
    }
  }
}

/** numpy.random.RandomState(seed).permutation(count). */
function permutation(count: number, seed: number): number[] {
  const numbers = twister(seed);
  const out = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    // Numbers of as many bits as `i` has, until one is not above it.
    const mask = 2 ** (32 - Math.clz32(i)) - 1;
    let j: number;
    do j = (numbers.next().value & mask) >>> 0;
    while (j > i);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

/** Places of 0 … count − 1, as train_test_split(range(count), test_size=fraction, random_state=seed) returns them. */
export function trainTestSplit(count: number, fraction: number, seed: number): { train: number[]; test: number[] } {
  const order = permutation(count, seed);
  const size = Math.ceil(fraction * count);
  return { train: order.slice(size), test: order.slice(0, size) };
}

/**
 * The part of each of `count` items as GLoRIA's scripts draw it for RSNA and SIIM, and MGCA's after them: 30 % are set aside, then
 * halved into test and validation, both with seed 0.
 */
export function gloriaParts(count: number): ('train' | 'valid' | 'test')[] {
  const out = new Array<'train' | 'valid' | 'test'>(count).fill('train');
  const { test: aside } = trainTestSplit(count, 0.3, 0);
  const halves = trainTestSplit(aside.length, 0.5, 0);
  for (const place of halves.train) out[aside[place]!] = 'test';
  for (const place of halves.test) out[aside[place]!] = 'valid';
  return out;
}
