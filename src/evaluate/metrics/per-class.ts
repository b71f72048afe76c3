import { Ranking, type Truth } from './ranking.js';

/** Scores and truths of N samples for K classes or findings, both row-major [N, K]. */
export interface ClassScores {
  names: readonly string[];
  scores: Float64Array;
  truth: Truth;
}

/** A metric for each class, its mean, and the classes for which it has no value (never counted as 0 or 1). */
export interface PerClass {
  values: (number | undefined)[];
  /** Mean over the classes that have a value; undefined where none has. */
  macro: number | undefined;
  undefinedClasses: string[];
}

export function perClass(names: readonly string[], value: (k: number) => number | undefined): PerClass {
  const values = names.map((_, k) => value(k));
  return {
    values,
    macro: meanOfDefined(values),
    undefinedClasses: names.filter((_, k) => values[k] === undefined),
  };
}

/** One ranking per class: its column of the scores against its column of the truth. */
export function rankings({ names, scores, truth }: ClassScores): Ranking[] {
  const K = names.length;
  return names.map((_, k) => new Ranking(column(scores, K, k), column(truth, K, k)));
}

/** One column of a row-major matrix [N, K]. */
export function column<A extends Float64Array | Int8Array>(values: A, K: number, k: number): A {
  const out = new (values.constructor as new (length: number) => A)(values.length / K);
  for (let i = 0; i < out.length; i++) out[i] = values[i * K + k]!;
  return out;
}

/** Micro average: every (sample, class) pair is one sample of a single ranking. */
export function pooledRanking({ scores, truth }: ClassScores): Ranking {
  return new Ranking(scores, truth);
}

/** One-versus-rest truth [N, K] of single-label classes; a class of -1 is unknown in every column. */
export function oneVersusRest(classes: Int32Array, K: number): Truth {
  const truth = new Int8Array(classes.length * K);
  for (let i = 0; i < classes.length; i++) {
    if (classes[i]! < 0) truth.fill(-1, i * K, (i + 1) * K);
    else truth[i * K + classes[i]!] = 1;
  }
  return truth;
}

export function meanOfDefined(values: readonly (number | undefined)[]): number | undefined {
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (value === undefined) continue;
    sum += value;
    count++;
  }
  return count ? sum / count : undefined;
}
