import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import {
  evaluationSchema,
  type GroundingEntry,
  grounding,
  type PointingGameEntry,
  pointingGame,
} from '../../../../src/config/evaluate.js';
import type { Embedder } from '../../../../src/evaluate/embedder.js';
import { inputGeometry, seenWindow, smoothed, spread } from '../../../../src/evaluate/maps/heat-map.js';
import { maskOfInput, regionMask } from '../../../../src/evaluate/maps/region-mask.js';
import { contrastToNoise } from '../../../../src/evaluate/metrics/contrast-to-noise.js';
import type { StoredRegion } from '../../../../src/evaluate/rows.js';
import type { TaskContext } from '../../../../src/evaluate/task.js';
import { grounding as runGrounding } from '../../../../src/evaluate/tasks/grounding.js';
import { pointingGame as runPointing } from '../../../../src/evaluate/tasks/pointing-game.js';
import { FakeRows, type FakeSample } from '../fakes.js';

const box = (coords: number[], label = 'Opacity'): StoredRegion => ({
  image: 0,
  text: 0,
  kind: 'box',
  label,
  coords,
  runs: [],
});
const sizes = (height: number, width: number, scale = 1) => [
  { height, width, source: { height: height * scale, width: width * scale } },
];

/** u(0 … count − 1) of a name: the portable filler of the golden numbers. */
function filler(name: string, count: number): Float64Array {
  let seed = 2166136261;
  for (const byte of Buffer.from(name)) seed = Math.imul(seed ^ byte, 16777619) >>> 0;
  return Float64Array.from({ length: count }, (_, j) => {
    let x = (Math.imul(j, 2654435761) + seed) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 2246822519) >>> 0;
    x = Math.imul(x ^ (x >>> 13), 3266489917) >>> 0;
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
  });
}
function unitRows(values: Float64Array, width: number): Float64Array {
  const out = Float64Array.from(values, (value) => 2 * value - 1);
  for (let at = 0; at < out.length; at += width) {
    const length = Math.hypot(...out.subarray(at, at + width));
    for (let d = at; d < at + width; d++) out[d]! /= length;
  }
  return out;
}

describe("BioViL's map, against the numbers of the official inference code", () => {
  const patches = unitRows(filler('patches', 15 * 15 * 128), 128);
  const text = unitRows(filler('text', 128), 128);
  const grid = Float32Array.from({ length: 225 }, (_, n) => {
    let sum = 0;
    for (let d = 0; d < 128; d++) sum += patches[n * 128 + d]! * text[d]!;
    return sum;
  });
  const smooth = smoothed(grid, 15, 1.5);
  const picture = { height: 501, width: 600 };
  const window = seenWindow(picture, inputGeometry({ size: 480, resize: 512 }));

  it('before and after smoothing', () => {
    for (const [n, raw, after] of [
      [0, -0.0841008, 0.011562],
      [7 * 15 + 7, 0.130756, 0.00755442],
      [224, 0.0326655, -0.00862038],
    ] as const) {
      expect(grid[n]).toBeCloseTo(raw, 6);
      expect(smooth[n]).toBeCloseTo(after, 7);
    }
  });
  it('over the pixels of the file', () => {
    expect(window).toEqual({ top: 16, left: 65, height: 469, width: 469 });
    for (const [way, ...wanted] of [
      ['nearest', 0.0322951, 0.00755442, 0.00856308],
      ['bilinear', 0.0304272, 0.00725697, 0.00871021],
    ] as const) {
      const { values } = spread(smooth, 15, picture, window, way);
      for (const [i, [y, x]] of ([[100, 200], [250, 300], [400, 480]] as const).entries()) // biome-ignore format: one line
        expect(values[y * 600 + x], `${way} ${y},${x}`).toBeCloseTo(wanted[i]!, 6);
      expect([values[15 * 600 + 200], values[485 * 600 + 200], values[200 * 600 + 64], values[200 * 600 + 534]]).toEqual([NaN, NaN, NaN, NaN]); // biome-ignore format: one line
      expect(Number.isNaN(values[484 * 600 + 533])).toBe(false);
    }
  });
  it('and its contrast to noise', () => {
    const { values } = spread(smooth, 15, picture, window, 'bilinear');
    const truth = regionMask([box([150, 120, 330, 260])], sizes(501, 600)[0]!, 's');
    expect(contrastToNoise(values, truth)).toBeCloseTo(0.198994, 5);
  });
});

