import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fillInitialWeights, settleInitialWeights } from '../../src/checkpoint/initial-weights.js';
import { extend, type Recipe } from '../../src/config/recipe.js';
import { resolve } from '../../src/config/resolve.js';
import { prepare } from '../../src/data/prepare.js';
import { EngineEmbedder } from '../../src/model/engine-embedder.js';
import { nativeConfig } from '../../src/model/open.js';
import { Engine } from '../../src/native/engine.js';
import {
  bert,
  description,
  globalContrast,
  image,
  linearProjection,
  maskedLanguage,
  resnet,
  text,
} from '../../src/native/generated.js';
import { checkpointOf, compile, gadolinium, readTensors, recipeFile, temporary, tinyRecipe } from './tiny.js';

// Weights that torch saved come in by the command, start a recipe's parts, and give torch's numbers.

const fixtures = fileURLToPath(new URL('../fixtures/checkpoint/', import.meta.url));
const expected = JSON.parse(readFileSync(join(fixtures, 'expected.json'), 'utf8')) as {
  image: number[][];
  texts: string[];
  text: number[][];
};
let folder: string;
let data: string;
let weights: { image: string; text: string };

const recipe: Recipe = {
  ...tinyRecipe,
  data: {
    image: image({ size: 32, mean: [0.5], deviation: [0.5] }),
    text: text({ maxTokens: 24 }),
  },
  encoders: {
    image: resnet({ depth: 18, width: 4, frozenStatistics: true }, { init: 'resnet.safetensors' }),
    text: bert(
      { width: 16, depth: 2, heads: 2, feedForward: 32, maxTokens: 24, dropout: 0, attentionDropout: 0 },
      { init: 'bert.safetensors' },
    ),
  },
  heads: [
    linearProjection({ from: 'image.global', to: 'image.projected', inputWidth: 32, outputWidth: 8 }),
    linearProjection({ from: 'text.global', to: 'text.projected', inputWidth: 16, outputWidth: 8 }),
  ],
  objectives: [globalContrast({ rows: 'image.projected', columns: 'text.projected' })],
  optimise: { ...tinyRecipe.optimise, groups: [{ match: 'encoders.text.*', frozen: true }] },
  train: { batch: 4, steps: 2, threads: 1, loaderThreads: 1 },
  evaluate: [],
};

