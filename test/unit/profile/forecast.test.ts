import { describe, expect, test } from 'vitest';
import { resolve } from '../../../src/config/resolve.js';
import { description } from '../../../src/native/generated.js';
import { Cost } from '../../../src/profile/cost.js';
import type { Counted, PartWork } from '../../../src/profile/counted.js';
import { forecast, ringBytes, timeOf } from '../../../src/profile/forecast.js';
import { forecastPage } from '../../../src/profile/forecast-page.js';
import { forecastText } from '../../../src/profile/forecast-text.js';
import { hardwareFrom } from '../../../src/profile/hardware.js';
import { worldsUpTo } from '../../../src/profile/pretend.js';
import { tinyRecipe } from '../../integration/tiny.js';

const GB = 1e9;

/** Round numbers, so that every figure of the forecast can be had by hand. */
function costOf(set: string[] = []): Cost {
  const config = resolve('tiny', tinyRecipe, {
    parts: description,
    set: ['train.batch=64', ...set],
    tokenizer: { vocabularySize: 10, startId: 1, endId: 2, padId: 0, maskId: 3, unknownId: 4 },
  });
  const work = (forward: number, backward = 2 * forward, again = 0): PartWork => ({ forward, backward, again });
  const tower = (batch: number, world: number) => ({
    batch,
    world,
    parts: { 'encoders.image': work(1e12 * batch) },
    collectives: world === 1 ? [] : [{ part: 'encoders.image', kind: 'all-gather', calls: 4, bytes: 800 }],
    forwardCollectives: world === 1 ? [] : [{ part: 'encoders.image', kind: 'all-gather', calls: 4, bytes: 800 }],
    memory: Object.fromEntries(
      [64, 32, 16, 8].map((share) => [
        share,
        { held: share * GB, alone: share * GB + 2 * GB, besideGradients: share * GB + GB, followed: true },
      ]),
    ),
  });
  const loss = (batch: number, world: number) => ({
    batch,
    world,
    parts: {
      'objectives.o': work(100 * batch * batch * world, 200 * batch * batch * world, 100 * batch * batch * world),
    },
    collectives: world === 1 ? [] : [{ part: 'features', kind: 'all-gather', calls: 2, bytes: 1000 * batch }],
    memory: 1e6 * batch * world,
  });
  const counted: Counted = {
    fields: 1000,
    inputs: 5,
    rejects: [],
    state: { parameters: 4 * GB, buffers: 0, trainable: 4 * GB, tensors: 100, owners: 3 },
    towers: [tower(2, 1), tower(3, 1), tower(2, 2), tower(3, 2)],
    loss: [
      ...[2, 3, 4, 6].map((b) => loss(b, 1)),
      ...[2, 3, 4].flatMap((world) => [1, 2, 3].map((b) => loss(b, world))),
    ],
  };
  return new Cost(config, counted);
}

describe('cost', () => {
  test('operations: a rank computes its share of the towers and its rows of the loss; the model counts once', () => {
    const four = costOf().of(4);
    expect(four.share).toBe(16);
    expect(four.parts['encoders.image']).toEqual({ forward: 16e12, backward: 32e12, again: 0 });
    expect(four.parts['objectives.o']!.forward).toBeCloseTo(100 * 16 * 64, 3);
    expect(four.modelFlops / (3e12 * 64 + 300 * 64 * 64)).toBeCloseTo(1, 12);
    expect(four.rankFlops / (3e12 * 16 + 400 * 16 * 64)).toBeCloseTo(1, 12);
  });

  test('gradient caching runs the towers forward twice, and keeps the activations of a piece', () => {
    const [whole, pieces] = [costOf().of(2), costOf(['train.accumulate=4']).of(2)];
    expect(pieces.parts['encoders.image']!.again).toBe(whole.parts['encoders.image']!.forward);
    expect(pieces.modelFlops).toBe(whole.modelFlops);
    expect(pieces.memory.activations).toBe(8 * GB);
    const statistics = pieces.traffic.find(({ kind }) => kind === 'all-gather')!;
    expect(statistics.calls).toBe(4 * 4 * 2); // calls of a pass, pieces, passes
  });

  test('memory: weights, gradients, moments, averages, and the worst moment', () => {
    const { memory } = costOf().of(1);
    const always = 4 * GB + 8 * GB + 4 * GB + 64_000; // weights, Adam's two moments, the average (ema), the batch
    expect(memory.peak).toBeCloseTo(always + 66 * GB, -3);
    const shared = costOf().of(2).memory;
    expect(shared.peak).toBeCloseTo(always - 32_000 + 4 * GB + 33 * GB, -3);
    expect(costOf(['optimise.sharded=true']).of(4).memory.optimiser).toBe(2 * GB);
  });

  test('what is sent whatever the samples', () => {
    const sent = (set: string[]) =>
      Object.fromEntries(
        costOf(set)
          .of(4)
          .traffic.map((one) => [one.purpose, [one.kind, one.bytes]]),
      );
    expect(sent([])).toMatchObject({
      gradients: ['all-reduce', 4 * GB],
      'parameters reached': ['all-reduce', 400],
      'lengths of texts': ['all-reduce', 40],
      'agreement to stop or save': ['all-reduce', 16],
      'features of all ranks': ['all-gather', 16_000],
    });
    expect(sent(['train.gradientCompression=bf16'])).toMatchObject({ gradients: ['all-reduce', 2 * GB] });
    expect(sent(['optimise.sharded=true'])).toMatchObject({
      gradients: ['all-to-all', 4 * GB],
      'updated parameters': ['broadcast', 4 * GB],
    });
    expect(costOf().of(1).traffic).toEqual([]);
  });

  test('a batch that the ranks cannot share is refused', () => {
    expect(() => costOf().of(7)).toThrow('expected a multiple of the world size 7 for train.batch but got 64');
  });
});