describe('regions as masks', () => {
  const drawn = (regions: StoredRegion[], height: number, width: number, scale = 1) => {
    const mask = regionMask(regions, sizes(height, width, scale)[0]!, 's');
    return Array.from({ length: height * scale }, (_, y) =>
      mask.subarray(y * width * scale, (y + 1) * width * scale).join(''),
    );
  };
  it('are the union of boxes, half-open and cut at the border', () => {
    expect(drawn([box([1, 0, 3, 2]), box([2, 1, 9, 3])], 3, 4)).toEqual(['0110', '0111', '0011']);
  });
  it('stand in pixels of the source', () => {
    expect(drawn([box([0.5, 0, 1, 1.5])], 2, 2, 2)).toEqual(['0100', '0100', '0100', '0000']);
  });
  it('take polygons by the centres of pixels, and runs', () => {
    expect(drawn([{ ...box([0, 0, 4, 0, 0, 4]), kind: 'polygon' }], 4, 4)).toEqual(['1110', '1100', '1000', '0000']);
    expect(drawn([{ ...box([]), kind: 'rle', runs: [1, 2, 4, 1] }], 2, 3)).toEqual(['011', '010']);
  });
  it('are sampled at the pixels of the input', () => {
    const mask = Uint8Array.from([0, 1, 1, 0, 0, 0, 1, 0]);
    expect([...maskOfInput(mask, { height: 2, width: 4 }, { top: 0, left: 1, height: 2, width: 2 }, 2)]).toEqual([
      1, 1, 0, 1,
    ]);
  });
  it('end with a sentence where they are none', () => {
    expect(() => drawn([box([1, 2])], 3, 3)).toThrow('sample s');
    expect(() => drawn([{ ...box([]), kind: 'ellipse' }], 3, 3)).toThrow("'ellipse'");
    expect(() => drawn([{ ...box([]), kind: 'rle', runs: [5, 9] }], 3, 3)).toThrow('runs inside 9 pixels');
  });
});

/**
 * Pictures of 4 × 4 pixels seen whole, in a grid of 2 × 2 patches; a patch is the vector (cosine, sine), the phrase (1, 0): the map is
 * the first number of each patch, enlarged without interpolation.
 */
const cosines: Record<number, number[]> = {
  0: [0.9, 0.7, 0.1, -0.1],
  1: [-0.6, -0.8, 0.2, 0.4],
  2: [0.5, 0.5, 0.5, 0.5],
};
const samples: FakeSample[] = [
  { words: ['opacity'], regions: [box([0, 0, 4, 2])], sizes: sizes(4, 4) },
  { words: ['effusion'], regions: [box([0, 0, 2, 2], 'Effusion'), box([2, 0, 4, 2], 'Effusion')], sizes: sizes(4, 4) },
];
const contextOf = (rows: FakeRows): TaskContext => ({
  rows,
  data: 'fake',
  inputs: { image: { input: 'image', options: { size: 4, resize: 4 } } },
  embedder: {
    embed: async ({ data, rows: wanted, features }) => {
      const vectors = Array.from(wanted, (row) =>
        data.kind === 'texts'
          ? [1, 0]
          : features[0] === 'image.attention'
            ? [...cosines[2]!, ...cosines[row]!]
            : cosines[row]!.flatMap((c) => [2 * c, 2 * Math.sqrt(1 - c * c)]),
      );
      const shape = data.kind === 'texts' ? [2] : features[0] === 'image.attention' ? [2, 4] : [4, 2];
      return {
        features: {
          [features[0]!]: {
            data: Float32Array.from(vectors.flat()),
            rows: wanted.length,
            width: vectors[0]!.length,
            shape,
          },
        },
        present: new Uint8Array(wanted.length).fill(1),
      };
    },
    ranks: (() => {
      throw new Error('not asked for');
    }) as Embedder['ranks'],
  },
});
const groundingOf = (options: Parameters<typeof grounding>[0], rows = new FakeRows(samples)) =>
  runGrounding(
    evaluationSchema.parse(grounding({ interpolation: 'nearest', ...options })) as GroundingEntry,
    contextOf(rows),
  );

