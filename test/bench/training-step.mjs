// The training step beside eager PyTorch's: ResNet-50 + BERT-base, batch 8, 224 px, 64 tokens, fp32.
//
//     GADOLINIUM_PEER_PYTHON=python node test/bench/training-step.mjs [steps] [rounds]
//
// Ours is a whole run: synthetic shards, loader, engine, events. The peers (training_step_peer.py) hold their batch in memory. Rounds
// alternate ours, PyTorch as it comes, PyTorch channels-last with a tuned allocator; the figure is the median step of all rounds.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';

const [steps, rounds] = [Number(process.argv[2] ?? 8), Number(process.argv[3] ?? 2)];
const BATCH = 8;
const THREADS = 2;
const dist = process.env.GADOLINIUM_DIST ?? new URL('../../dist', import.meta.url).pathname;
const [face, { prepareFrom }] = await Promise.all([
  import(path.join(dist, 'src/index.js')),
  import(path.join(dist, 'src/data/prepare.js')),
]);
const { default: sharp } = await import('sharp');
const { z } = await import('zod');

const words = Array.from(
  { length: 400 },
  (_, i) => `word${String.fromCharCode(97 + (i % 26), 97 + ((i * 7) % 26), 97 + ((i * 3) % 26))}`,
);
const adapter = {
  name: 'bench',
  title: 'bench',
  version: '1',
  licence: 'CC0-1.0',
  licenceText: 'made up',
  access: 'none',
  modalities: ['CR'],
  options: z.strictObject({}),
  sample: '.',
  defaults: {},
  describe: () => ({}),
  async *rows() {
    for (let i = 0; i < 32; i++) {
      const pixels = Buffer.from(
        Uint8Array.from({ length: 256 * 256 }, (_, p) => (p * 31 + i * 97 + (p >> 8) * (p & 255)) & 255),
      );
      const bytes = await sharp(pixels, { raw: { width: 256, height: 256, channels: 1 } })
        .png()
        .toBuffer();
      const body = Array.from({ length: 90 }, (_, w) => words[(w * 17 + i * 29) % words.length]).join(' ');
      yield {
        id: `s${i}`,
        split: 'train',
        images: [{ id: `i${i}`, bytes, modality: 'CR' }],
        texts: [{ kind: 'caption', lang: 'en', body, origin: 'human' }],
        origin: { file: 'made', row: i },
      };
    }
  },
};

const folder = mkdtempSync(path.join(tmpdir(), 'gadolinium-bench-'));
const data = path.join(folder, 'data');
await prepareFrom(adapter, folder, { from: folder, to: data, size: 256 }).done;
const { adamw, bert, constant, globalContrast, image, linearProjection, recipe, resnet, text, train } = face;
const ours = recipe({
  title: 'bench',
  data: { image: image({ size: 224, flip: 0.5 }), text: text({ maxTokens: 64 }) },
  encoders: {
    image: resnet({ depth: 50 }),
    text: bert({ vocabularySize: 30522, attentionDropout: 0.1, dropout: 0.1 }),
  },
  heads: [
    linearProjection({ from: 'image.global', inputWidth: 2048, outputWidth: 512, bias: false }),
    linearProjection({ from: 'text.global', inputWidth: 768, outputWidth: 512, bias: false }),
  ],
  objectives: [globalContrast()],
  optimise: { optimiser: adamw(), schedule: constant(), lr: 1e-4, decay: 0.01 },
  train: { batch: BATCH, steps: steps + 2, threads: THREADS, loaderThreads: 1, device: 'cpu' },
  checkpoint: { everySteps: 0, everyMinutes: 0 },
});

const found = { ours: [], plain: [], tuned: [] };
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const python = process.env.GADOLINIUM_PEER_PYTHON;
if (!python) console.error('GADOLINIUM_PEER_PYTHON is not set: the peers are passed over');
for (let round = 0; round < rounds; round++) {
  const run = train({ recipe: ours, data, run: path.join(folder, `run-${round}`) });
  const times = [];
  for await (const event of run) if (event.type === 'step') times.push(event.milliseconds.total);
  await run.done;
  found.ours.push(...times.slice(2));
  if (!python) continue;
  const tuned = { MALLOC_MMAP_MAX_: '0', MALLOC_TRIM_THRESHOLD_: '17179869184', MALLOC_TOP_PAD_: '268435456' };
  for (const [name, mode, env] of [
    ['plain', 'plain', {}],
    ['tuned', 'channels-last', tuned],
  ]) {
    const script = new URL('training_step_peer.py', import.meta.url).pathname;
    const { stdout, stderr, status } = spawnSync(
      python,
      [script, mode, String(BATCH), String(steps), String(THREADS)],
      {
        encoding: 'utf8',
        // As the addon sets it for itself: with OpenMP's own, shared cores would slow down the peers most.
        env: { GOMP_SPINCOUNT: '1000', ...process.env, ...env },
      },
    );
    if (status !== 0) throw new Error(stderr);
    found[name].push(...JSON.parse(stdout.trim().split('\n').at(-1)).milliseconds);
  }
}
const rate = (times) => (times.length ? (1000 * BATCH) / median(times) : undefined);
const result = {
  machine: `${cpus()[0].model}, ${cpus().length} cores`,
  command: process.argv
    .slice(1)
    .map((part) => path.basename(part))
    .join(' '),
  batch: BATCH,
  threads: THREADS,
  steps,
  rounds,
  samplesPerSecond: {
    ours: rate(found.ours),
    'PyTorch as it comes': rate(found.plain),
    'PyTorch channels-last, tuned allocator': rate(found.tuned),
  },
  ratios: python
    ? {
        'ours / as it comes': rate(found.ours) / rate(found.plain),
        'ours / tuned': rate(found.ours) / rate(found.tuned),
      }
    : undefined,
};
console.log(JSON.stringify(result, null, 2));
rmSync(folder, { recursive: true, force: true });
process.exit(0);
