import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { featuresAsked } from '../../src/config/evaluate.js';
import type { Recipe } from '../../src/config/recipe.js';
import { resolve } from '../../src/config/resolve.js';
import type { ResolvedConfig } from '../../src/config/schema.js';
import type { ArrayDescription, DatasetAdapter, SourceRow, TextKind } from '../../src/data/adapter.js';
import { prepareFrom } from '../../src/data/prepare.js';
import { description } from '../../src/native/generated.js';
import { hardwareFrom } from '../../src/profile/hardware.js';
import { pretend } from '../../src/profile/pretend.js';
import { train } from '../../src/train/train.js';
import { checkpointOf, compile, gadolinium, readTensors } from '../integration/tiny.js';
import { SIDE, shrunk } from './shrink.js';

// What must hold of every shipped recipe, also of those that are not written yet.

const sources = fileURLToPath(new URL('../../src/recipes/', import.meta.url));
const names = readdirSync(sources)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3));
let folder: string;

beforeAll(() => {
  compile();
  folder = mkdtempSync(join(tmpdir(), 'gadolinium-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('there are recipes, and the command lists them all', async () => {
  expect(names.length).toBeGreaterThan(3);
  const { code, stdout } = await gadolinium('recipes', '--json').ended;
  expect(code).toBe(0);
  const listed = JSON.parse(stdout) as { name: string; title: string }[];
  expect(listed.map(({ name }) => name)).toEqual([...names].sort());
  for (const { title } of listed) expect(title).toMatch(/\w/);
});

describe.each(names)('%s', (name) => {
  let recipe: Recipe;
  let config: ResolvedConfig;
  let data: string;

  beforeAll(async () => {
    recipe = ((await import(join(sources, `${name}.ts`))) as { default: Recipe }).default;
    config = resolve(name, recipe, { parts: description });
    data = join(folder, name);
    mkdirSync(data);
    await prepareFrom(adapterFor(config), folder, { from: folder, to: data, size: SIDE + 8, tokenizer: 'train:300' })
      .done;
  });

  test('says where it comes from', () => {
    expect(recipe.title).toMatch(/\w/);
    expect(recipe.source).toMatch(/\w/);
    expect(recipe.survey).toMatchObject({ family: expect.any(String), domain: expect.any(String) });
  });

  test('prints as the configuration that it resolves to', async () => {
    const { code, stdout } = await gadolinium('recipes', name).ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(config)));
  });

  test('its evaluations ask for features that it has', () => {
    const given = featuresOf(config);
    for (const entry of config.evaluate) {
      for (const feature of featuresAsked(entry)) expect(given, entry.name).toContain(feature);
    }
    const best = config.checkpoint.best?.metric;
    if (best) expect(config.evaluate.map((entry) => entry.name)).toContain(best.slice(0, best.lastIndexOf('/')));
  });

  test('learns eight samples by heart', async () => {
    const run = train({
      recipe: shrunk(config, { learnable: true }),
      data,
      run: join(folder, `${name}-learns`),
      set: [`train.steps=${PATIENCE}`],
    });
    let first = Number.NaN;
    const lately: number[] = [];
    for await (const event of run) {
      if (event.type !== 'step') continue;
      if (event.step === 1) first = event.loss;
      lately.push(event.loss / first);
      if (lately.length > 3) lately.shift();
      // Not by a lucky step.
      if (lately.every((share) => share < LEARNED)) break;
    }
    run.stop();
    const { skipped, rejected } = await run.done;
    expect({ skipped, rejected }).toEqual({ skipped: 0, rejected: 0 });
    for (const share of lately) expect(share, `loss, of ${first} at first`).toBeLessThan(LEARNED);
  });

  test('what it costs can be told for more processes', async () => {
    const recipe = shrunk(config, { learnable: false });
    const { worlds } = await pretend({ recipe, data, world: 4, hardware: hardwareFrom({}) });
    expect(worlds.map(({ world }) => world)).toEqual([1, 2, 4]);
    for (const { modelFlops, rankFlops, memory, traffic, world } of worlds) {
      expect(modelFlops).toBeGreaterThan(0);
      expect(rankFlops * world).toBeGreaterThan(modelFlops * (1 - 1e-9));
      expect(memory.peak).toBeGreaterThan(memory.weights + memory.optimiser);
      expect(traffic.length > 0).toBe(world > 1);
    }
  });

  test('goes on from the middle with the same bytes', async () => {
    const options = { recipe: shrunk(config, { learnable: false }), data, set: ['checkpoint.everySteps=3'] };
    const whole = join(folder, `${name}-whole`);
    await train({ ...options, run: whole }).done;
    const halted = join(folder, `${name}-halted`);
    cpSync(whole, halted, { recursive: true });
    rmSync(checkpointOf(halted, 6));
    await train({ ...options, run: halted, resume: true }).done;
    const [a, b] = [readTensors(checkpointOf(halted, 6)), readTensors(checkpointOf(whole, 6))];
    expect(a.tensors).toEqual(b.tensors);
    expect(a.bytes.equals(b.bytes)).toBe(true);
    // And it did something since: the law would hold of a loop that never steps, too.
    expect(readTensors(checkpointOf(whole, 3)).bytes.equals(b.bytes)).toBe(false);
  });
});

