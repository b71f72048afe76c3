import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { argmaxRows } from '../../../../src/evaluate/metrics/accuracy.js';
import { minimise } from '../../../../src/evaluate/probes/lbfgs.js';
import { fitLogistic, predict } from '../../../../src/evaluate/probes/logistic-regression.js';

interface Case {
  classes: number;
  C: number;
  width: number;
  features: number[];
  truth: number[];
  weights: number[];
  intercepts: number[];
  held: number[];
  probability: number[];
  accuracy: number;
}
const { cases } = JSON.parse(
  readFileSync(new URL('../../../fixtures/evaluate/logistic.json', import.meta.url), 'utf8'),
) as { cases: Case[] };

const matrix = (values: number[], width: number) => ({
  data: Float32Array.from(values),
  rows: values.length / width,
  width,
});

describe.each(cases)('logistic regression of $classes classes at C = $C', (made) => {
  const features = matrix(made.features, made.width);
  const fit = fitLogistic(features, made.truth, made.classes, { C: made.C, tolerance: 1e-9 });

  it("finds scikit-learn's coefficients", () => {
    expect(fit.converged).toBe(true);
    const scale = Math.max(...made.weights.map(Math.abs));
    for (const [p, w] of made.weights.entries()) expect(Math.abs(fit.weights[p]! - w)).toBeLessThan(1e-5 * scale);
    for (const [k, b] of made.intercepts.entries()) expect(Math.abs(fit.intercepts[k]! - b)).toBeLessThan(1e-5 * scale);
  });

  it('gives its probabilities and accuracy', () => {
    const probability = predict(fit, matrix(made.held, made.width));
    for (const [i, p] of made.probability.entries()) expect(probability[i]).toBeCloseTo(p, 5);
    const said = argmaxRows(predict(fit, features), made.classes);
    expect(said.reduce((n, k, i) => n + Number(k === made.truth[i]), 0) / said.length).toBeCloseTo(made.accuracy, 12);
  });

  it('finds the same from another start', () => {
    const loose = fitLogistic(features, made.truth, made.classes, { C: made.C * 10 });
    const again = fitLogistic(features, made.truth, made.classes, {
      C: made.C,
      from: loose,
      tolerance: 1e-9,
    });
    for (const [p, w] of fit.weights.entries()) expect(Math.abs(again.weights[p]! - w)).toBeLessThan(1e-4);
  });
});

describe('logistic regression', () => {
  it('stays finite where the classes lie apart and there is hardly a penalty', () => {
    const fit = fitLogistic(matrix([-1000, -999, 999, 1000], 1), [0, 0, 1, 1], 2, { C: 1e6 });
    expect([...fit.weights, ...fit.intercepts].every(Number.isFinite)).toBe(true);
    expect([...argmaxRows(predict(fit, matrix([-500, 500], 1)), 2)]).toEqual([0, 1]);
  });
});

describe('minimise', () => {
  it('walks the bent valley of Rosenbrock to its end', () => {
    const { x, converged, iterations } = minimise(
      (p, g) => {
        const [a, b] = [p[0]!, p[1]!];
        g[0] = -2 * (1 - a) - 400 * a * (b - a * a);
        g[1] = 200 * (b - a * a);
        return (1 - a) ** 2 + 100 * (b - a * a) ** 2;
      },
      Float64Array.of(-1.2, 1),
    );
    expect(converged).toBe(true);
    expect(x[0]).toBeCloseTo(1, 5);
    expect(x[1]).toBeCloseTo(1, 5);
    expect(iterations).toBeLessThan(100);
  });
});
