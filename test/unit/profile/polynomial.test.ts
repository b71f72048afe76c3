import { expect, test } from 'vitest';
import { fit, linear, type Point, quadratic, quadraticInBoth } from '../../../src/profile/polynomial.js';

const points = (batches: number[], worlds: number[], value: (b: number, n: number) => number): Point[] =>
  worlds.flatMap((world) => batches.map((b) => ({ b, n: b * world, value: value(b, b * world) })));

test('finds what made the numbers', () => {
  const made = (b: number, n: number) => 7 + 3e9 * b + 2 * b * b + 11 * n + 8192 * b * n + 4 * n * n;
  const found = fit(quadraticInBoth, points([32, 64, 96], [2, 3, 4], made), { what: 'it' });
  expect(found.at(128, 65_536)).toBeCloseTo(made(128, 65_536), -3);
  expect(Math.abs(found.at(128, 65_536) / made(128, 65_536) - 1)).toBeLessThan(1e-8);
});

test('says itself as a formula', () => {
  const found = fit(
    quadraticInBoth,
    points([1, 2, 3], [2, 3, 4], (b, n) => 1024 * b * n + 5 * b),
  );
  expect(`${found}`).toBe('1,024·b·N + 5·b');
  expect(
    `${fit(
      linear,
      points([2, 3], [1], () => 0),
    )}`,
  ).toBe('0');
  expect(
    `${fit(
      quadratic,
      points([2, 3, 4], [1], (b) => b * b - 2),
    )}`,
  ).toBe('1·b² − 2');
});

test('what is no polynomial of second degree is named', () => {
  const cubic = points([2, 3, 4, 6], [1], (b) => b ** 3);
  expect(() => fit(quadratic, cubic, { what: 'the forward operations of heads.pool' })).toThrow(
    'expected a polynomial of second degree in the samples for the forward operations of heads.pool',
  );
  expect(() => fit(quadratic, cubic)).not.toThrow();
});
