// The training step of the bench beside (training-step.mjs) without data path and JavaScript, with each thing that makes it fast taken
// away, and PyTorch with each given to it.
//
//     GADOLINIUM_PEER_PYTHON=python node test/bench/training-step-parts.mjs [rounds] [numbers of the programs, 0,1,…]
//
// All programs live at once and take turns, one step each, in an order that turns round: on a machine whose speed changes every ratio
// is that of steps moments apart. The figure is the median over rounds; processor time, which does not count what other jobs take, is
// told beside the clock. Needs about 4 GB a program.
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { startPlayer } from './player.mjs';

const [rounds, warm, batch, threads] = [Number(process.argv[2] ?? 5), 2, 8, 2];
const only = process.argv[3]?.split(',').map(Number);
const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const python = process.env.GADOLINIUM_PEER_PYTHON;
if (!python) console.error('GADOLINIUM_PEER_PYTHON is not set: the peers are passed over');

const native = (name, ...given) => ({
  name,
  command: [here('../../build/release/training_step_bench'), `batch=${batch}`, `threads=${threads}`, ...given],
});
const tuned = { MALLOC_MMAP_MAX_: '0', MALLOC_TRIM_THRESHOLD_: '17179869184', MALLOC_TOP_PAD_: '268435456' };
const peer = (name, mode, environment = {}) => ({
  name,
  command: [python, here('training_step_peer.py'), 'resnet50-bert', mode, String(batch), 'turns', String(threads)],
  environment,
});
const programs = [
  native('ours'),
  native('ours, malloc as it comes', 'malloc=system'),
  native('ours, malloc as it comes, contiguous', 'malloc=system', 'layout=contiguous'),
  ...(python
    ? [
        peer('PyTorch as it comes', 'plain'),
        peer('PyTorch, channels-last', 'channels-last'),
        peer('PyTorch, channels-last, malloc that keeps', 'channels-last', tuned),
        peer('PyTorch, channels-last, malloc that keeps, fused AdamW', 'fused', tuned),
      ]
    : []),
].filter((_, i) => !only || only.includes(i));

const before = loadavg()[0];
const players = programs.map(startPlayer);
try {
  for (let round = 0; round < rounds + warm; round++) {
    for (const player of round % 2 ? players.toReversed() : players) {
      const step = await player.step();
      if (round >= warm) player.steps.push(step);
    }
    console.error(`round ${round + 1} of ${rounds + warm}${round < warm ? ', warm-up' : ''}`);
  }
} finally {
  await Promise.all(players.map((player) => player.end()));
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const of = (player, pick) => Number(median(player.steps.map(pick)).toPrecision(4));
const ratio = (player, key) =>
  Number(median(player.steps.map((step, i) => step[key] / players[0].steps[i][key])).toPrecision(3));
const results = players.map((player) => ({
  program: player.name,
  samplesPerSecond: of(player, (step) => (1000 * batch) / step.milliseconds),
  milliseconds: of(player, (step) => step.milliseconds),
  processorMilliseconds: of(player, (step) => step.processorMilliseconds),
  pageFaults: of(player, (step) => step.pageFaults),
  peakMegabytes: of(player, (step) => step.peakBytes / 1e6),
  timesOfFirst: ratio(player, 'milliseconds'),
  timesOfFirstProcessor: ratio(player, 'processorMilliseconds'),
  forward: of(player, (step) => step.phases.forward),
  backward: of(player, (step) => step.phases.backward),
  optimiser: of(player, (step) => step.phases.optimiser),
}));
console.table(results);
console.log(
  JSON.stringify(
    {
      machine: `${cpus()[0].model}, ${cpus().length} cores`,
      load: [before, loadavg()[0]],
      command: `node test/bench/training-step-parts.mjs ${process.argv.slice(2).join(' ')}`.trim(),
      rounds,
      results,
    },
    null,
    1,
  ),
);