/** Steps that a recipe has to bring the loss below this share of where it began. */
const PATIENCE = 400;
const LEARNED = 0.2;

/** Everything that encoders and heads give. */
function featuresOf({ encoders, heads }: ResolvedConfig): string[] {
  const grains = Object.entries(encoders).flatMap(([modality, part]) => {
    const own = 'share' in part ? encoders[part.share] : part;
    return own && 'encoder' in own
      ? (description.encoders[own.encoder]?.gives ?? []).map((grain) => `${modality}.${grain}`)
      : [];
  });
  const made = heads.flatMap(({ head, options }) =>
    (description.heads[head]?.options ?? [])
      .filter((option) => option.kind === 'output')
      .map((option) => String(options[option.name] || options['from'])),
  );
  return [...grains, ...made];
}

/** Eight samples, each unlike the others, with all that the recipe's inputs read: pictures, texts of the wanted kinds, labels, arrays. */
function adapterFor({ data }: ResolvedConfig): DatasetAdapter {
  const inputs = Object.values(data);
  const kinds = inputs.flatMap(({ input, options }) =>
    input === 'text' ? [((options['kinds'] as string[] | undefined)?.[0] ?? 'report') as TextKind] : [],
  );
  const views = inputs
    .filter(({ input }) => input === 'image')
    .map(({ options }) => (options['projections'] as string[] | undefined)?.[0]);
  const labels = inputs.find(({ input, options }) => input === 'array' && options['column'] === 'label_vec');
  const findings = Array.from({ length: labels ? extent(labels.options['shape']) : 0 }, (_, i) => `finding ${i}`);
  const compares = inputs.some(({ input, options }) => input === 'image' && options['prior']);
  const arrays: Record<string, ArrayDescription> = {};
  for (const { input, options } of inputs) {
    if (input === 'array' && options['column'] !== 'label_vec')
      arrays[String(options['column'])] = { shape: [...(options['shape'] as number[])] };
  }
  // Each entity is at one position, said not to be at one, or not mentioned.
  const triplets = inputs.find(({ input }) => input === 'triplets');
  const { column: reported = '', shape: extents = [] } = (triplets?.options ?? {}) as {
    column?: string;
    shape?: number[];
  };
  if (triplets) arrays[reported] = { shape: extents, dtype: 'int8' };
  const random = seeded(5);
  const mentioned = ([positions = 0, entities = 0]: number[]) => {
    const out = new Int8Array(positions * entities).fill(-1);
    for (let entity = 0; entity < entities; entity++) {
      const place = Math.floor(random() * positions) * entities + entity;
      if (random() < 0.3) out[place] = random() < 0.5 ? 1 : 0;
    }
    return out;
  };
  return {
    name: 'eight',
    title: 'Eight samples',
    version: '1',
    licence: 'CC0-1.0',
    licenceText: 'made here',
    access: 'made here',
    modalities: ['CR'],
    options: z.strictObject({}),
    describe: () => ({
      arrays,
      priorImages: compares,
      ...(labels ? { labels: [{ vocab: 'finding', kind: 'finding' as const, names: findings }] } : {}),
    }),
    async *rows() {
      for (let i = 0; i < 8; i++) {
        const row: SourceRow = {
          id: `sample-${i}`,
          patient: `patient-${i}`,
          split: 'train',
          images: await Promise.all(
            views.map(async (view, at) => ({
              id: `${i}-${at}`,
              bytes: await picture(i),
              modality: 'CR' as const,
              ...(view ? { view } : {}),
            })),
          ),
          // Every other study has one before it.
          ...(compares && i % 2
            ? { priorImages: [{ id: `${i}-before`, bytes: await picture((i + 3) % 8), modality: 'CR' as const }] }
            : {}),
          texts: kinds.map((kind) => ({
            kind,
            lang: 'en',
            body: `${WORDS[i]} ${WORDS[(i + 3) % 8]}.`,
            origin: 'human' as const,
          })),
          labels: findings.map((finding, at) => ({
            vocab: 'finding',
            name: finding,
            value: at % 8 === i ? 1 : 0,
            state: at % 8 === i ? ('positive' as const) : ('negative' as const),
            source: 'expert' as const,
          })),
          arrays: Object.fromEntries(
            Object.entries(arrays).map(([column, { shape }]) => [
              column,
              column === reported
                ? mentioned(shape)
                : Float32Array.from({ length: extent(shape) }, () => 2 * random() - 1),
            ]),
          ),
          origin: { file: 'made', row: i },
        };
        yield row;
      }
    },
  };
}

const WORDS = [
  'Clear lungs',
  'Small nodule',
  'Pleural effusion',
  'Enlarged heart',
  'Rib fracture',
  'Dense consolidation',
  'Hyperinflation',
  'Apical scar',
];

const extent = (shape: unknown) => (shape as number[]).reduce((product, one) => product * one, 1);

/** A grey picture: waves of another direction and length for each number. */
function picture(number: number): Promise<Buffer> {
  const side = SIDE + 8;
  const pixels = Uint8Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [i % side, Math.floor(i / side)];
    const angle = (number * Math.PI) / 8;
    return 127 + 100 * Math.sin(((x * Math.cos(angle) + y * Math.sin(angle)) * (2 + (number % 3))) / 6);
  });
  return sharp(pixels, { raw: { width: side, height: side, channels: 1 } })
    .png()
    .toBuffer();
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
