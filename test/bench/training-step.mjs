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
import { prepareRows, resnet50Bert } from './resnet50-bert.mjs';

const [steps, rounds] = [Number(process.argv[2] ?? 8), Number(process.argv[3] ?? 2)];
const BATCH = 8;
const THREADS = 2;
const dist = process.env.GADOLINIUM_DIST ?? new URL('../../dist', import.meta.url).pathname;
const { train } = await import(path.join(dist, 'src/index.js'));
const folder = mkdtempSync(path.join(tmpdir(), 'gadolinium-bench-'));
const data = await prepareRows(folder);
const ours = resnet50Bert({ batch: BATCH, steps: steps + 2, threads: THREADS });
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
