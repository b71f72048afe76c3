import { describe, expect, it } from 'vitest';
import {
  evaluationSchema,
  type TemporalClassificationEntry,
  temporalClassification,
} from '../../../../src/config/evaluate.js';
import { Draws } from '../../../../src/data/draws.js';
import { temporalClassification as run } from '../../../../src/evaluate/tasks/temporal-classification.js';
import { at, FakeEmbedder, FakeRows, type FakeSample } from '../fakes.js';

const names = ['improving', 'stable', 'worsening'];
const evaluated = (samples: FakeSample[], options: Partial<Parameters<typeof temporalClassification>[0]> = {}) => {
  const vocabularies = ['edema', 'effusion'].map((vocab) => ({ vocab, kind: 'class' as const, names }));
  const rows = new FakeRows(samples, vocabularies);
  const entry = temporalClassification({ labels: ['edema', 'effusion'], grid: [0.1, 1, 10], folds: 4, ...options });
  return run(evaluationSchema.parse(entry) as TemporalClassificationEntry, {
    rows,
    data: 'fake',
    embedder: new FakeEmbedder(rows),
  });
};

describe('temporal classification', () => {
  it('finds what the features tell, and not what they do not', async () => {
    const draws = new Draws(1);
    // Edema follows the angle; effusion is drawn without looking, most often stable.
    const samples = Array.from({ length: 120 }, (_, i): FakeSample => {
      const edema = i % 3;
      const effusion = draws.below(6);
      return {
        patient: `p${i >> 1}`,
        image: at(120 * edema + 20 * draws.next()),
        labels: { edema: names[edema]!, effusion: names[effusion < 4 ? 1 : effusion === 4 ? 0 : 2]! },
      };
    });
    const { metrics, samples: count, table } = await evaluated(samples, { bootstrap: 50 });
    expect(count).toBe(240);
    expect(metrics['accuracy.macro.edema']).toBe(1);
    // Whoever always says the commonest class is right on a third of the classes.
    expect(metrics['accuracy.macro.effusion']!).toBeGreaterThan(0.2);
    expect(metrics['accuracy.macro.effusion']!).toBeLessThan(0.45);
    expect(metrics['accuracy.macro']).toBeCloseTo((1 + metrics['accuracy.macro.effusion']!) / 2, 12);
    expect(metrics['accuracy.macro.effusion.low']!).toBeLessThanOrEqual(metrics['accuracy.macro.effusion']!);
    expect(table!.rows[0]!.slice(0, 2)).toEqual(['edema', 120]);
  });

  it('lays features side by side', async () => {
    // Neither study tells alone: only the two angles together.
    const samples = Array.from(
      { length: 90 },
      (_, i): FakeSample => ({
        patient: `p${i}`,
        image: [i % 3 === 0 ? 1 : 0, 1],
        text: [i % 3 === 1 ? 1 : 0],
        labels: { edema: names[i % 3]!, effusion: names[i % 3]! },
      }),
    );
    const alone = await evaluated(samples);
    const both = await evaluated(samples, { features: ['image.global', 'text.global'] });
    expect(alone.metrics['accuracy.macro']!).toBeLessThan(0.7);
    expect(both.metrics['accuracy.macro']).toBe(1);
  });

  it('needs as many patients as folds', async () => {
    const sample = (i: number): FakeSample => ({
      patient: 'p',
      image: at(i),
      labels: { edema: names[0]!, effusion: names[0]! },
    });
    await expect(evaluated([sample(0), sample(1)])).rejects.toThrow('at least 4 patients');
  });
});
