import { describe, expect, test } from 'vitest';
import { resolve } from '../../../src/config/resolve.js';
import { description } from '../../../src/native/generated.js';
import biovil from '../../../src/recipes/biovil.js';

const lengthOf = (...set: string[]) => {
  const { epochs, steps } = resolve('biovil', biovil, { parts: description, set }).train;
  return { epochs, steps };
};

describe('the length of a run', () => {
  test('is that of the recipe, or of the override, whichever of the two words it uses', () => {
    expect(lengthOf()).toEqual({ epochs: 30 });
    expect(lengthOf('train.epochs=2')).toEqual({ epochs: 2 });
    expect(lengthOf('train.steps=100')).toEqual({ steps: 100 });
    expect(biovil.train.epochs).toBe(30);
  });

  test('cannot be given twice', () => {
    expect(() => lengthOf('train.steps=100', 'train.epochs=2')).toThrow(/either epochs or steps/);
  });
});
