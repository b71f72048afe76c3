/** The numbers of a classifier from its probabilities: shared by every task that ends in classes or findings. */
import { accuracy, argmaxRows, balancedAccuracy, topKAccuracy } from './metrics/accuracy.js';
import { kappa, matthews, matthewsOf } from './metrics/agreement.js';
import { aurocOf } from './metrics/auroc.js';
import { averagePrecisionOf } from './metrics/average-precision.js';
import { bootstrap } from './metrics/bootstrap.js';
import { expectedCalibrationError } from './metrics/calibration.js';
import { type BinaryCounts, confusion, countsAt, countsOfClass } from './metrics/confusion.js';
import { f1, macroF1, microF1, precision, recall, specificity } from './metrics/f1.js';
import {
  column,
  meanOfDefined,
  oneVersusRest,
  type PerClass,
  perClass,
  pooledRanking,
  rankings,
} from './metrics/per-class.js';
import type { Truth } from './metrics/ranking.js';
import { put, type TaskResult } from './task.js';

export interface ClassificationOptions {
  names: readonly string[];
  /** Bootstrap resamples; 0 = no intervals. */
  bootstrap: number;
  /** Whether the probabilities are on a scale of the model's own, so that their calibration means something. */
  calibrated: boolean;
  /** findings: for the accuracy a score equal to the threshold says no, as in MedKLIP's evaluation. */
  strictAccuracy?: boolean;
}

/** Exclusive classes: probability [N, K], truth [N] class numbers. */
export function classReport(
  probability: Float64Array,
  truth: Int32Array,
  { names, bootstrap: resamples, calibrated }: ClassificationOptions,
): TaskResult {
  const K = names.length;
  const N = truth.length;
  const predicted = argmaxRows(probability, K);
  const matrix = confusion(truth, predicted, K);
  const counts = names.map((_, k) => countsOfClass(matrix, k));
  const ranked = rankings({ names, scores: probability, truth: oneVersusRest(truth, K) });
  const areas = perClass(names, (k) => aurocOf(ranked[k]!));
  const precisions = perClass(names, (k) => averagePrecisionOf(ranked[k]!));

  const metrics: Record<string, number> = {};
  put(metrics, 'accuracy', accuracy(matrix));
  put(metrics, 'accuracy.balanced', balancedAccuracy(matrix));
  if (K > 5) put(metrics, 'accuracy.top5', topKAccuracy(probability, truth, K, 5));
  put(metrics, 'auroc.macro', areas.macro);
  put(metrics, 'average-precision.macro', precisions.macro);
  put(metrics, 'f1.macro', macroF1(matrix));
  put(metrics, 'precision.macro', meanOfDefined(counts.map(precision)));
  put(metrics, 'mcc', matthews(matrix));
  put(metrics, 'kappa', kappa(matrix));
  if (calibrated) {
    const confidence = Float64Array.from(predicted, (k, i) => probability[i * K + k]!);
    const correct = Uint8Array.from(predicted, (k, i) => Number(k === truth[i]));
    put(metrics, 'ece', expectedCalibrationError(confidence, correct));
  }
  putInterval(metrics, 'accuracy', N, resamples, (w) => accuracy(confusion(truth, predicted, K, w)));
  putInterval(metrics, 'auroc.macro', N, resamples, (w) => meanOfDefined(ranked.map((one) => aurocOf(one, w))));

  return {
    metrics,
    samples: N,
    table: {
      columns: ['class', 'samples', 'predicted', 'recall', 'precision', 'f1', 'auroc', 'average precision'],
      rows: names.map((name, k) => [
        name,
        matrix.truths[k]!,
        matrix.predictions[k]!,
        ...shown(recall(counts[k]!), precision(counts[k]!), f1(counts[k]!), areas.values[k], precisions.values[k]),
      ]),
    },
    notes: undefinedNotes(areas, 'class', 'samples of and outside it'),
  };
}

