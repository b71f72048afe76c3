import { describe, expect, it } from 'vitest';
import { evaluationSchema, type SentencePairsEntry, sentencePairs } from '../../../../src/config/evaluate.js';
import { folded } from '../../../../src/evaluate/probes/folds.js';
import { sentencePairs as run } from '../../../../src/evaluate/tasks/sentence-pairs.js';
import { at, FakeEmbedder, FakeRows, type FakeSample } from '../fakes.js';

const names = ['entailment', 'neutral', 'contradiction'];
/** A pair whose two sentences lie so many degrees apart. */
const pair = (degrees: number, label: string, split = 'test'): FakeSample => ({
  split,
  words: [`premise ${degrees}`, `hypothesis ${degrees}`],
  labels: { nli: label },
});
const evaluated = (samples: FakeSample[], options: Partial<Parameters<typeof sentencePairs>[0]> = {}) => {
  const rows = new FakeRows(samples, [{ vocab: 'nli', kind: 'class', names }]);
  const places: Record<string, number[]> = {};
  for (const { words = [] } of samples) {
    const degrees = Number(words[0]!.split(' ')[1]);
    places[words[0]!] = at(20, 3);
    if (words[1]) places[words[1]] = at(20 + degrees, 0.5);
  }
  const entry = { labels: 'nli', same: 'entailment', different: 'contradiction', ...options };
  return run(evaluationSchema.parse(sentencePairs(entry)) as SentencePairsEntry, {
    rows,
    data: 'fake',
    embedder: new FakeEmbedder(rows, places),
  });
};

describe('sentence pairs', () => {
  it('are told apart by their cosine', async () => {
    const samples = [
      ...[10, 20, 30, 70].map((degrees) => pair(degrees, 'entailment')),
      ...[60, 80, 90, 100].map((degrees) => pair(degrees, 'contradiction')),
      pair(45, 'neutral'),
    ];
    const { metrics, samples: count, table, notes } = await evaluated(samples, { folds: 8, bootstrap: 100 });
    expect(count).toBe(8);
    // Of 16 pairs of pairs one is the wrong way round: 70° entails, 60° contradicts.
    expect(metrics['auroc']).toBeCloseTo(15 / 16, 12);
    expect(metrics['accuracy.best']).toBeCloseTo(7 / 8, 12);
    // Left out one by one: the others' threshold lies between 30° and 60°, or between 70° and 80° where 60° is left out.
    expect(metrics['accuracy']).toBeCloseTo(6 / 8, 12);
    expect(metrics['auroc.low']!).toBeLessThanOrEqual(metrics['auroc']!);
    expect(table!.rows.map((row) => row[1])).toEqual([4, 4]);
    expect(table!.rows[0]![2]).toBeCloseTo(
      [10, 20, 30, 70].reduce((sum, d) => sum + Math.cos((d * Math.PI) / 180), 0) / 4,
      6,
    );
    expect(notes[0]).toContain('1 of 9 rows carry none of the classes');
  });

  it('take their threshold from valid where told so', async () => {
    const valid = [pair(40, 'entailment', 'valid'), pair(50, 'contradiction', 'valid')];
    const test = [pair(44, 'entailment'), pair(46, 'contradiction'), pair(47, 'entailment')];
    const { metrics } = await evaluated([...valid, ...test], { threshold: 'valid' });
    expect(metrics['accuracy']).toBeCloseTo(2 / 3, 12);
  });

  it('need two texts', async () => {
    const lonely = { ...pair(10, 'entailment'), words: ['premise 10'] };
    await expect(evaluated([lonely])).rejects.toThrow('two texts for sample sample-0');
  });
});

describe('folds', () => {
  it('keep patients together and share the classes out', () => {
    const patients = Array.from({ length: 60 }, (_, i) => `p${i >> 1}`);
    const classes = patients.map((_, i) => Number(i >= 40));
    const fold = folded(patients, 5, 3, classes);
    for (let i = 0; i < 60; i += 2) expect(fold[i]).toBe(fold[i + 1]);
    for (let f = 0; f < 5; f++) {
      const own = classes.filter((_, i) => fold[i] === f);
      expect([own.length, own.filter(Boolean).length]).toEqual([12, 4]);
    }
    expect(folded(patients, 5, 3, classes)).toEqual(fold);
    expect(folded(patients, 5, 4, classes)).not.toEqual(fold);
  });
});
