import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { accuracy, argmaxRows, balancedAccuracy, topKAccuracy } from '../../../../src/evaluate/metrics/accuracy.js';
import { kappa, matthews, matthewsOf } from '../../../../src/evaluate/metrics/agreement.js';
import { auroc, aurocOf } from '../../../../src/evaluate/metrics/auroc.js';
import { averagePrecision, averagePrecisionOf } from '../../../../src/evaluate/metrics/average-precision.js';
import { brier, expectedCalibrationError } from '../../../../src/evaluate/metrics/calibration.js';
import { confusion, countsAt, countsOfClass } from '../../../../src/evaluate/metrics/confusion.js';
import {
  bestThreshold,
  f1,
  macroF1,
  microF1,
  precision,
  recall,
  specificity,
} from '../../../../src/evaluate/metrics/f1.js';
import { oneVersusRest, perClass, pooledRanking, rankings } from '../../../../src/evaluate/metrics/per-class.js';
import { Ranking } from '../../../../src/evaluate/metrics/ranking.js';
import { meanRank, meanReciprocalRank, medianRank, recallAt } from '../../../../src/evaluate/metrics/retrieval.js';

const fixture = JSON.parse(readFileSync(new URL('../../../fixtures/evaluate/metrics.json', import.meta.url), 'utf8'));

const DIGITS = 12;

describe.each(Object.keys(fixture.binary))('binary metrics, %s scores', (name) => {
  const made = fixture.binary[name];
  const scores = Float64Array.from(made.scores);
  const truth = Int8Array.from(made.truth);

  it('ranks as scikit-learn does, with and without weights', () => {
    expect(auroc(scores, truth)).toBeCloseTo(made.auroc, DIGITS);
    expect(averagePrecision(scores, truth)).toBeCloseTo(made.averagePrecision, DIGITS);
    expect(auroc(scores, truth, made.weights)).toBeCloseTo(made.weightedAuroc, DIGITS);
    expect(averagePrecision(scores, truth, made.weights)).toBeCloseTo(made.weightedAveragePrecision, DIGITS);
  });

  it('finds the best thresholds', () => {
    const ranking = new Ranking(scores, truth);
    expect(bestThreshold(ranking, 'f1')!.value).toBeCloseTo(made.bestF1, DIGITS);
    const mcc = bestThreshold(ranking, 'mcc')!;
    expect(mcc.value).toBeCloseTo(made.bestMcc, DIGITS);
    expect(mcc.threshold).toBe(made.bestMccThreshold);
  });

  it('counts at a threshold', () => {
    const counts = countsAt(scores, truth, 0.5);
    expect(counts).toEqual(made.atHalf.counts);
    expect(precision(counts)).toBeCloseTo(made.atHalf.precision, DIGITS);
    expect(recall(counts)).toBeCloseTo(made.atHalf.recall, DIGITS);
    expect(specificity(counts)).toBeCloseTo(made.atHalf.specificity, DIGITS);
    expect(f1(counts)).toBeCloseTo(made.atHalf.f1, DIGITS);
    expect(matthewsOf(counts)).toBeCloseTo(made.atHalf.mcc, DIGITS);
    expect(brier(scores, truth)).toBeCloseTo(made.brier, DIGITS);
  });
});

