import { describe, expect, it } from 'vitest';
import { linearProbe as entryOf, linearProbeSchema } from '../../../../src/config/evaluate.js';
import { Draws } from '../../../../src/data/draws.js';
import { linearProbe } from '../../../../src/evaluate/tasks/linear-probe.js';
import { FakeEmbedder, FakeRows, type FakeSample } from '../fakes.js';

const SIDES = { vocab: 'side', kind: 'class' as const, names: ['left', 'middle', 'right'] };
const FINDINGS = { vocab: 'finding', kind: 'finding' as const, names: ['tall', 'wide', 'never'] };

function run(options: Parameters<typeof entryOf>[0], samples: FakeSample[]) {
  const rows = new FakeRows(samples, [SIDES, FINDINGS]);
  const embedder = new FakeEmbedder(rows);
  return linearProbe(linearProbeSchema.parse(entryOf(options)), { embedder, rows, data: 'folder' });
}

/** Points with x at -10, 0, 10 by class and noise of at most 1 in both directions: any sane line tells them apart. */
function points(count: number, split: string, seed: number): FakeSample[] {
  const draws = new Draws(seed);
  return Array.from({ length: count }, (_, i) => {
    const k = i % 3;
    const x = 10 * (k - 1) + 2 * draws.next() - 1;
    const y = 2 * draws.next() - 1;
    return {
      split,
      patient: `p${i >> 1}`,
      // The third number never changes.
      image: [x, y, 5],
      labels: {
        side: SIDES.names[k]!,
        finding: {
          tall: y > 0 ? 'positive' : 'negative',
          wide: x > 5 ? 'positive' : 'negative',
          never: 'negative',
        },
      },
    };
  });
}

const all = [...points(300, 'train', 1), ...points(30, 'valid', 2), ...points(60, 'test', 3)];

describe('linear probe', () => {
  it('tells separated classes apart with every share of the labels', async () => {
    const { metrics, table, samples } = await run({ labels: 'side' }, all);
    expect(samples).toBe(60);
    expect(table!.rows.map((row) => row.slice(0, 2))).toEqual([
      ['1%', 3],
      ['10%', 30],
      ['100%', 300],
    ]);
    expect(metrics['100%.accuracy']).toBe(1);
    // Of equally good penalties on validation the strongest is kept, which may cost a sample on the border.
    expect(metrics['10%.accuracy']).toBeGreaterThanOrEqual(59 / 60);
    // Three rows, one a class, do not tell that only x matters when both are brought to one scale; left as they are, x rules.
    expect(metrics['1%.accuracy']).toBeGreaterThan(1 / 3);
    const raw = await run({ labels: 'side', standardise: false, fractions: [0.01] }, all);
    expect(raw.metrics['1%.accuracy']).toBe(1);
    expect(metrics['100%.auroc.macro']).toBe(1);
  });

  it('gives the same numbers twice, with raw features too', async () => {
    const options = { labels: 'side', standardise: false, fractions: [0.1] };
    const once = await run(options, all);
    expect(await run(options, all)).toEqual(once);
    expect(once.metrics['10%.accuracy']).toBe(1);
  });

  it('fits one classifier a finding and leaves unknown answers out', async () => {
    const unsure = all.map((sample, i) =>
      i % 7
        ? sample
        : {
            ...sample,
            labels: { finding: { ...(sample.labels!['finding'] as object), tall: 'uncertain' as const } },
          },
    );
    const { metrics, notes } = await run({ labels: 'finding', fractions: [1] }, unsure);
    expect(metrics['100%.auroc.wide']).toBe(1);
    expect(metrics['100%.auroc.tall']).toBeGreaterThan(0.98);
    expect(metrics['100%.auroc.never']).toBeUndefined();
    expect(notes.join()).toContain("finding 'never' has no AUROC");
    expect(notes.join()).toContain("finding 'never' has one kind of answer only");
  });

  it('chooses the penalty on held-out training patients where there is no split valid', async () => {
    const { notes, table } = await run(
      { labels: 'side', fractions: [1] },
      all.filter((s) => s.split !== 'valid'),
    );
    expect(notes).toEqual(["there is no split 'valid': a fifth of the training patients (30 of 150) took its place"]);
    expect(table!.rows[0]![1]).toBe(240);
  });

  it('takes the penalty that does best on validation, of equals the strongest', async () => {
    // A faint trend along the first of twelve numbers, a quarter of the training labels flipped.
    const draws = new Draws(5);
    const noisy = (n: number, flipped: number): FakeSample[] =>
      Array.from({ length: n }, () => {
        const image = Array.from({ length: 12 }, () => 2 * draws.next() - 1);
        const right = image[0]! > 0 !== draws.next() < flipped;
        return { image, labels: { side: right ? 'right' : 'left' } };
      });
    const held = noisy(200, 0.1);
    // The rows that are scored are copies of the validation rows: single-penalty runs then show what validation saw.
    const set = [
      ...noisy(40, 0.25).map((sample) => ({ ...sample, split: 'train' })),
      ...held.map((sample) => ({ ...sample, split: 'valid' })),
      ...held.map((sample) => ({ ...sample, split: 'test' })),
    ];
    const grid = [1e-3, 1e-2, 1e-1, 1, 10, 1000];
    const alone: number[] = [];
    for (const C of grid) {
      const { metrics } = await run({ labels: 'side', fractions: [1], grid: [C] }, set);
      alone.push(metrics['100%.accuracy']!);
    }
    const best = Math.max(...alone);
    expect(Math.min(...alone)).toBeLessThan(best);
    const { metrics, table } = await run({ labels: 'side', fractions: [1], grid: grid.toReversed() }, set);
    expect(metrics['100%.accuracy']).toBe(best);
    expect(table!.rows[0]![2]).toBe(grid[alone.indexOf(best)]);
  });

  it('refuses to report on rows that it learns from', async () => {
    await expect(run({ labels: 'side', split: 'valid' }, all)).rejects.toThrow("neither 'train' nor 'valid'");
  });
});
