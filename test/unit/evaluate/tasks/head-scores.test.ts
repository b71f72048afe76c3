import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { evaluationSchema, type HeadScoresEntry, headScores } from '../../../../src/config/evaluate.js';
import { headScores as run } from '../../../../src/evaluate/tasks/head-scores.js';
import { FakeEmbedder, FakeRows, type FakeSample } from '../fakes.js';

interface Fixture {
  medklip: { logits: number[][]; truth: number[][]; auroc: number; f1: number; accuracy: number; thresholds: number[] };
}
const { medklip }: Fixture = JSON.parse(
  readFileSync(new URL('../../../fixtures/evaluate/protocols.json', import.meta.url), 'utf8'),
);
const names = ['Edema', 'Mass', 'Hernia'];
const states = (truth: number[]) => Object.fromEntries(names.map((name, k) => [name, truth[k] ? 'positive' : 'negative'] as const)); // biome-ignore format: one line
/** Queries 0 and 2 to 4, of two logits each; number 1 is of no finding. */
const queries = { Edema: 0, Mass: 2, Hernia: 3 };
const outputs = ([a, b, c]: number[]) => [0, a!, 9, -9, 1, 1 + b!, -c!, 0];

const samples = (split: string): FakeSample[] =>
  medklip.logits.map((logits, i) => ({
    split,
    image: outputs(logits),
    labels: { finding: states(medklip.truth[i]!) },
  }));
const rowsOf = (all: FakeSample[]) => new FakeRows(all, [{ vocab: 'finding', kind: 'finding', names }]);
const evaluated = (options: Partial<Parameters<typeof headScores>[0]>, rows = rowsOf(samples('test'))) =>
  run(
    evaluationSchema.parse(
      headScores({ labels: 'finding', features: 'image.exist', queries, ...options }),
    ) as HeadScoresEntry,
    { rows, data: 'fake', embedder: new FakeEmbedder(rows) },
  );

describe('scores of a head', () => {
  it("give MedKLIP's numbers by MedKLIP's rule, against scikit-learn", async () => {
    const { metrics, samples: count, table, notes } = await evaluated({ threshold: 'best-f1-of-reported' });
    expect(count).toBe(medklip.logits.length);
    expect(metrics['auroc.macro']).toBeCloseTo(medklip.auroc, 6);
    expect(metrics['f1.macro']).toBeCloseTo(medklip.f1, 6);
    expect(metrics['accuracy.macro']).toBeCloseTo(medklip.accuracy, 12);
    for (const [k, row] of table!.rows.entries()) expect(row.at(-1)).toBeCloseTo(medklip.thresholds[k]!, 6);
    expect(notes).toContain(
      'thresholds were chosen on the reported rows themselves: F1 and accuracy flatter the model',
    );
  });

  it('take thresholds from valid, where at or above says yes', async () => {
    const both = rowsOf([...samples('test'), ...samples('valid')]);
    const { metrics, notes } = await evaluated({ threshold: 'best-f1' }, both);
    expect(metrics['f1.macro']).toBeCloseTo(medklip.f1, 6);
    expect(metrics['accuracy.macro']).not.toBeCloseTo(medklip.accuracy, 6);
    expect(notes).toEqual([]);
  });

  it('are sigmoids of single logits, too', async () => {
    const rows = rowsOf([
      { image: [2, -1], labels: { finding: { Edema: 'positive', Mass: 'positive' } } },
      { image: [-2, -2], labels: { finding: { Edema: 'negative', Mass: 'negative' } } },
    ]);
    const single = { activation: 'sigmoid' as const, queries: { Edema: 0, Mass: 1 } };
    const { metrics, table } = await evaluated(single, rows);
    expect(metrics['auroc.macro']).toBe(1);
    expect(table!.rows.map((row) => row[5])).toEqual([1, 0]);
    await expect(evaluated({ ...single, queries: { Edema: 2 } }, rows)).rejects.toThrow('at least 3 queries');
  });
});
