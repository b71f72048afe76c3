import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { linearProbe } from '../../src/config/evaluate.js';
import type { DatasetAdapter, SourceRow } from '../../src/data/adapter.js';
import { prepareFrom } from '../../src/data/prepare.js';
import type { GadoliniumError } from '../../src/errors.js';
import type { RunFinished, TrainEvent } from '../../src/events/types.js';
import { openModel } from '../../src/model/open.js';
import { type TrainOptions, train } from '../../src/train/train.js';
import {
  checkpointOf,
  compile,
  gadolinium,
  recipeFile,
  type TinyData,
  temporary,
  tinyData,
  tinyRecipe,
} from './tiny.js';

// Each of these ends in a sentence that says what was expected, where, and what came instead; none in a crash, and nothing is
// left out in silence. What `prepare` makes of bad sources is looked at in test/unit/data.

let folder: string;
let tiny: TinyData;
let runs = 0;
/** The folder of runs that are refused: none leaves anything there. */
const never = join(tmpdir(), 'gadolinium-never');

beforeAll(async () => {
  compile();
  folder = temporary();
  tiny = await tinyData(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  run: string;
  error: GadoliniumError | undefined;
  finished: RunFinished;
  events: TrainEvent[];
}

/** Trains the tiny recipe in this process, to its end or its failure. */
async function trained(options: Partial<TrainOptions> = {}, set: string[] = []): Promise<Outcome> {
  const events: TrainEvent[] = [];
  const run = join(folder, `run-${runs++}`);
  const running = train({
    recipe: tinyRecipe,
    data: tiny.data,
    run,
    set: ['train.steps=4', ...set],
    listeners: [{ name: 'test', on: (event) => void events.push(event) }],
    ...options,
  });
  const error = await running.done.then(
    () => undefined,
    (reason: GadoliniumError) => reason,
  );
  return { run: options.run ?? run, error, finished: events.at(-1) as RunFinished, events };
}

const steps = ({ events }: Outcome) => events.filter((event) => event.type === 'step');
const warnings = ({ events }: Outcome) => events.filter((event) => event.type === 'warning');

/** A copy of a prepared folder, to be damaged. */
function copyOf(data: string): { data: string; shards: string[] } {
  const copy = join(folder, `data-${runs++}`);
  cpSync(data, copy, { recursive: true });
  const shards = readdirSync(copy).filter((name) => name.endsWith('.arrow'));
  return { data: copy, shards: shards.map((name) => join(copy, name)) };
}

describe('a shard', () => {
  test.each([0.999, 0.5, 0.01, 0])('cut to %d of its length is named', async (share) => {
    const { data, shards } = copyOf(tiny.data);
    const shard = shards[0] as string;
    const bytes = readFileSync(shard);
    writeFileSync(shard, bytes.subarray(0, Math.floor(bytes.length * share)));
    const { error, finished } = await trained({ data }, ['train.steps=16']);
    expect(error).toMatchObject({ code: 'bad-shard' });
    expect(error?.message).toContain(shard);
    expect(finished).toMatchObject({ type: 'run-finished', reason: 'failed', error: { code: 'bad-shard' } });
  });

  test('that is absent is named', async () => {
    const { data, shards } = copyOf(tiny.data);
    rmSync(shards[1] as string);
    const { error } = await trained({ data }, ['train.steps=16']);
    expect(error?.message).toContain(shards[1]);
    expect(error?.code).toBe('bad-shard');
  });

  test('with a flipped byte anywhere: training ends well, or the shard is named', async () => {
    const shard = (at: number, bytes: Buffer) => {
      const { data, shards } = copyOf(tiny.data);
      const file = shards[0] as string;
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ 0xff;
      writeFileSync(file, damaged);
      return { data, file };
    };
    const whole = readFileSync(copyOf(tiny.data).shards[0] as string);
    // The footer (the last bytes), the first batch's description, and places spread over the file.
    const places = [
      ...Array.from({ length: 16 }, (_, i) => whole.length - 12 - i * 91),
      ...Array.from({ length: 8 }, (_, i) => 8 + i * 197),
      ...Array.from({ length: 14 }, (_, i) => Math.floor((whole.length * (i + 0.5)) / 14)),
    ];
    let refused = 0;
    for (const at of places) {
      const { data, file } = shard(at, whole);
      const { error, finished, run } = await trained({ data, rejects: { limit: 1 } }, ['train.steps=8', 'evaluate=[]']);
      rmSync(data, { recursive: true });
      if (error) {
        refused++;
        expect(error.code, `byte ${at}: ${error.message}`).toMatch(/^(bad|missing)-/);
        expect(error.message, `byte ${at}`).toContain(basename(file));
      } else if (finished.rejected > 0) {
        expect(readFileSync(join(run, 'rejects.jsonl'), 'utf8')).toContain(basename(file));
      }
    }
    expect(refused).toBeGreaterThan(0);
  }, 120_000);
});

describe('a damaged JPEG inside a shard', () => {
  let data: string;
  let file: string;

  beforeAll(async () => {
    const place = join(folder, 'jpeg');
    mkdirSync(place);
    data = (await tinyData(place, { store: 'jpeg' })).data;
    file = join(data, readdirSync(data).find((name) => name.endsWith('.arrow')) as string);
    const bytes = readFileSync(file);
    // The mark of the quantisation table, behind the start of the image and the JFIF header.
    const start = bytes.indexOf(Buffer.from([0xff, 0xd8, 0xff]));
    const table = bytes.indexOf(Buffer.from([0xff, 0xdb]), start);
    bytes.fill(0x55, table, table + 40);
    writeFileSync(file, bytes);
  });

  test('is skipped, counted, listed and said', async () => {
    const outcome = await trained({ data, rejects: { limit: 0.1 } }, ['train.steps=32']);
    expect(outcome.error).toBeUndefined();
    // 64 rows in batches of eight: four epochs see it four times.
    expect(outcome.finished).toMatchObject({ reason: 'done', step: 32, rejected: 4 });
    const listed = readFileSync(join(outcome.run, 'rejects.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(listed).toMatchObject([
      { file: basename(file), row: expect.any(Number), field: 'image', reason: expect.stringMatching(/\w+/) },
    ]);
    expect(warnings(outcome)).toMatchObject([{ code: 'sample-rejected' }]);
  });

  test('--on-error stop ends the run with its name', async () => {
    const { error, finished } = await trained({ data, rejects: { onError: 'stop' } }, ['train.steps=32']);
    expect(error).toMatchObject({ code: 'sample-rejected' });
    expect(error?.message).toContain(`${basename(file)}: row`);
    expect(finished.step).toBeLessThan(32);
  });

  test('is too much where it is more than the limit', async () => {
    const { error } = await trained({ data }, ['train.steps=200', 'evaluate=[]']);
    expect(error).toMatchObject({ code: 'too-many-rejects' });
    expect(error?.message).toMatch(/at most 1 % unreadable samples but got \d+ of \d{4}/);
  });
});

describe('a checkpoint', () => {
  test('of another recipe in the run folder', async () => {
    const small = await trained();
    const wide = await trained({}, ['heads.0.options.outputWidth=16', 'heads.1.options.outputWidth=16']);
    copyFileSync(checkpointOf(small.run, 4), checkpointOf(wide.run, 4));
    const { error } = await trained({ run: wide.run, resume: true }, [
      'heads.0.options.outputWidth=16',
      'heads.1.options.outputWidth=16',
    ]);
    expect(error).toMatchObject({ code: 'checkpoint-mismatch' });
    expect(error?.message).toMatch(/expected the shape \[16, .* is a checkpoint of another recipe/);
  });

  test('that is none, or is not there', async () => {
    const text = join(folder, 'text.safetensors');
    writeFileSync(text, 'no tensors');
    await expect(openModel(text)).rejects.toMatchObject({
      code: 'bad-checkpoint',
      message: expect.stringContaining(text),
    });
    const absent = join(folder, 'absent.safetensors');
    await expect(openModel(absent)).rejects.toMatchObject({ message: expect.stringContaining(absent) });
    const foreign = join(folder, 'foreign.safetensors');
    const header = Buffer.from('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}');
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    writeFileSync(foreign, Buffer.concat([length, header, Buffer.alloc(4)]));
    await expect(openModel(foreign)).rejects.toMatchObject({
      code: 'bad-checkpoint',
      message: expect.stringContaining(foreign),
    });
  });
});

describe('an override', () => {
  test.each([
    ['nothing.there=1', /nothing/],
    ['optimise.nothing=1', /optimise/],
    ['encoders.text.options.widht=8', /widht/],
    ['encoders.text.options.width=wide', /an integer for encoders\.text\.width but got 'wide'/],
    ['encoders.text.options.width=8.5', /an integer for encoders\.text\.width but got 8\.5/],
    ['encoders.text.encoder=brt', /one of the encoders .* 'brt'/],
    ['train.batch=many', /train\.batch/],
    ['train.batch=0', /train\.batch/],
    ['train.precision=fp8', /train\.precision/],
    ['train.epochs=3', /either epochs or steps/],
    ['heads.5.options.from=image.global', /heads\.5/],
    ['heads.0.options.from=image.globule', /somebody who gives image\.globule/],
    ['optimise.lr', /PATH=VALUE/],
  ])('%s is refused before anything starts', async (assignment, sentence) => {
    const { error, finished } = await trained({}, [assignment]);
    expect(error?.code).toMatch(/^(bad-override|bad-option|bad-recipe|missing-feature)$/);
    expect(`${error?.message} ${error?.advice ?? ''}`).toMatch(sentence);
    expect(finished).toMatchObject({ reason: 'failed', step: 0 });
  });

  test('of no known path ends the command with status 2 and a sentence, not a stack', async () => {
    const { code, stdout, stderr } = await gadolinium(
      'train',
      recipeFile(folder),
      '--data',
      tiny.data,
      '--run',
      never,
      '--json',
      '--set',
      'optimise.rate=1',
    ).ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(/optimise/);
    expect(`${stdout}${stderr}`).not.toMatch(/\n\s+at /);
    expect(existsSync(never)).toBe(false);
  });

  test.each([
    [
      ['train', 'clop', '--data', 'x', '--run', never],
      /the name of a recipe or a file for RECIPE but got 'clop'\s+known: .*clip.*demo/,
    ],
    [['train', 'clip', '--data', 'x'], /run/],
    [['train', 'clip', '--data', 'x', '--run', never, '--sett', 'a=1'], /sett/],
    [['trian'], /trian|command/],
  ])('gadolinium %j ends with status 2', async (args, sentence) => {
    const { code, stderr } = await gadolinium(...args).ended;
    expect(stderr).toMatch(sentence);
    expect(code).toBe(2);
    expect(existsSync(never)).toBe(false);
  });
});

describe('a data folder', () => {
  test('that does not fit leaves no half-begun run behind', async () => {
    const { run, error } = await trained({}, ['train.batch=65']);
    expect(error).toBeDefined();
    expect(existsSync(run)).toBe(false);
  });

  test('is not blamed for a model that cannot be built; that leaves no half-begun run behind either', async () => {
    const { run, error } = await trained({}, ['encoders.image.options.depth=11']);
    expect(error?.message).toMatch(/resnet\.depth but got 11/);
    expect(existsSync(join(run, 'config.json'))).toBe(false);
  });

  test('prepared at a smaller size', async () => {
    const { error } = await trained({}, ['data.image.options.size=64']);
    expect(error).toMatchObject({
      code: 'image-size',
      message: expect.stringMatching(/at least 64 pixels .* got .*40 in /),
    });
    expect(error?.advice).toMatch(/--size 64/);
  });

  test('that is not there, or is none', async () => {
    for (const data of [join(folder, 'nowhere'), tiny.source]) {
      const { error } = await trained({ data });
      expect(error, data).toMatchObject({ code: 'no-dataset', message: expect.stringContaining(data) });
    }
  });

  test('with fewer rows than a batch', async () => {
    const { error } = await trained({}, ['train.batch=65']);
    expect(error).toMatchObject({ code: 'too-few-rows', message: expect.stringMatching(/65 rows .* but got 64/) });
  });

  test('without rows of the split', async () => {
    const { error } = await trained({ recipe: { ...tinyRecipe, sampling: { split: 'training' } } });
    expect(error?.message).toMatch(/'training'/);
  });

  test('without the labels that an evaluation wants: a warning, and training goes on', async () => {
    const outcome = await trained({ recipe: { ...tinyRecipe, evaluate: [linearProbe({ labels: 'colour' })] } });
    expect(outcome.error).toBeUndefined();
    expect(warnings(outcome)).toMatchObject([
      { code: 'evaluation-failed', message: expect.stringContaining('colour') },
    ]);
    expect(outcome.finished).toMatchObject({ reason: 'done', step: 4 });
  });
});

describe('texts and pictures', () => {
  test('a text longer than maxTokens is cut, in the model’s length too', async () => {
    const outcome = await trained({}, ['data.text.options.maxTokens=6']);
    expect(outcome.error).toBeUndefined();
    expect(steps(outcome)).toHaveLength(4);
    const longer = await trained({}, ['encoders.text.options.maxTokens=8']);
    expect(longer.error?.message).toMatch(/token ids .* at most 8 for the text encoder but got \[8, \d+\]/);
  });

  test('rows without a picture or without a text are masked: the loss stays finite and nothing is rejected', async () => {
    const data = join(folder, 'gaps');
    const source: SourceRow[] = Array.from({ length: 32 }, (_, i) => ({
      id: `row-${i}`,
      split: 'train',
      images: i % 4 === 1 ? [] : [{ id: 'a', file: tiny.pictures[i] as string, modality: 'CR' as const }],
      texts:
        i % 4 === 2
          ? []
          : [{ kind: 'report' as const, lang: 'en', body: tiny.texts[i] as string, origin: 'human' as const }],
      origin: { file: 'made', row: i },
    }));
    await prepareFrom(adapterOf(source), folder, { to: data, size: 40, tokenizer: 'train:200' }).done;
    const outcome = await trained({ data }, ['train.steps=12', 'evaluate=[]']);
    expect(outcome.error).toBeUndefined();
    expect(outcome.finished).toMatchObject({ reason: 'done', rejected: 0, skipped: 0 });
    for (const step of steps(outcome)) expect(Number.isFinite(step.loss)).toBe(true);
  });
});

function adapterOf(source: SourceRow[]): DatasetAdapter {
  return {
    name: 'made',
    title: 'Made for a test',
    version: '1',
    licence: 'CC0-1.0',
    licenceText: 'none',
    access: 'made here',
    modalities: ['CR'],
    options: z.strictObject({}),
    sample: '.',
    describe: () => ({}),
    async *rows() {
      yield* source;
    },
  };
}