describe('time', () => {
  const hardware = hardwareFrom({ peakTflops: 100, utilisation: 0.5, cardsPerMachine: 2, linkGbps: 80, memoryGib: 64 });

  test('arithmetic, update and what the backward does not hide', () => {
    const cost = costOf().of(4);
    const time = timeOf(cost, { precision: 'fp32', sharded: false }, hardware);
    expect(time.arithmetic).toBeCloseTo(48 / 50, 6);
    // Read and write of weights, moments and average, and the gradient's read, at 3.35 TB/s.
    expect(time.optimiser).toBeCloseTo((3 * 4 + 2 * 8 + 3 * 4) / 3350, 6);
    // Gradients: 2·3/4 of 4 GB over 10 GB/s = 0.6 s, behind a backward of 0.64 s but for the last of their buckets.
    expect(time.communication).toBeGreaterThan(0.6);
    expect(time.exposed).toBeLessThan(0.02);
    expect(time.total).toBeCloseTo(time.arithmetic + time.optimiser + time.exposed, 12);
    const slow = timeOf(cost, { precision: 'fp32', sharded: false }, { ...hardware, machineLink: 1e9 });
    expect(slow.exposed).toBeGreaterThan(6 - 0.64);
  });

  test('bytes on a link of the ring', () => {
    expect(ringBytes({ kind: 'all-reduce', bytes: 800 }, 4)).toBe(1200);
    expect(ringBytes({ kind: 'all-gather', bytes: 100 }, 4)).toBe(300);
    expect(ringBytes({ kind: 'reduce-scatter', bytes: 800 }, 4)).toBe(600);
    expect(ringBytes({ kind: 'all-to-all', bytes: 800 }, 4)).toBe(600);
    expect(ringBytes({ kind: 'broadcast', bytes: 800 }, 4)).toBe(800);
  });

  const told = forecast(costOf(), [1, 2, 4, 8], hardware, {
    recipe: 'tiny <b>',
    data: { folder: 'data', name: 'made', training: 640 },
    steps: 100,
    stepsPerEpoch: 10,
  });

  test('worlds: efficiency, what fits, how long the run takes', () => {
    expect(told.worlds[0]).toMatchObject({ world: 1, efficiency: 1, machines: 1, fits: false });
    expect(told.worlds[2]).toMatchObject({ world: 4, machines: 2, fits: true });
    for (const world of told.worlds) {
      expect(world.efficiency).toBeLessThanOrEqual(1);
      expect(world.mfu).toBeLessThanOrEqual(0.5);
      expect(world.run).toBeCloseTo(100 * world.time.total, 9);
    }
    expect(worldsUpTo(12)).toEqual([1, 2, 4, 8, 12]);
  });

  test('tables and page', () => {
    const text = forecastText(told);
    expect(text).toContain('! more than the 68.72 GB of a card');
    expect(text).toMatch(/encoders\.image +24\.0 T/);
    expect(text).toMatch(/network of a machine +80 Gbit\/s +given/);
    const page = forecastPage(told);
    expect(page).toContain('tiny &#60;b&#62; on 8 cards');
    expect(page).toContain('1,000,000,000,000·b');
    expect(page).not.toMatch(/(src|href)="(?!#)/);
  });
});

describe('hardware', () => {
  test('every figure says what it stands on', () => {
    const { assumptions } = hardwareFrom({ card: 'a100-80', linkGbps: 200 });
    const standing = Object.fromEntries(assumptions.map(({ what, standing }) => [what, standing]));
    expect(standing).toMatchObject({
      card: 'given',
      'peak of a card': 'published',
      'network of a machine': 'given',
      'share of the peak that arithmetic reaches': 'assumed',
    });
    for (const { standing, source } of assumptions) expect(standing === 'published').toBe(source !== undefined);
    const own = hardwareFrom({ peakTflops: 5, memoryGib: 16 }).assumptions;
    expect(own.filter(({ standing }) => standing === 'published')).toEqual([]);
  });

  test.each([
    [{ card: 'b999' }, 'for --card but got'],
    [{ utilisation: 2 }, 'expected at most 1 for --utilisation but got 2'],
    [{ linkGbps: 0 }, 'expected a number above 0 for --link-gbps but got 0'],
    [{ peakTflops: Number.NaN }, 'for --peak-tflops'],
  ])('%j is refused', (options, message) => expect(() => hardwareFrom(options)).toThrow(message));
});
