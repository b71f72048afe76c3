/**
 * A tiny CLIP and data for it, seconds to train: what the tests of this folder run, as processes of their own (the command,
 * from the compiled sources) or in this one.
 */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { retrieval } from '../../src/config/evaluate.js';
import { type Recipe, recipe } from '../../src/config/recipe.js';
import { prepare } from '../../src/data/prepare.js';
import type { TrainEvent } from '../../src/events/types.js';
import {
  adamw,
  bert,
  cosine,
  globalContrast,
  image,
  linearProjection,
  resnet,
  text,
} from '../../src/native/generated.js';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const main = join(root, 'dist/src/cli/main.js');

/** Everything that draws random numbers or carries state from step to step is on. */
export const tinyRecipe = recipe({
  title: 'Tiny CLIP',
  data: {
    image: image({
      size: 32,
      channels: 1,
      cropScale: [0.5, 1],
      affine: 0.5,
      brightness: 0.5,
      contrast: 0.5,
      blur: 0.3,
      noise: 0.3,
      cutOut: 0.3,
    }),
    text: text({ maxTokens: 32, shuffle: true }),
  },
  encoders: {
    image: resnet({ depth: 10, width: 8, inputChannels: 1 }),
    text: bert({ width: 32, depth: 1, heads: 2, feedForward: 64, maxTokens: 32, dropout: 0.2, attentionDropout: 0.1 }),
  },
  heads: [
    linearProjection({ from: 'image.global', inputWidth: 64, outputWidth: 32 }),
    linearProjection({ from: 'text.global', inputWidth: 32, outputWidth: 32 }),
  ],
  objectives: [globalContrast()],
  optimise: { optimiser: adamw(), schedule: cosine({ warmup: 10 }), lr: 2e-3, decay: 0.1, clip: 1, ema: 0.98 },
  train: { batch: 8, steps: 40 },
  evaluate: [retrieval()],
  checkpoint: { everySteps: 0, everyMinutes: 0 },
});

export const temporary = () => mkdtempSync(join(tmpdir(), 'gadolinium-'));

/** Writes a recipe as a file that the command takes. */
export function recipeFile(folder: string, of: Recipe = tinyRecipe): string {
  const file = join(folder, 'tiny.mjs');
  writeFileSync(file, `export default ${JSON.stringify(of)};\n`);
  return file;
}

export interface TinyData {
  /** Pictures and table. */
  source: string;
  /** The prepared folder. */
  data: string;
  pictures: string[];
  texts: string[];
  /** A prompt for each pattern. */
  prompts: string;
}

const patterns = ['clear', 'nodular', 'striped', 'dense'];

const [width, height] = [56, 48];

/** Grey levels that a small network tells apart, another picture for each `seed`. */
async function picture(file: string, pattern: number, seed: number): Promise<void> {
  const pixels = Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const grey = [40, (x >> 3) + (y >> 3), y >> 2, 200][pattern] as number;
    return (
      ((pattern === 0 || pattern === 3 ? grey : (grey & 1) * 160 + 40) + ((x * 7 + y * 13 + seed * 29) % 40)) & 255
    );
  });
  await sharp(pixels, { raw: { width, height, channels: 1 } }).toFile(file);
}

/** Pictures of four patterns with texts of three sentences; the first 64 rows for training, then 8 for `valid` and `test` each. */
export async function tinyData(
  folder: string,
  { size = 40, store = 'raw' as 'raw' | 'jpeg', training = 64 } = {},
): Promise<TinyData> {
  const source = join(folder, 'source');
  mkdirSync(source);
  const pictures: string[] = [];
  const texts: string[] = [];
  const lines = ['path,report,patient,split,pattern'];
  for (let i = 0; i < training + 16; i++) {
    const file = `picture-${String(i).padStart(3, '0')}.png`;
    const pattern = patterns[i % 4] as string;
    await picture(join(source, file), i % 4, i);
    pictures.push(join(source, file));
    texts.push(`The picture looks ${pattern}. It has number ${i}. Nothing else is seen in case ${i % 11}.`);
    lines.push(
      `${file},"${texts[i]}",p${i},${i < training ? 'train' : i < training + 8 ? 'valid' : 'test'},${pattern}`,
    );
  }
  writeFileSync(join(source, 'table.csv'), `${lines.join('\n')}\n`);
  const classes = Object.fromEntries(patterns.map((label) => [label, [`The picture looks ${label}.`]]));
  const prompts = join(source, 'prompts.json');
  writeFileSync(prompts, JSON.stringify({ labels: 'pattern', classes }));
  const data = join(folder, 'data');
  await prepare({
    dataset: 'table',
    from: join(source, 'table.csv'),
    to: data,
    size,
    store,
    tokenizer: 'train:400',
    limits: { batchRows: 16, shardBytes: 60_000 },
    adapter: { image: ['path'], text: ['report'], group: 'patient', split: 'split', label: ['pattern'] },
  }).done;
  return { source, data, pictures, texts, prompts };
}

/** Brings dist/ up to date, for tests that start processes; quick where nothing has changed. */
export function compile(): void {
  spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json'], { cwd: root });
  if (!existsSync(main)) throw new Error(`expected ${main} after compiling`);
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** Events of `--json`. */
  events: TrainEvent[];
}

/** A running command. `line` is called with every line of standard output as it comes. */
export class Command {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  onLine: (line: string) => void = () => {};

  /** `before`: a program that runs another, with its arguments. */
  constructor(
    args: readonly string[],
    { before = [], ...options }: SpawnOptions & { before?: readonly string[] } = {},
  ) {
    const [program, ...rest] = [...before, process.execPath, ...args];
    this.child = spawn(program as string, rest, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    let held = '';
    this.child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk;
      const lines = (held + chunk).split('\n');
      held = lines.pop() as string;
      for (const line of lines) this.onLine(line);
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk;
    });
    this.ended = new Promise((resolve) =>
      this.child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr, events: eventsOf(stdout) })),
    );
  }

  /** The first line of standard output that holds `part`. */
  seen(part: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.onLine = (line) => {
        if (line.includes(part)) resolve(line);
      };
      void this.ended.then(({ stderr }) => reject(new Error(`expected ${part} but the command ended: ${stderr}`)));
    });
  }
}

/** `gadolinium ARGS`. */
export const gadolinium = (...args: string[]) => new Command([main, ...args]);

function eventsOf(stdout: string): TrainEvent[] {
  return stdout.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as TrainEvent];
    } catch {
      return []; // half a line of a killed process, or no --json
    }
  });
}

export interface Tensors {
  /** The header without the metadata, which holds times and paths. */
  tensors: Record<string, unknown>;
  metadata: Record<string, string>;
  bytes: Buffer;
}

/** A safetensors file, by its definition: eight bytes of length, a JSON header, the data. */
export function readTensors(file: string): Tensors {
  const all = readFileSync(file);
  const end = 8 + Number(all.readBigUInt64LE(0));
  const { __metadata__: metadata, ...tensors } = JSON.parse(all.toString('utf8', 8, end));
  return { tensors, metadata, bytes: all.subarray(end) };
}

export const checkpointOf = (run: string, step: number) =>
  join(run, 'checkpoints', `step-${String(step).padStart(8, '0')}.safetensors`);