/** Findings by themselves: probability [N, K], truth [N, K]; a finding is called at or above its threshold. */
export function findingReport(
  probability: Float64Array,
  truth: Truth,
  thresholds: readonly number[],
  { names, bootstrap: resamples, strictAccuracy = false }: ClassificationOptions,
): TaskResult {
  const K = names.length;
  const N = truth.length / K;
  const set = { names, scores: probability, truth };
  const ranked = rankings(set);
  const areas = perClass(names, (k) => aurocOf(ranked[k]!));
  const precisions = perClass(names, (k) => averagePrecisionOf(ranked[k]!));
  const counts: BinaryCounts[] = names.map((_, k) =>
    countsAt(column(probability, K, k), column(truth, K, k), thresholds[k]!),
  );
  const known = (k: number) => areas.values[k] !== undefined;

  const metrics: Record<string, number> = {};
  put(metrics, 'auroc.macro', areas.macro);
  const pooled = pooledRanking(set);
  put(metrics, 'auroc.micro', aurocOf(pooled));
  put(metrics, 'average-precision.macro', precisions.macro);
  put(metrics, 'average-precision.micro', averagePrecisionOf(pooled));
  put(metrics, 'f1.macro', meanOfDefined(counts.map((c, k) => (known(k) ? f1(c) : undefined))));
  put(metrics, 'f1.micro', microF1(counts));
  put(metrics, 'mcc.macro', meanOfDefined(counts.map((c, k) => (known(k) ? matthewsOf(c) : undefined))));
  const judged = strictAccuracy
    ? names.map((_, k) => countsAt(column(probability, K, k), column(truth, K, k), thresholds[k]!, undefined, true))
    : counts;
  put(metrics, 'accuracy.macro', meanOfDefined(judged.map(shareRight)));
  putInterval(metrics, 'auroc.macro', N, resamples, (w) => meanOfDefined(ranked.map((one) => aurocOf(one, w))));
  for (const [k, name] of names.entries()) put(metrics, `auroc.${name}`, areas.values[k]);

  return {
    metrics,
    samples: N,
    table: {
      columns: [
        'finding',
        'positive',
        'negative',
        'auroc',
        'average precision',
        'f1',
        'mcc',
        'recall',
        'specificity',
        'precision',
        'threshold',
      ],
      rows: names.map((name, k) => {
        const { positives, negatives } = ranked[k]!.totals();
        const c = counts[k]!;
        return [
          name,
          positives,
          negatives,
          ...shown(
            areas.values[k],
            precisions.values[k],
            f1(c),
            matthewsOf(c),
            recall(c),
            specificity(c),
            precision(c),
          ),
          thresholds[k]!,
        ];
      }),
    },
    notes: undefinedNotes(areas, 'finding', 'known positives and negatives'),
  };
}

/** 95 % bootstrap interval as `<metric>.low` and `<metric>.high`. */
export function putInterval(
  metrics: Record<string, number>,
  name: string,
  N: number,
  resamples: number,
  statistic: (counts: ArrayLike<number>) => number | undefined,
): void {
  if (resamples === 0 || metrics[name] === undefined) return;
  const interval = bootstrap(N, statistic, { resamples });
  put(metrics, `${name}.low`, interval?.low);
  put(metrics, `${name}.high`, interval?.high);
}

/** Soft-max of each row of scale · scores [N, K]. */
export function softmaxRows(scores: Float64Array, K: number, scale: number): Float64Array {
  const out = new Float64Array(scores.length);
  for (let start = 0; start < scores.length; start += K) {
    let highest = Number.NEGATIVE_INFINITY;
    for (let k = start; k < start + K; k++) highest = Math.max(highest, scores[k]!);
    let sum = 0;
    for (let k = start; k < start + K; k++) {
      out[k] = Math.exp(scale * (scores[k]! - highest));
      sum += out[k]!;
    }
    for (let k = start; k < start + K; k++) out[k]! /= sum;
  }
  return out;
}

function shareRight({
  truePositives,
  trueNegatives,
  falsePositives,
  falseNegatives,
}: BinaryCounts): number | undefined {
  const all = truePositives + trueNegatives + falsePositives + falseNegatives;
  return all > 0 ? (truePositives + trueNegatives) / all : undefined;
}

function shown(...values: (number | undefined)[]): (number | string)[] {
  return values.map((value) => value ?? '–');
}

function undefinedNotes({ undefinedClasses }: PerClass, noun: string, needs: string): string[] {
  return undefinedClasses.map(
    (name) => `${noun} '${name}' has no AUROC (it needs ${needs}) and does not count in the macro average`,
  );
}