describe('multi-class metrics', () => {
  const made = fixture.multiclass;
  const truth = Int32Array.from(made.truth);
  const probability = Float64Array.from(made.probability);
  const predicted = argmaxRows(probability, made.K);
  const matrix = confusion(truth, predicted, made.K);

  it('agrees on accuracy, F1, correlation and kappa', () => {
    expect([...predicted]).toEqual(made.predicted);
    expect([...matrix.counts]).toEqual(made.confusion);
    expect(accuracy(matrix)).toBeCloseTo(made.accuracy, DIGITS);
    expect(balancedAccuracy(matrix)).toBeCloseTo(made.balancedAccuracy, DIGITS);
    expect(topKAccuracy(probability, truth, made.K, 2)).toBeCloseTo(made.top2, DIGITS);
    expect(topKAccuracy(probability, truth, made.K, 3)).toBeCloseTo(made.top3, DIGITS);
    expect(macroF1(matrix)).toBeCloseTo(made.macroF1, DIGITS);
    for (const [k, value] of made.f1.entries()) expect(f1(countsOfClass(matrix, k))).toBeCloseTo(value, DIGITS);
    expect(matthews(matrix)).toBeCloseTo(made.mcc, DIGITS);
    expect(kappa(matrix)).toBeCloseTo(made.kappa, DIGITS);
    expect(kappa(matrix, 'linear')).toBeCloseTo(made.kappaLinear, DIGITS);
    expect(kappa(matrix, 'quadratic')).toBeCloseTo(made.kappaQuadratic, DIGITS);
  });

  it('names the class without samples and leaves it out of the mean', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const all = rankings({ names, scores: probability, truth: oneVersusRest(truth, made.K) });
    const result = perClass(names, (k) => aurocOf(all[k]!));
    expect(result.undefinedClasses).toEqual(['e']);
    expect(result.macro).toBeCloseTo(made.aurocMacro, DIGITS);
    for (const [k, value] of made.aurocs.entries()) expect(result.values[k]).toBeCloseTo(value, DIGITS);
  });

  it('agrees on calibration', () => {
    const confidence = Array.from(predicted, (k, i) => probability[i * made.K + k]!);
    const correct = Array.from(predicted, (k, i) => Number(k === truth[i]));
    expect(expectedCalibrationError(confidence, correct)).toBeCloseTo(made.ece15, DIGITS);
    expect(expectedCalibrationError(confidence, correct, 10)).toBeCloseTo(made.ece10, DIGITS);
  });
});

describe('multi-label metrics', () => {
  const made = fixture.multilabel;
  const set = {
    names: made.names as string[],
    scores: Float64Array.from(made.scores),
    truth: Int8Array.from(made.truth),
  };
  const all = rankings(set);

  it('agrees on macro and micro averages, the finding without positives named', () => {
    const areas = perClass(set.names, (k) => aurocOf(all[k]!));
    expect(areas.undefinedClasses).toEqual(['c']);
    expect(areas.values.filter((v) => v !== undefined).length).toBe(3);
    expect(areas.macro).toBeCloseTo(made.aurocMacro, DIGITS);
    expect(aurocOf(pooledRanking(set))).toBeCloseTo(made.aurocMicro, DIGITS);
    const precisions = perClass(set.names, (k) => averagePrecisionOf(all[k]!));
    expect(precisions.macro).toBeCloseTo(made.averagePrecisionMacro, DIGITS);
    expect(averagePrecisionOf(pooledRanking(set))).toBeCloseTo(made.averagePrecisionMicro, DIGITS);
  });

  it('adds counts up for micro F1', () => {
    const K = set.names.length;
    const column = <A extends Float64Array | Int8Array>(values: A, k: number) =>
      values.filter((_, i) => i % K === k) as A;
    const counts = set.names.map((_, k) => countsAt(column(set.scores, k), column(set.truth, k), 0.5));
    expect(microF1(counts)).toBeCloseTo(made.f1Micro, DIGITS);
  });
});

describe('retrieval metrics', () => {
  const made = fixture.retrieval;
  const ranks = Int32Array.from(made.ranks);

  it('agrees on recall, ranks and their reciprocals', () => {
    for (const [k, value] of Object.entries(made.recall))
      expect(recallAt(ranks, Number(k))).toBeCloseTo(value as number, DIGITS);
    expect(medianRank(ranks)).toBe(made.medianRank);
    expect(meanRank(ranks)).toBeCloseTo(made.meanRank, DIGITS);
    expect(meanReciprocalRank(ranks)).toBeCloseTo(made.meanReciprocalRank, DIGITS);
  });
});