describe('grounding of maps that are known', () => {
  it('gives their CNR and overlap', async () => {
    const { metrics, samples: count, table } = await groundingOf({ calledAbove: 0.3 });
    // First: inside 0.8 ± 0.1, outside 0 ± 0.1. Second: inside -0.7 ± 0.1, outside 0.3 ± 0.1.
    const first = 0.8 / Math.sqrt(0.02);
    const second = -1 / Math.sqrt(0.02);
    expect(count).toBe(2);
    expect(metrics['cnr.Opacity']).toBeCloseTo(first, 5);
    expect(metrics['cnr.Effusion']).toBeCloseTo(-second, 5);
    expect(metrics['cnr']).toBeCloseTo((first - second) / 2, 5);
    expect(metrics['cnr.signed']).toBeCloseTo((first + second) / 2, 5);
    // First: overlap 1 at all five thresholds (a cosine of 0.1 in single precision may lie on either side of 0.1). Second: none.
    expect(metrics['miou.Opacity']).toBeGreaterThan((2 / 3 + 4) / 5 - 1e-9);
    expect(metrics['miou.Effusion']).toBe(0);
    expect(metrics).toMatchObject({ iou: 0.5, dice: 0.5, 'pixel-recall': 0.5, 'pixel-precision': 0.5 });
    expect(table!.rows.map((row) => row.slice(0, 2))).toEqual([['Effusion', 1], ['Opacity', 1]]); // biome-ignore format: one line
  });

  it('reads attention of the query of a label', async () => {
    const maps = { of: 'attention', feature: 'image.attention', queries: { Opacity: 1 } } as const;
    const { metrics, notes } = await groundingOf({ maps, pixels: 'input' });
    expect(metrics['cnr']).toBeCloseTo(0.8 / Math.sqrt(0.02), 5);
    expect(notes.join()).toContain('1 groups of regions have a label without a query');
  });

  it('asks words for regions that no text speaks of', async () => {
    const bare = new FakeRows([
      { regions: [{ ...box([0, 0, 4, 2], 'Pneumonia'), text: undefined }], sizes: sizes(4, 4) },
    ]);
    await expect(groundingOf({}, bare)).rejects.toThrow('at least one region with words or a query');
    const maps = { of: 'similarity', words: { Pneumonia: 'findings of pneumonia' } } as const;
    expect((await groundingOf({ maps }, bare)).metrics['cnr.Pneumonia']).toBeCloseTo(0.8 / Math.sqrt(0.02), 5);
  });

  it('says which phrases have no value, and draws pictures', async () => {
    const flat = new FakeRows([...samples, { words: ['opacity'], regions: [box([0, 0, 4, 2])], sizes: sizes(4, 4) }]);
    const bytes = new Uint8Array(16).fill(90);
    for (const sample of flat.samples) {
      sample.picture = { id: 'i', bytes, codec: 'raw', height: 4, width: 4, depth: 1, channels: 1, dtype: 'uint8' };
    }
    const { metrics, notes, gallery } = await groundingOf({ gallery: 2, bootstrap: 200 }, flat);
    expect(notes.join()).toContain('1 of 3 phrases have no CNR');
    expect(metrics['cnr.low']!).toBeLessThanOrEqual(metrics['cnr']!);
    expect(metrics['cnr.high']!).toBeGreaterThanOrEqual(metrics['cnr']!);
    expect(gallery).toHaveLength(2);
    expect(gallery![0]!.text).toMatch(/^Opacity: opacity \(CNR 5\.657\)$/);
    const drawn = sharp(Buffer.from(gallery![0]!.image.split(',')[1]!, 'base64'));
    const { data, info } = await drawn.raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([4, 4, 3]);
    // The lower right patch is the coldest: grey as it was, within what JPEG keeps.
    expect(Math.abs(data[3 * 15]! - 90)).toBeLessThan(40);
  });
});

describe('the pointing game', () => {
  const play = (options: Parameters<typeof pointingGame>[0], rows = new FakeRows(samples)) =>
    runPointing(
      evaluationSchema.parse(pointingGame({ interpolation: 'nearest', ...options })) as PointingGameEntry,
      contextOf(rows),
    );
  it('counts maps that are highest inside their regions', async () => {
    const { metrics, table } = await play({});
    expect(metrics).toEqual({ hits: 0.5, 'hits.macro': 0.5 });
    expect(table!.rows).toEqual([['Effusion', 1, 0], ['Opacity', 1, 1]]); // biome-ignore format: one line
  });
  it('takes any pixel of a tie where told so', async () => {
    const flat = new FakeRows([{}, {}, { words: ['opacity'], regions: [box([2, 2, 4, 4])], sizes: sizes(4, 4) }]);
    expect((await play({ ties: 'first' }, flat)).metrics['hits']).toBe(0);
    expect((await play({ ties: 'any' }, flat)).metrics['hits']).toBe(1);
  });
});
