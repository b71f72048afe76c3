import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Recipe, recipe, shared } from '../../src/config/recipe.js';
import { prepare } from '../../src/data/prepare.js';
import { array, globalContrast, image, linearProjection } from '../../src/native/generated.js';
import { train } from '../../src/train/train.js';
import { compile, temporary, tinyRecipe } from './tiny.js';

// What an adapter writes about the study before, and about triplets, is what training reads: columns that are empty in most rows.

let folder: string;
beforeAll(async () => {
  compile();
  folder = temporary();
  await prepare({
    dataset: 'mimic-cxr-jpg',
    from: join(folder, 'raw'),
    to: join(folder, 'data'),
    size: 40,
    tokenizer: 'train:200',
    synthetic: true,
    triplets: 'rules',
    adapter: { priors: 'images' },
  }).done;
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a run reads the pictures of the study before and the triplets of a report', async () => {
  const small = { size: 32, channels: 1 } as const;
  const withPriors: Recipe = recipe({
    ...tinyRecipe,
    data: {
      image: image(small),
      text: tinyRecipe.data['text']!,
      prior: image({ ...small, column: 'prior_images', projections: ['PA', 'AP'] }),
      triplets: array({ column: 'triplets', shape: [51, 75], dtype: 'int64' }),
    },
    encoders: { ...tinyRecipe.encoders, prior: shared('image') },
    // The pictures of both studies of a pair are asked for: rows without an earlier one take no part in the second contrast.
    objectives: [globalContrast(), globalContrast({ columns: 'prior.global' }, { name: 'over-time' })],
    heads: [...tinyRecipe.heads!, linearProjection({ from: 'prior.global', inputWidth: 64, outputWidth: 32 })],
    evaluate: [],
  });
  const losses: Record<string, number>[] = [];
  const run = train({
    recipe: withPriors,
    data: join(folder, 'data'),
    run: join(folder, 'run'),
    set: ['train.batch=2', 'train.steps=4'],
  });
  for await (const event of run) if (event.type === 'step') losses.push(event.losses);
  const { rejected } = await run.done;
  expect(rejected).toBe(0);
  expect(losses).toHaveLength(4);
  expect(Object.keys(losses[0]!).some((name) => name.startsWith('over-time'))).toBe(true);
  for (const loss of losses) for (const value of Object.values(loss)) expect(Number.isFinite(value)).toBe(true);
});
