import { expect, test } from 'vitest';
import { evenly } from '../../../datasets/ffa-ir/adapter.js';

test('frames are taken evenly, first and last among them', () => {
  const frames = Array.from({ length: 97 }, (_, i) => i);
  expect(evenly(frames, undefined)).toEqual(frames);
  expect(evenly(frames, 97)).toEqual(frames);
  expect(evenly(frames, 5)).toEqual([0, 24, 48, 72, 96]);
  expect(evenly(frames, 1)).toEqual([48]);
  const most = evenly(frames, 96);
  expect(new Set(most).size).toBe(96);
  expect(evenly([], 3)).toEqual([]);
});
