import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type Books, extend, recipe } from '../../src/config/recipe.js';
import type { DatasetAdapter } from '../../src/data/adapter.js';
import { prepareFrom } from '../../src/data/prepare.js';
import {
  entityDecoder,
  entityExistence,
  entityPosition,
  image,
  linearProjection,
  resnet,
  triplets,
} from '../../src/native/generated.js';
import { train } from '../../src/train/train.js';
import { checkpointOf, compile, gadolinium, readTensors, temporary, tinyRecipe } from './tiny.js';

// Texts become constants of a run: encoded by a model that torch saved, with torch's numbers, from prepared triplets to a checkpoint.

const fixtures = fileURLToPath(new URL('../fixtures/checkpoint/', import.meta.url));
const torch = JSON.parse(readFileSync(join(fixtures, 'expected.json'), 'utf8')) as {
  texts: string[];
  text: number[][];
};
const [POSITIONS, ENTITIES] = [4, 3];
let folder: string;
let data: string;
let model: string;

const method = recipe({
  ...tinyRecipe,
  data: { image: image({ size: 32 }), triplets: triplets({ shape: [POSITIONS, ENTITIES], negatives: 2 }) },
  encoders: { image: resnet({ depth: 10, width: 4 }) },
  heads: [
    entityDecoder(
      {
        from: 'image.patches',
        to: 'image.entities',
        entities: ENTITIES,
        bookWidth: 16,
        width: 32,
        depth: 1,
        feedForward: 16,
      },
      { name: 'entities' },
    ),
    linearProjection({ from: 'image.entities', to: 'image.existence', inputWidth: 32, outputWidth: 2 }),
    linearProjection({ from: 'image.entities', to: 'image.positions', inputWidth: 32, outputWidth: 16 }),
  ],
  objectives: [
    entityExistence({}, { name: 'existence' }),
    entityPosition({ positions: POSITIONS, width: 16 }, { name: 'position' }),
  ],
  books: {
    texts: {
      entities: { into: 'heads.entities', from: torch.texts },
      positions: { into: 'objectives.position', from: ['left', 'right', 'apex', 'base'] },
    },
  },
  train: { batch: 4, steps: 2, threads: 1, loaderThreads: 1 },
  evaluate: [],
});

const adapter: DatasetAdapter = {
  name: 'reported',
  title: 'pictures with triplets',
  version: '1',
  licence: 'CC0-1.0',
  licenceText: 'made here',
  access: 'made here',
  modalities: ['CR'],
  options: z.strictObject({}),
  describe: () => ({ arrays: { triplets: { shape: [POSITIONS, ENTITIES], dtype: 'int8' } } }),
  async *rows() {
    for (let i = 0; i < 8; i++) {
      const pixels = Uint8Array.from({ length: 32 * 32 }, (_, at) => (at * (i + 3)) & 255);
      const said = new Int8Array(POSITIONS * ENTITIES).fill(-1);
      said[(i % POSITIONS) * ENTITIES] = 1;
      said[1] = 0;
      yield {
        id: `study-${i}`,
        split: 'train',
        images: [
          {
            id: `${i}`,
            bytes: await sharp(pixels, { raw: { width: 32, height: 32, channels: 1 } })
              .png()
              .toBuffer(),
            modality: 'CR',
          },
        ],
        texts: [],
        arrays: { triplets: said },
        origin: { file: 'made', row: i },
      };
    }
  },
};

beforeAll(async () => {
  compile();
  folder = temporary();
  data = join(folder, 'data');
  await prepareFrom(adapter, folder, { from: folder, to: data, size: 32, store: 'raw' }).done;
  model = join(folder, 'bert.safetensors');
  const { code, stderr } = await gadolinium(
    'import',
    'huggingface-bert',
    '--from',
    join(fixtures, 'bert'),
    '--to',
    model,
  ).ended;
  expect(code, stderr).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Two steps; the vectors in the checkpoint, and what was warned of. */
async function vectorsAfter(run: string, books: Partial<Books>, set: string[] = []) {
  const warnings: string[] = [];
  const running = train({ recipe: extend(method, { books }), data, run: join(folder, run), set });
  for await (const event of running) if (event.type === 'warning') warnings.push(event.code);
  await running.done;
  const { tensors, bytes } = readTensors(checkpointOf(join(folder, run), 2));
  const vectors = (name: string) => {
    const { shape, data_offsets: at } = tensors[name] as { shape: number[]; data_offsets: [number, number] };
    const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset + at[0], bytes.byteOffset + at[1]));
    return Array.from({ length: shape[0] ?? 0 }, (_, row) => [
      ...values.subarray(row * (shape[1] ?? 0), (row + 1) * (shape[1] ?? 0)),
    ]);
  };
  return {
    entities: vectors('heads.entities.book.vectors'),
    positions: vectors('objectives.position.book.vectors'),
    warnings,
  };
}

test("a text model gives the vectors of the texts, with torch's numbers", async () => {
  const { entities, positions, warnings } = await vectorsAfter('encoded', { model });
  expect(warnings).toEqual([]);
  expect(positions.length).toBe(POSITIONS);
  for (const [i, wanted] of torch.text.entries())
    for (const [d, value] of wanted.entries()) expect(entities[i]?.[d], torch.texts[i]).toBeCloseTo(value, 4);
});

test('texts come from a file in its order; without an end token they are other vectors', async () => {
  const file = join(folder, 'explanations.json');
  writeFileSync(file, JSON.stringify({ b: torch.texts[1], a: torch.texts[0], c: torch.texts[2] }));
  const { entities } = await vectorsAfter('from-file', { model }, [`books.texts.entities.from=${file}`]);
  expect(entities[0]?.[0]).toBeCloseTo(torch.text[1]?.[0] as number, 4);
  const open = await vectorsAfter('open', { model, endToken: false });
  expect(open.entities[0]?.[0]).not.toBeCloseTo(torch.text[0]?.[0] as number, 3);
});

test('without a model the run says so; a wrong number of texts is refused', async () => {
  const { warnings, entities } = await vectorsAfter('drawn', {});
  expect(warnings).toContain('drawn-vectors');
  expect(new Set(entities.flat()).size).toBe(ENTITIES * 16);
  const few = { entities: { into: 'heads.entities', from: ['one'] } };
  await expect(vectorsAfter('few', { model, texts: few } as Partial<Books>)).rejects.toMatchObject({
    code: 'init-mismatch',
  });
});
