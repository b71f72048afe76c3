import type { FeatureMatrix } from '../embedder.js';
import { minimise } from './lbfgs.js';

/** A linear classifier: `classes` logits of which two-class ones have a single row (the logit of class 1 over class 0). */
export interface LinearClassifier {
  classes: number;
  width: number;
  /** Row-major [rows, width] then [rows]: rows = 1 for two classes, else one a class. */
  weights: Float64Array;
  intercepts: Float64Array;
  converged: boolean;
}

export interface FitOptions {
  /** Inverse strength of the penalty: minimises ½|w|² + C·Σ loss; intercepts are not penalised. */
  C: number;
  /** Starts from this classifier (of a neighbouring C). */
  from?: LinearClassifier | undefined;
  tolerance?: number;
  iterations?: number;
}

/**
 * L2-penalised logistic regression, multinomial for three and more classes:
 *   minimise  (1/N) Σ_i −log p(y_i | x_i)  +  |W|² / (2·C·N),   p = softmax(W·x + b) (sigmoid for two classes).
 * features [N, D]; truth [N] class numbers below `classes`. Cost of one pass: 2·N·D·classes multiply-adds.
 */
export function fitLogistic(
  features: FeatureMatrix,
  truth: ArrayLike<number>,
  classes: number,
  { C, from, tolerance = 1e-6, iterations = 1000 }: FitOptions,
): LinearClassifier {
  const rows = classes === 2 ? 1 : classes;
  const { rows: N, width: D, data } = features;
  const penalty = 1 / (C * N);
  const parameters = rows * (D + 1);
  const start = new Float64Array(parameters);
  if (from) {
    start.set(from.weights);
    start.set(from.intercepts, rows * D);
  }
  const logits = new Float64Array(rows);
  const minimum = minimise(
    (w, gradient) => {
      gradient.fill(0);
      let loss = 0;
      for (let i = 0; i < N; i++) {
        logitsOf(logits, w, data, i * D, D);
        loss += residuals(logits, truth[i]!);
        for (let k = 0; k < rows; k++) {
          const r = logits[k]! / N;
          const at = k * D;
          for (let d = 0; d < D; d++) gradient[at + d]! += r * data[i * D + d]!;
          gradient[rows * D + k]! += r;
        }
      }
      let square = 0;
      for (let p = 0; p < rows * D; p++) {
        square += w[p]! * w[p]!;
        gradient[p]! += penalty * w[p]!;
      }
      return loss / N + (penalty * square) / 2;
    },
    start,
    { tolerance, iterations },
  );
  return {
    classes,
    width: D,
    weights: minimum.x.slice(0, rows * D),
    intercepts: minimum.x.slice(rows * D),
    converged: minimum.converged,
  };
}

/** Probabilities [N, classes]. */
export function predict(classifier: LinearClassifier, features: FeatureMatrix): Float64Array {
  const { classes, width: D, weights, intercepts } = classifier;
  const rows = intercepts.length;
  const w = new Float64Array(rows * (D + 1));
  w.set(weights);
  w.set(intercepts, rows * D);
  const logits = new Float64Array(rows);
  const out = new Float64Array(features.rows * classes);
  for (let i = 0; i < features.rows; i++) {
    logitsOf(logits, w, features.data, i * D, D);
    if (rows === 1) {
      const p = sigmoid(logits[0]!);
      out[2 * i] = 1 - p;
      out[2 * i + 1] = p;
    } else {
      softmax(logits);
      out.set(logits, i * classes);
    }
  }
  return out;
}

function logitsOf(logits: Float64Array, w: Float64Array, data: Float32Array, from: number, D: number): void {
  const rows = logits.length;
  for (let k = 0; k < rows; k++) logits[k] = w[rows * D + k]! + dot(w, k * D, data, from, D);
}

// Its own and not that of vectors.ts: one function that sees both kinds of numbers is compiled for neither.
function dot(a: Float64Array, from: number, b: Float32Array, at: number, width: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let d = 0;
  for (; d + 3 < width; d += 4) {
    s0 += a[from + d]! * b[at + d]!;
    s1 += a[from + d + 1]! * b[at + d + 1]!;
    s2 += a[from + d + 2]! * b[at + d + 2]!;
    s3 += a[from + d + 3]! * b[at + d + 3]!;
  }
  for (; d < width; d++) s0 += a[from + d]! * b[at + d]!;
  return s0 + s1 + (s2 + s3);
}

/** Turns logits into the loss's derivative by them (p − y) and gives the loss of the sample. */
function residuals(logits: Float64Array, truth: number): number {
  if (logits.length === 1) {
    const z = logits[0]!;
    logits[0] = sigmoid(z) - truth;
    const margin = truth === 1 ? z : -z;
    // log(1 + e^−m) without overflow on either side.
    return margin > 0 ? Math.log1p(Math.exp(-margin)) : Math.log1p(Math.exp(margin)) - margin;
  }
  const own = logits[truth]!;
  const total = softmax(logits);
  logits[truth]! -= 1;
  return total - own;
}

/** Soft-max in place; gives the log of the sum of exponentials. */
function softmax(logits: Float64Array): number {
  let highest = Number.NEGATIVE_INFINITY;
  for (const z of logits) highest = Math.max(highest, z);
  let sum = 0;
  for (let k = 0; k < logits.length; k++) {
    logits[k] = Math.exp(logits[k]! - highest);
    sum += logits[k]!;
  }
  for (let k = 0; k < logits.length; k++) logits[k]! /= sum;
  return highest + Math.log(sum);
}

function sigmoid(z: number): number {
  if (z >= 0) return 1 / (1 + Math.exp(-z));
  const e = Math.exp(z);
  return e / (1 + e);
}
