import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { retrieval as entryOf, retrievalSchema } from '../../../../src/config/evaluate.js';
import { retrieval } from '../../../../src/evaluate/tasks/retrieval.js';
import { at, FakeEmbedder, FakeRows, type FakeSample } from '../fakes.js';

const SIDES = { vocab: 'side', kind: 'class' as const, names: ['low', 'high'] };

function run(options: Parameters<typeof entryOf>[0], samples: FakeSample[]) {
  const rows = new FakeRows(samples, [SIDES]);
  return retrieval(retrievalSchema.parse(entryOf(options)), {
    embedder: new FakeEmbedder(rows),
    rows,
    data: 'folder',
  });
}

// Images at 0, 10, 20, 30 degrees; texts at 1, 11, 14, 90.
const samples: FakeSample[] = [
  { image: at(0), text: at(1), words: ['one'], labels: { side: 'low' } },
  { image: at(10), text: at(11), words: ['two'], labels: { side: 'low' } },
  { image: at(20), text: at(14), words: ['three'], labels: { side: 'high' } },
  { image: at(30), text: at(90), words: ['four'], labels: { side: 'high' } },
];

describe('retrieval', () => {
  it('counts both directions', async () => {
    const { metrics, table } = await run({ at: [1, 2, 4] }, samples);
    // Image to text places: 1, 1, 1, 4 (30° lies nearer to 14, 11 and 1 than to 90).
    expect(metrics['image-to-text.recall@1']).toBe(3 / 4);
    expect(metrics['image-to-text.recall@2']).toBe(3 / 4);
    expect(metrics['image-to-text.recall@4']).toBe(1);
    expect(metrics['image-to-text.median-rank']).toBe(1);
    expect(metrics['image-to-text.mean-rank']).toBe(7 / 4);
    expect(metrics['image-to-text.mean-reciprocal-rank']).toBe(3.25 / 4);
    // Text to image places: 1, 1, 2 (14° is 4 from 10 and 6 from 20), 1.
    expect(metrics['text-to-image.recall@1']).toBe(3 / 4);
    expect(metrics['text-to-image.recall@2']).toBe(1);
    expect(table!.rows.map((row) => row[0])).toEqual(['image-to-text', 'text-to-image']);
  });

  it('reports identical texts merged beside the plain numbers', async () => {
    // A fifth sample repeats the words of the first; its image is far off.
    const twice = [...samples, { image: at(200), text: at(1), words: ['one'] }];
    const { metrics, notes } = await run({ at: [1] }, twice);
    // Plain: the fifth image's own text ties with the first's, which stands before it; both are far behind text 'four'.
    expect(metrics['image-to-text.recall@1']).toBe(3 / 5);
    expect(metrics['image-to-text.merged.recall@1']).toBe(3 / 5);
    // The text 'one' finds its best partner, the first image; four different texts ask.
    expect(metrics['text-to-image.merged.recall@1']).toBe(3 / 4);
    expect(metrics['text-to-image.recall@1']).toBe(3 / 5);
    expect(notes).toEqual(['5 samples have 4 different texts: see the merged numbers']);
  });

  it('gives precision by class', async () => {
    const { metrics, notes } = await run({ classes: 'side', precisionAt: [1, 2, 10] }, samples);
    // Two nearest texts of 0°: 1, 11 (low, low); 10°: 11, 14 (low, high); 20°: 14, 11 (high, low); 30°: 14, 11.
    expect(metrics['image-to-text.precision@2']).toBeCloseTo((1 + 0.5 + 0.5 + 0.5) / 4, 12);
    expect(metrics['image-to-text.precision@1']).toBe(1);
    expect(notes).toEqual(["precision@10 was left out: only 4 candidates carry a class of 'side'"]);
  });

  it('shows held-out pictures with their best and worst texts', async () => {
    const bytes = await sharp({ create: { width: 500, height: 300, channels: 3, background: '#888' } })
      .jpeg()
      .toBuffer();
    const picture = {
      id: 'a',
      bytes,
      codec: 'jpeg',
      height: 300,
      width: 500,
      depth: 1,
      channels: 3,
      dtype: 'uint8',
    };
    const raw = {
      ...picture,
      bytes: Uint8Array.from({ length: 12 }, (_, i) => i * 20),
      codec: 'raw',
      height: 3,
      width: 4,
      channels: 1,
    };
    const shown = samples.map((s, i) => (i === 3 ? s : { ...s, picture: i === 1 ? raw : picture }));
    const { gallery } = await run({ gallery: 10 }, shown);
    // The fourth sample has no picture in the shard.
    expect(gallery!.map((item) => item.sample).sort()).toEqual(['sample-0', 'sample-1', 'sample-2']);
    const second = gallery!.find((item) => item.sample === 'sample-1')!;
    expect(second.text).toBe('two');
    expect(second.best.map((one) => one.text)).toEqual(['two', 'three', 'one']);
    expect(second.worst[0]!.text).toBe('four');
    expect(second.best[0]!.score).toBeCloseTo(Math.cos(Math.PI / 180), 6);
    const url = gallery!.find((item) => item.sample === 'sample-0')!.image;
    expect(url.startsWith('data:image/jpeg;base64,')).toBe(true);
    const decoded = await sharp(Buffer.from(url.split(',')[1]!, 'base64')).metadata();
    expect([decoded.width, decoded.height]).toEqual([224, 134]);
  });

  it('names the widths that do not fit', async () => {
    await expect(run({}, [{ image: [1, 0, 0], text: [1, 0], words: ['x'] }])).rejects.toThrow('3 and 2');
  });
});