beforeAll(async () => {
  compile();
  folder = temporary();
  const source = join(folder, 'source');
  mkdirSync(source);
  const lines = ['path,report,split'];
  for (let k = 0; k < 12; k++) {
    // The first three are those of the fixture.
    const pixels = Uint8Array.from({ length: 32 * 32 }, (_, i) => ((i % 32) * 7 + (i >> 5) * 13 + k * 29) & 255);
    await sharp(pixels, { raw: { width: 32, height: 32, channels: 1 } }).toFile(join(source, `${k}.png`));
    lines.push(`${k}.png,"${expected.texts[k % 3]}",train`);
  }
  writeFileSync(join(source, 'table.csv'), `${lines.join('\n')}\n`);
  data = join(folder, 'data');
  await prepare({
    dataset: 'table',
    from: join(source, 'table.csv'),
    to: data,
    size: 32,
    store: 'raw',
    tokenizer: join(fixtures, 'bert/vocab.txt'),
    adapter: { image: ['path'], text: ['report'], split: 'split' },
  }).done;
  weights = { image: join(folder, 'resnet.safetensors'), text: join(folder, 'bert.safetensors') };
  for (const [format, from, to] of [
    ['torchvision-resnet', 'resnet.pth', weights.image],
    ['huggingface-bert', 'bert', weights.text],
  ] as const) {
    const { code, stdout, stderr } = await gadolinium(
      'import',
      format,
      '--from',
      join(fixtures, from),
      '--to',
      to,
      '--json',
    ).ended;
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'imported', format, source: from });
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The configuration of a recipe, with its `init`s as they are for a recipe beside the weights. */
function settled(of: Recipe) {
  const config = resolve('own', of, {
    parts: description,
    set: [`encoders.image.init=${weights.image}`, `encoders.text.init=${weights.text}`],
    tokenizer: { vocabularySize: 15, startId: 2, endId: 3, padId: 0, maskId: 4, unknownId: 1 },
  });
  settleInitialWeights(config);
  return config;
}

async function filled(of: Recipe): Promise<Engine> {
  const config = settled(of);
  const engine = new Engine(nativeConfig(config, { device: 'cpu', threads: 1 }, true));
  await engine.later('build');
  await fillInitialWeights(engine, config);
  return engine;
}

describe('imported weights', () => {
  test.each([false, true])('give torch’s features (averaged weights: %s)', async (averaged) => {
    const engine = await filled(recipe);
    const embedder = new EngineEmbedder(engine, {
      batch: 3,
      loaderThreads: 1,
      averaged,
      tokenizer: undefined,
      pictures: undefined,
      inputs: settled(recipe).data,
    });
    const { features } = await embedder.embed({
      data: { kind: 'rows', data },
      rows: Uint32Array.of(0, 1, 2),
      features: ['image.global', 'text.global'],
    });
    for (const [name, wanted] of [
      ['image.global', expected.image],
      ['text.global', expected.text],
    ] as const) {
      const found = features[name]!;
      expect(found.width).toBe(wanted[0]!.length);
      for (const [i, number] of wanted.flat().entries())
        expect(Math.abs(found.data[i]! - number), `${name} ${i}`).toBeLessThan(1e-5 * Math.max(1, Math.abs(number)));
    }
    embedder.close();
    engine.close();
  });

  test.each<[string, object, RegExp]>([
    [
      'a narrower part',
      { encoders: { image: { options: { width: 8 } } } },
      /; of another kind: encoders\.image\.conv1\.weight \(expected \[8, 3, 7, 7\] but got \[4, 3, 7, 7\]\)/,
    ],
    [
      'a shorter part',
      { encoders: { text: { options: { depth: 1 } } } },
      /; left over: encoders\.text\.encoder\.layer\.1\./,
    ],
    [
      'a longer part',
      { encoders: { text: { options: { depth: 3 } } } },
      /; missing in the file: encoders\.text\.encoder\.layer\.2\./,
    ],
  ])('of %s are refused by name', async (_, changes, sentence) => {
    await expect(filled(extend(recipe, changes))).rejects.toMatchObject({
      code: 'init-mismatch',
      message: expect.stringMatching(sentence),
    });
  });

  test('start the language head too, and another part by its prefix', async () => {
    const more = extend(recipe, {
      data: { text: text({ maxTokens: 24, maskProbability: 0.15 }) },
      objectives: [
        ...recipe.objectives,
        maskedLanguage({ width: 16, vocabularySize: 15 }, { init: `${weights.text}#objectives.masked-language` }),
      ],
    });
    const engine = await filled(more);
    const file = join(folder, 'filled.safetensors');
    await engine.later('save', { file });
    engine.close();
    expect(bytesOf(file, /^objectives\.masked-language\./)).toEqual(
      bytesOf(weights.text, /^objectives\.masked-language\./),
    );
    expect(() => settleInitialWeights(resolveWith('encoders.image.init', `${weights.text}`))).toThrow(
      /expected tensors below encoders\.image .* which has encoders\.text, objectives\.masked-language/,
    );
    expect(() => settleInitialWeights(resolveWith('encoders.image.init', 'resnet50.pth'))).toThrow(/which is absent/);
    expect(() => settleInitialWeights(resolveWith('encoders.image.init', join(fixtures, 'resnet.pth')))).toThrow(
      /a safetensors file of ours/,
    );
  });
});

const resolveWith = (path: string, value: string) =>
  resolve('own', recipe, { parts: description, set: [`${path}=${value}`] });

/** Bytes of the tensors whose names match, by name. */
function bytesOf(file: string, names: RegExp): Record<string, string> {
  const { tensors, bytes } = readTensors(file);
  return Object.fromEntries(
    Object.entries(tensors as Record<string, { data_offsets: [number, number] }>)
      .filter(([name]) => names.test(name))
      .map(([name, { data_offsets }]) => [name, bytes.subarray(...data_offsets).toString('hex')]),
  );
}

describe('a run that starts from imported weights', () => {
  const train = (run: string, ...more: string[]) =>
    gadolinium('train', recipeFile(folder, recipe), '--data', data, '--run', join(folder, run), '--json', ...more)
      .ended;
  const losses: number[][] = [];
  const frozen = /^encoders\.text\.(?!pooler)/;

  test.each([1, 2])(
    'of %i processes has them, says so, and goes on without the files',
    async (world) => {
      const run = `of-${world}`;
      const first = await train(run, '--nproc', String(world), '--set', 'checkpoint.everySteps=1');
      expect(first.code, first.stderr).toBe(0);
      const told = [
        {
          part: 'encoders.image',
          file: weights.image,
          from: 'encoders.image',
          source: 'torchvision-resnet: resnet.pth',
        },
        { part: 'encoders.text', file: weights.text, from: 'encoders.text', source: 'huggingface-bert: bert' },
      ];
      expect(first.events.find(({ type }) => type === 'run-started')).toMatchObject({ initial: told });
      // Every rank has them: with drawn weights on one of them the losses would be others.
      losses.push(first.events.flatMap((event) => (event.type === 'step' ? [event.loss] : [])));
      for (const [i, loss] of (losses[0] as number[]).entries()) expect(losses.at(-1)?.[i]).toBeCloseTo(loss, 5);
      // What is frozen is there to the last bit; what is trained has moved from where it was, but not far.
      const kept = bytesOf(checkpointOf(join(folder, run), 2), frozen);
      expect(kept).toEqual(bytesOf(weights.text, frozen));
      expect(Object.keys(kept)).toHaveLength(37);
      const [moved, start] = [checkpointOf(join(folder, run), 2), weights.image].map((file) =>
        Buffer.from(Object.values(bytesOf(file, /^encoders\.image\.conv1\.weight$/)).join(''), 'hex'),
      );
      expect(moved!.equals(start!)).toBe(false);
      for (let at = 0; at < start!.length; at += 4)
        expect(Math.abs(moved!.readFloatLE(at) - start!.readFloatLE(at))).toBeLessThan(0.01);
      const { encoders } = JSON.parse(readFileSync(join(folder, run, 'config.json'), 'utf8'));
      expect(encoders.image.init).toMatchObject({ file: weights.image, hash: expect.stringMatching(/^[0-9a-f]{16}$/) });

      // The files are gone: the checkpoint has all that is needed, and the run still says what it came from.
      renameSync(weights.image, `${weights.image}.away`);
      try {
        const rest = await train(run, '--resume', '--set', 'train.steps=3', '--set', 'checkpoint.everySteps=1');
        expect(rest.code, rest.stderr).toBe(0);
        expect(rest.events.find(({ type }) => type === 'run-started')).toMatchObject({ from: 2, initial: told });
        const anew = await train(`anew-${world}`);
        expect(anew.stderr).toMatch(/expected a file of weights for encoders\.image\.init but got .* absent/);
        expect(anew.code).toBe(1);
      } finally {
        renameSync(`${weights.image}.away`, weights.image);
      }
    },
    120_000,
  );

  test('is refused on texts of another tokenizer', async () => {
    const other = join(folder, 'other-words');
    await prepare({
      dataset: 'table',
      from: join(folder, 'source/table.csv'),
      to: other,
      size: 32,
      store: 'raw',
      tokenizer: join(fixtures, 'cxr-bert/vocab.txt'),
      adapter: { image: ['path'], text: ['report'], split: 'split' },
    }).done;
    const { code, stderr } = await gadolinium(
      ...['train', recipeFile(folder, recipe), '--data', other, '--run', join(folder, 'refused')],
    ).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /expected data prepared with the tokenizer of the weights, bert\/vocab\.txt for encoders\.text\.init but got .*23 pieces instead of 15/,
    );
    expect(stderr).toMatch(/prepare the data set with --tokenizer .*bert\.safetensors/);
  }, 60_000);

  test('does not go on from others', async () => {
    const other = join(folder, 'other');
    const first = await train('fixed');
    expect(first.code, first.stderr).toBe(0);
    const bytes = Buffer.from(
      readFileSync(weights.image)
        .toString('latin1')
        .replace(/"xxh64":"\w{16}"/, '"xxh64":"0123456789abcdef"'),
      'latin1',
    );
    writeFileSync(`${other}.safetensors`, bytes);
    const { code, stderr } = await train('fixed', '--resume', '--set', `encoders.image.init=${other}.safetensors`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/encoders\.image\.init\.hash was "[0-9a-f]{16}", now "0123456789abcdef"/);
    // A damaged file is refused before the run has a folder.
    const damaged = await train('damaged', '--set', `encoders.image.init=${other}.safetensors`);
    expect(damaged.stderr).toMatch(/the file is damaged/);
    const again = await train('damaged');
    expect(again.code, again.stderr).toBe(0);
  }, 60_000);
});
