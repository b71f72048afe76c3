// @ts-check
// Memory of a run over 10,000 steps of a very small model: after step 1,000 (allocators and caches have what they need) the resident
// set may grow by no more than the bound. Exits with 1 when it grows more.
//
//   node test/leak/run.mjs [steps] [bound in MB]          (after `npm run setup`)
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import sharp from 'sharp';
import { prepare, train } from '../../dist/src/index.js';

const steps = Number(process.argv[2] ?? 10_000);
const bound = Number(process.argv[3] ?? 16);
const settled = Math.min(1000, Math.floor(steps / 2));
const side = 24;

const folder = mkdtempSync(join(tmpdir(), 'gadolinium-leak-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const source = join(folder, 'source');
mkdirSync(source);
const lines = ['path,report,patient,split'];
for (let i = 0; i < 64; i++) {
  const pixels = Uint8Array.from({ length: side * side }, (_, at) => (at * (3 + i) + i * 17) & 255);
  await sharp(pixels, { raw: { width: side, height: side, channels: 1 } }).toFile(join(source, `${i}.png`));
  lines.push(`${i}.png,"Case ${i}. Nothing else is seen.",p${i},${i < 56 ? 'train' : 'test'}`);
}
writeFileSync(join(source, 'table.csv'), `${lines.join('\n')}\n`);
const data = join(folder, 'data');
// JPEG, so that the decoder is on the way too.
await prepare({
  dataset: 'table',
  from: join(source, 'table.csv'),
  to: data,
  size: side,
  store: 'jpeg',
  tokenizer: 'train:200',
  adapter: { image: ['path'], text: ['report'], group: 'patient', split: 'split' },
}).done;

const run = train({
  recipe: {
    title: 'Very small',
    data: {
      image: {
        input: 'image',
        options: { size: 16, channels: 1, affine: 0.5, brightness: 0.5, blur: 0.5, noise: 0.5, cutOut: 0.5 },
      },
      text: { input: 'text', options: { maxTokens: 16, shuffle: true } },
    },
    encoders: {
      image: {
        encoder: 'vit',
        options: { imageSize: 16, patchSize: 8, inputChannels: 1, width: 16, depth: 1, heads: 2, dropout: 0.1 },
      },
      text: { encoder: 'bert', options: { width: 16, depth: 1, heads: 2, feedForward: 32, maxTokens: 16 } },
    },
    objectives: [{ objective: 'global-contrast', options: {} }],
    optimise: {
      optimiser: { optimiser: 'adamw', options: {} },
      schedule: { schedule: 'cosine', options: { warmup: 10 } },
      lr: 1e-3,
      clip: 1,
      ema: 0.99,
    },
    // With checkpoints and evaluations: what they take must come back too.
    train: { batch: 4, steps, threads: 1, device: 'cpu', evaluateEvery: Math.max(1, Math.floor(steps / 20)) },
    evaluate: [{ task: 'retrieval', name: 'retrieval', bootstrap: 0 }],
    checkpoint: { everySteps: Math.max(1, Math.floor(steps / 50)), keep: 1 },
  },
  data,
  run: join(folder, 'run'),
});

// What only waits for JavaScript's collector is not a leak.
setFlagsFromString('--expose-gc');
const collect = /** @type {() => void} */ (runInNewContext('gc'));
const megabytes = (/** @type {number} */ bytes) => (bytes / 2 ** 20).toFixed(1);
const every = Math.max(1, Math.floor(steps / 100));
/** @type {number[]} Resident bytes at every hundredth of the run, once it has settled. */
const resident = [];
for await (const event of run) {
  if (event.type === 'warning') console.log(`warning ${event.code}: ${event.message}`);
  if (event.type !== 'step' || event.step < settled || event.step % every !== 0) continue;
  collect();
  const now = process.memoryUsage.rss();
  resident.push(now);
  if (event.step % (10 * every) === 0) console.log(`step ${event.step}  resident ${megabytes(now)} MB`);
}
const { seconds, step } = await run.done;
// The lowest of a few: buffers of the moment come and go.
const before = Math.min(...resident.slice(0, 5));
const after = Math.min(...resident.slice(-5));
console.log(
  `${step} steps in ${seconds.toFixed(1)} s; resident ${megabytes(before)} MB after step ${settled}, ${megabytes(after)} MB at the end: ` +
    `grown by ${megabytes(after - before)} MB, bound ${bound} MB`,
);
if (step !== steps || resident.length < 20 || !(after - before <= bound * 2 ** 20)) process.exitCode = 1;
