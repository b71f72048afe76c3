import { describe, expect, it } from 'vitest';
import { evaluationSchema, type SegmentationProbeEntry, segmentationProbe } from '../../../../src/config/evaluate.js';
import { Draws } from '../../../../src/data/draws.js';
import type { Embedder } from '../../../../src/evaluate/embedder.js';
import { spread } from '../../../../src/evaluate/maps/heat-map.js';
import { diceLoss, type Segmented, segmentationMap } from '../../../../src/evaluate/probes/patch-segmenter.js';
import { segmentationProbe as run } from '../../../../src/evaluate/tasks/segmentation-probe.js';
import { FakeRows, type FakeSample } from '../fakes.js';

const draws = new Draws(4);
const random = (count: number) => Float32Array.from({ length: count }, () => 2 * draws.next() - 1);

describe('the segmenter', () => {
  const shape = { side: 3, size: 8 };
  const data: Segmented = {
    patches: { data: random(2 * 9 * 2), rows: 2, width: 18 },
    masks: [0, 1].map((n) => Uint8Array.from({ length: 64 }, (_, i) => Number(i % 8 > 3 + n && i > 20))),
  };
  const weights = Float64Array.of(0.7, -0.4, 0.2);
  const rows = Uint32Array.of(0, 1);

  it('has the loss of its definition on enlarged logits', () => {
    let [both, called, truth] = [0, 0, 0];
    for (const row of rows) {
      const grid = Float32Array.from({ length: 9 }, (_, c) => {
        const at = row * 18 + 2 * c;
        return weights[0]! * data.patches.data[at]! + weights[1]! * data.patches.data[at + 1]! + weights[2]!;
      });
      const { values } = spread(grid, 3, { height: 8, width: 8 }, { top: 0, left: 0, height: 8, width: 8 }, 'bilinear');
      const own = segmentationMap(data.patches, row, weights, shape);
      for (const [i, value] of values.entries()) {
        expect(own[i]).toBeCloseTo(value, 5);
        const p = 1 / (1 + Math.exp(-value));
        both += p * data.masks[row]![i]!;
        called += p;
        truth += data.masks[row]![i]!;
      }
    }
    expect(diceLoss(data, rows, weights, shape)).toBeCloseTo(1 - (2 * both + 1) / (called + truth + 1), 6);
  });

  it('has the gradient that differences have', () => {
    const gradient = new Float64Array(3);
    diceLoss(data, rows, weights, shape, gradient);
    for (let d = 0; d < 3; d++) {
      const moved = (by: number) => {
        const other = weights.slice();
        other[d]! += by;
        return diceLoss(data, rows, other, shape);
      };
      expect(gradient[d]).toBeCloseTo((moved(1e-3) - moved(-1e-3)) / 2e-3, 4);
    }
  });
});

describe('the segmentation probe', () => {
  // Grids of 4 × 4 patches over 16 × 16 pixels; the first number of a patch says whether a box covers it.
  const grids = Array.from({ length: 60 }, () => {
    const [x, y] = [draws.below(3), draws.below(3)];
    return { box: draws.next() < 0.8 ? [x, y, x + 2, y + 2] : undefined };
  });
  const samples = grids.map(
    ({ box }, i): FakeSample => ({
      split: i < 40 ? 'train' : i < 50 ? 'valid' : 'test',
      patient: `p${i}`,
      sizes: [{ height: 16, width: 16, source: { height: 16, width: 16 } }],
      regions: box
        ? [{ image: 0, text: undefined, kind: 'box', label: 'Opacity', coords: box.map((v) => 4 * v), runs: [] }]
        : [],
    }),
  );
  const rows = new FakeRows(samples);
  const told =
    (strength: number): Embedder['embed'] =>
    async ({ rows: wanted, features }) => ({
      features: {
        [features[0]!]: {
          data: Float32Array.from(
            Array.from(wanted, (row) =>
              Array.from({ length: 16 }, (_, c) => {
                const box = grids[row]!.box;
                const inside = box && c % 4 >= box[0]! && c % 4 < box[2]! && c >> 2 >= box[1]! && c >> 2 < box[3]!;
                return [strength * Number(inside ?? false), 2 * draws.next() - 1];
              }).flat(),
            ).flat(),
          ),
          rows: wanted.length,
          width: 32,
          shape: [16, 2],
        },
      },
      present: new Uint8Array(wanted.length).fill(1),
    });
  const probe = (strength: number, options: Partial<Parameters<typeof segmentationProbe>[0]> = {}) =>
    run(
      evaluationSchema.parse(
        segmentationProbe({ lr: 0.3, batch: 8, fractions: [0.5, 1], ...options }),
      ) as SegmentationProbeEntry,
      {
        rows,
        data: 'fake',
        inputs: { image: { input: 'image', options: { size: 16 } } },
        embedder: { embed: told(strength), ranks: () => Promise.reject(new Error('not asked for')) },
      },
    );

  it('finds boxes that the patches tell of', async () => {
    const { metrics, samples: count, table } = await probe(1, { bootstrap: 20 });
    expect(count).toBe(10);
    expect(metrics['100%.dice']!).toBeGreaterThan(0.85);
    expect(metrics['50%.dice']!).toBeGreaterThan(0.8);
    expect(metrics['100%.dice.all']!).toBeGreaterThan(0.8);
    expect(metrics['100%.dice.low']!).toBeLessThanOrEqual(metrics['100%.dice']!);
    expect(table!.rows.map((row) => row.slice(0, 2))).toEqual([['50%', 20], ['100%', 40]]); // biome-ignore format: one line
  });

  it('finds nothing where they say nothing, nor regions of another label', async () => {
    expect((await probe(0)).metrics['100%.dice']!).toBeLessThan(0.7);
    const { metrics } = await probe(1, { regions: ['Mass'] });
    expect(metrics['100%.dice']).toBeUndefined();
    expect(metrics['100%.dice.all']).toBeGreaterThanOrEqual(0);
  });

  it('is not measured on what it learns from', async () => {
    await expect(probe(1, { split: 'train' })).rejects.toThrow("neither 'train' nor 'valid'");
  });
});
