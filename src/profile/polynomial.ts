import { GadoliniumError } from '../errors.js';

/** Exponents of (b, N): samples of a rank, samples of all. */
export type Term = readonly [b: number, n: number];

export const linear: readonly Term[] = [
  [0, 0],
  [1, 0],
];
export const quadratic: readonly Term[] = [...linear, [2, 0]];
export const quadraticInBoth: readonly Term[] = [...quadratic, [0, 1], [1, 1], [0, 2]];

/** A sum of c·bⁱ·Nʲ. */
export class Polynomial {
  constructor(
    readonly terms: readonly Term[],
    readonly coefficients: readonly number[],
  ) {}

  at(b: number, n: number): number {
    return this.terms.reduce((sum, [i, j], k) => sum + (this.coefficients[k] as number) * b ** i * n ** j, 0);
  }

  /** 1,024·b·N + 5·b */
  toString(): string {
    const power = (name: string, exponent: number) => (exponent === 0 ? '' : `·${name}${exponent === 2 ? '²' : ''}`);
    const shown = this.terms
      .map(([i, j], k) => ({ i, j, c: Math.round(this.coefficients[k] as number) }))
      .filter(({ c }) => c !== 0)
      .sort((x, y) => y.i + y.j - x.i - x.j || y.j - x.j);
    const text = shown.map(({ c, i, j }) => `${Math.abs(c).toLocaleString('en-US')}${power('b', i)}${power('N', j)}`);
    return text.map((part, k) => `${shown[k]!.c < 0 ? (k ? ' − ' : '−') : k ? ' + ' : ''}${part}`).join('') || '0';
  }
}

export interface Point {
  b: number;
  n: number;
  value: number;
}

/**
 * The polynomial through the points, by least squares where there are more than terms. `exact`: what is counted is one, so that
 * a point beside it is an error, named by `what`: the cost would then be a guess.
 */
export function fit(terms: readonly Term[], points: readonly Point[], exact?: { what: string }): Polynomial {
  const scale = Math.max(...points.map(({ n }) => n), 1);
  const rows = points.map(({ b, n }) => terms.map(([i, j]) => (b / scale) ** i * (n / scale) ** j));
  const [a, y] = normalEquations(
    rows,
    points.map(({ value }) => value),
  );
  const most = Math.max(...points.map(({ value }) => Math.abs(value)), 1);
  const coefficients = solve(a, y).map((c, k) => {
    const [i, j] = terms[k] as Term;
    // Counts are whole numbers; what rounding has left of a term that is not there, or of one that is, goes.
    if (Math.abs(c) < 1e-11 * most) return 0;
    const coefficient = c / scale ** (i + j);
    const whole = Math.round(coefficient);
    return Math.abs(coefficient - whole) < 1e-6 * Math.max(1, Math.abs(whole)) && whole !== 0 ? whole : coefficient;
  });
  const found = new Polynomial(terms, coefficients);
  if (exact) {
    const off = points.find(({ b, n, value }) => Math.abs(found.at(b, n) - value) > 1e-6 * most);
    if (off) {
      throw GadoliniumError.expected(
        'not-a-polynomial',
        `a polynomial of second degree in the samples`,
        exact.what,
        `${off.value} beside ${found.at(off.b, off.n)} for ${off.b} of ${off.n} samples`,
      );
    }
  }
  return found;
}

function normalEquations(rows: readonly number[][], values: readonly number[]): [number[][], number[]] {
  const size = rows[0]?.length ?? 0;
  const sum = (of: (row: number[], k: number) => number) => rows.reduce((total, row, k) => total + of(row, k), 0);
  const places = Array.from({ length: size }, (_, i) => i);
  return [
    places.map((i) => places.map((j) => sum((row) => (row[i] as number) * (row[j] as number)))),
    places.map((i) => sum((row, k) => (row[i] as number) * (values[k] as number))),
  ];
}

/** Gaussian elimination with pivots. */
function solve(a: number[][], y: number[]): number[] {
  const size = y.length;
  for (let k = 0; k < size; k++) {
    let pivot = k;
    for (let i = k + 1; i < size; i++) if (Math.abs(a[i]![k]!) > Math.abs(a[pivot]![k]!)) pivot = i;
    [a[k], a[pivot]] = [a[pivot]!, a[k]!];
    [y[k], y[pivot]] = [y[pivot]!, y[k]!];
    for (let i = k + 1; i < size; i++) {
      const factor = a[i]![k]! / a[k]![k]!;
      for (let j = k; j < size; j++) a[i]![j]! -= factor * a[k]![j]!;
      y[i]! -= factor * y[k]!;
    }
  }
  for (let k = size - 1; k >= 0; k--) {
    for (let j = k + 1; j < size; j++) y[k]! -= a[k]![j]! * y[j]!;
    y[k]! /= a[k]![k]!;
  }
  return y;
}
