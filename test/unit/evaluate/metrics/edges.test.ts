import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { topKAccuracy } from '../../../../src/evaluate/metrics/accuracy.js';
import { kappa, matthewsOf } from '../../../../src/evaluate/metrics/agreement.js';
import { auroc } from '../../../../src/evaluate/metrics/auroc.js';
import { averagePrecision } from '../../../../src/evaluate/metrics/average-precision.js';
import { bootstrap } from '../../../../src/evaluate/metrics/bootstrap.js';
import { expectedCalibrationError } from '../../../../src/evaluate/metrics/calibration.js';
import { confusion } from '../../../../src/evaluate/metrics/confusion.js';
import { Ranking } from '../../../../src/evaluate/metrics/ranking.js';
import { medianRank, precisionAt, recallAt } from '../../../../src/evaluate/metrics/retrieval.js';

describe('AUROC', () => {
  it('has no value without positives or negatives', () => {
    expect(auroc([0.1, 0.2], Int8Array.of(1, 1))).toBeUndefined();
    expect(auroc([0.1, 0.2], Int8Array.of(0, -1))).toBeUndefined();
    expect(averagePrecision([0.1], Int8Array.of(0))).toBeUndefined();
  });

  it('is one half where all scores are equal, and leaves unknown truth out', () => {
    expect(auroc([3, 3, 3, 9], Int8Array.of(1, 0, 0, -1))).toBe(0.5);
  });

  it('refuses a score that is not a number, by sample', () => {
    expect(() => new Ranking([0, Number.NaN], Int8Array.of(1, 0))).toThrow('sample 1');
  });

  it('equals the count over all pairs', () => {
    const pair = fc.record({
      score: fc.integer({ min: 0, max: 6 }),
      positive: fc.integer({ min: 0, max: 1 }),
    });
    fc.assert(
      fc.property(fc.array(pair, { minLength: 2, maxLength: 40 }), (pairs) => {
        const positives = pairs.filter((p) => p.positive);
        const negatives = pairs.filter((p) => !p.positive);
        fc.pre(positives.length > 0 && negatives.length > 0);
        let won = 0;
        for (const p of positives)
          for (const n of negatives) won += Number(p.score > n.score) + Number(p.score === n.score) / 2;
        const area = auroc(
          pairs.map((p) => p.score),
          Int8Array.from(pairs, (p) => p.positive),
        );
        expect(area).toBeCloseTo(won / (positives.length * negatives.length), 12);
      }),
    );
  });

  it('with whole weights equals the same samples repeated', () => {
    const scores = [1, 2, 2, 5];
    const truth = [0, 1, 0, 1];
    const weights = [2, 0, 3, 1];
    const repeated = scores.flatMap((s, i) => Array<number>(weights[i]!).fill(s));
    const answers = truth.flatMap((t, i) => Array<number>(weights[i]!).fill(t));
    expect(auroc(scores, Int8Array.from(truth), weights)).toBe(auroc(repeated, Int8Array.from(answers)));
  });

  it('sorts 200,000 samples without comparing pairs', () => {
    const scores = Float64Array.from({ length: 200_000 }, (_, i) => (i * 7919) % 200_003);
    const truth = Int8Array.from(scores, (_, i) => (i % 3 === 0 ? 1 : 0));
    const start = performance.now();
    expect(auroc(scores, truth)).toBeGreaterThan(0.4);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

describe('counts', () => {
  it('give 0 for a correlation with an empty margin, and no kappa of a single class', () => {
    expect(matthewsOf({ truePositives: 3, falsePositives: 2, falseNegatives: 0, trueNegatives: 0 })).toBe(0);
    expect(kappa(confusion(Int32Array.of(1, 1), Int32Array.of(1, 1), 2))).toBeUndefined();
  });

  it('do not call equal scores right', () => {
    expect(topKAccuracy(new Float64Array(9), Int32Array.of(0, 1, 2), 3, 1)).toBeCloseTo(1 / 3, 12);
  });

  it('refuse a class beyond the last', () => {
    expect(() => confusion(Int32Array.of(2), Int32Array.of(0), 2)).toThrow('below 2 for sample 0');
  });
});

describe('calibration error', () => {
  it('is the gap of the only bin', () => {
    expect(expectedCalibrationError([0.9, 0.9, 0.9, 0.9], [1, 1, 0, 0])).toBeCloseTo(0.4, 12);
    expect(expectedCalibrationError([0, 1], [0, 1])).toBe(0);
  });
});

describe('retrieval', () => {
  it('takes the middle of two places', () => {
    expect(medianRank(Int32Array.of(0, 3))).toBe(2.5);
    expect(medianRank(new Int32Array(0))).toBeUndefined();
    expect(recallAt(Int32Array.of(0, 4, 5), 5)).toBeCloseTo(2 / 3, 12);
  });

  it('counts same-class candidates among the first k', () => {
    const nearest = Uint32Array.of(0, 1, 2, 2, 1, 0);
    const value = precisionAt(nearest, 3, 2, Int32Array.of(7, 8), Int32Array.of(7, 8, 8));
    expect(value).toBeCloseTo((1 / 2 + 1) / 2, 12);
  });
});

describe('bootstrap', () => {
  const correct = Uint8Array.from({ length: 400 }, (_, i) => Number(i % 5 !== 0));
  const share = (counts: ArrayLike<number>) => {
    let sum = 0;
    for (let i = 0; i < correct.length; i++) sum += counts[i]! * correct[i]!;
    return sum / correct.length;
  };

  it('covers what the binomial says, and is the same for the same seed', () => {
    const interval = bootstrap(400, share, { seed: 3 })!;
    // Standard error √(0.8·0.2/400) = 0.02, so the 95 % interval is about 0.8 ± 0.039.
    expect(interval.low).toBeGreaterThan(0.75);
    expect(interval.low).toBeLessThan(0.775);
    expect(interval.high).toBeGreaterThan(0.825);
    expect(interval.high).toBeLessThan(0.85);
    expect(bootstrap(400, share, { seed: 3 })).toEqual(interval);
    expect(bootstrap(400, share, { seed: 4 })).not.toEqual(interval);
  });

  it('counts the resamples with a value', () => {
    expect(bootstrap(3, () => undefined)).toBeUndefined();
    let calls = 0;
    expect(bootstrap(3, () => (calls++ % 2 ? 1 : undefined), { resamples: 10 })!.resamples).toBe(5);
  });
});
