// The training step beside eager PyTorch's, fp32: of ResNet-50 + BERT-base (batch 8, 224 px, 64 tokens), or of the recipe biovil (batch 4,
// 480 px, 256 tokens, read whole for the contrast and with hidden words for masked language modelling).
//
//     GADOLINIUM_PEER_PYTHON=python node test/bench/training-step.mjs [resnet50-bert | biovil] [steps] [rounds]
//
// Ours is a whole run: synthetic shards, loader, engine, events. The peers (training_step_peer.py) hold their batch in memory. Rounds
// alternate ours, PyTorch as it comes, PyTorch channels-last with a tuned allocator; the figure is the median step of all rounds.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { prepareRows } from './made-rows.mjs';
import { resnet50Bert } from './resnet50-bert.mjs';

const model = process.argv[2] ?? 'resnet50-bert';
const [steps, rounds] = [Number(process.argv[3] ?? 8), Number(process.argv[4] ?? 2)];
const BATCH = model === 'biovil' ? 4 : 8;
const THREADS = 2;
const dist = process.env.GADOLINIUM_DIST ?? new URL('../../dist', import.meta.url).pathname;
const { extend, train } = await import(path.join(dist, 'src/index.js'));
const { default: biovil } = await import(path.join(dist, 'src/recipes/biovil.js'));
const folder = mkdtempSync(path.join(tmpdir(), 'gadolinium-bench-'));
const data = await prepareRows(folder, model === 'biovil' ? { size: 512, words: 300 } : {});
// Overrides, for a number of steps then takes the place of the recipe's epochs.
const overrides = {
  'train.batch': BATCH,
  'train.steps': steps + 2,
  'train.threads': THREADS,
  'train.loaderThreads': 1,
  'train.device': 'cpu',
  // As many word pieces as the peer's, whatever these few words need.
  ...(model === 'biovil'
    ? { 'encoders.text.options.vocabularySize': 30522, 'objectives.1.options.vocabularySize': 30522 }
    : {}),
};
const set = Object.entries(overrides).map(([name, value]) => `${name}=${value}`);
const ours =
  model === 'biovil' ? extend(biovil, { evaluate: [] }) : resnet50Bert({ batch: BATCH, steps, threads: THREADS });
const found = { ours: [], plain: [], tuned: [] };
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const python = process.env.GADOLINIUM_PEER_PYTHON;
if (!python) console.error('GADOLINIUM_PEER_PYTHON is not set: the peers are passed over');
for (let round = 0; round < rounds; round++) {
  const run = train({ recipe: ours, set, data, run: path.join(folder, `run-${round}`) });
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
      [script, model, mode, String(BATCH), String(steps), String(THREADS)],
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
  model,
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
