import { expect, test } from 'vitest';
import { orderedMap } from '../../../../src/data/prepare/ordered-map.js';

async function* numbers(count: number): AsyncGenerator<number> {
  for (let i = 0; i < count; i++) yield i;
}

test('keeps the order while later items finish first, and never runs more than its width', async () => {
  let running = 0;
  let most = 0;
  const out: number[] = [];
  for await (const value of orderedMap(numbers(40), 4, async (i) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, i % 3 === 0 ? 6 : 1));
    running--;
    return i * 2;
  })) {
    out.push(value);
  }
  expect(out).toEqual(Array.from({ length: 40 }, (_, i) => i * 2));
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(4);
});

test('a failure comes out at its place, after what stood before it', async () => {
  const out: number[] = [];
  const work = async (i: number) => {
    if (i === 3) throw new Error('three');
    return i;
  };
  await expect(async () => {
    for await (const value of orderedMap(numbers(10), 4, work)) out.push(value);
  }).rejects.toThrow('three');
  expect(out).toEqual([0, 1, 2]);
});
