// The word–region contrast beside the loop over texts of eager PyTorch: batch 48, 361 regions, up to 97 words, width 768, forward
// and backward, fp32; with all 97 words and with lengths as reports have them.
//
//     GADOLINIUM_PEER_PYTHON=python node test/bench/word-region.mjs [rounds]
//
// Both programs live at once and take turns, one step each, in an order that turns round; figures are medians over rounds, "times" the
// median of the ratios within a round. Both must find the same loss and the same lengths of the gradients. Needs about 10 GB.
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { startPlayer } from './player.mjs';

const [rounds, warm] = [Number(process.argv[2] ?? 5), 1];
const [batch, regions, width, longest, threads] = [48, 361, 768, 97, 2];
const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const python = process.env.GADOLINIUM_PEER_PYTHON;
if (!python) console.error('GADOLINIUM_PEER_PYTHON is not set: the peer is passed over');

// Log-normal with median 32, spread 0.6, cut at 97: its quantiles, so that no draw is lucky.
const quantile = (share) => {
  const tail = Math.sqrt(-2 * Math.log(Math.min(share, 1 - share)));
  const z =
    tail -
    (2.515517 + 0.802853 * tail + 0.010328 * tail ** 2) /
      (1 + 1.432788 * tail + 0.189269 * tail ** 2 + 0.001308 * tail ** 3);
  return share < 0.5 ? -z : z;
};
const ragged = Array.from({ length: batch }, (_, i) =>
  Math.min(longest, Math.round(32 * Math.exp(0.6 * quantile((((i * 19) % batch) + 0.5) / batch)))),
);
const lengths = { full: Array(batch).fill(longest), ragged };

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const of = (player, key) => Number(median(player.steps.map((step) => step[key])).toPrecision(4));
const agree = (a, b) => Math.abs(a - b) <= 1e-3 * Math.max(Math.abs(a), Math.abs(b));
const before = loadavg()[0];
const results = [];
for (const [name, texts] of Object.entries(lengths)) {
  const given = [regions, width, longest, threads, texts.join(',')].map(String);
  const players = [startPlayer({ name: 'ours', command: [here('../../build/release/word_region_bench'), ...given] })];
  if (python)
    players.push(startPlayer({ name: 'eager loop', command: [python, here('word_region_peer.py'), ...given] }));
  try {
    for (let round = 0; round < rounds + warm; round++) {
      for (const player of round % 2 ? players.toReversed() : players) {
        const step = await player.step();
        if (round >= warm) player.steps.push(step);
      }
      console.error(`${name}: round ${round + 1} of ${rounds + warm}${round < warm ? ', warm-up' : ''}`);
    }
  } finally {
    await Promise.all(players.map((player) => player.end()));
  }
  const [ours, theirs] = players;
  for (const what of theirs ? [(s) => s.loss, (s) => s.gradients[0], (s) => s.gradients[1]] : [])
    if (!agree(what(ours.steps[0]), what(theirs.steps[0])))
      throw new Error(
        `expected the same loss and gradients of both but got ${JSON.stringify([ours.steps[0], theirs.steps[0]])}`,
      );
  const ratio = (player, key) =>
    Number(median(player.steps.map((step, i) => step[key] / ours.steps[i][key])).toPrecision(3));
  const words = texts.reduce((sum, length) => sum + length, 0);
  for (const player of players)
    results.push({
      lengths: `${name}, ${words} words`,
      program: player === ours ? 'ours' : 'eager loop',
      milliseconds: of(player, 'milliseconds'),
      forward: of(player, 'forward'),
      processorMilliseconds: of(player, 'processorMilliseconds'),
      extraMegabytes: Math.round(of(player, 'extraBytes') / 1e6),
      times: ratio(player, 'milliseconds'),
      timesProcessor: ratio(player, 'processorMilliseconds'),
      // Of the arithmetic that the eager loop does: 12 · B · regions · words · width.
      gigaflops: Math.round((12 * batch * regions * words * width) / of(player, 'milliseconds') / 1e6),
    });
}
console.table(results);
console.log(
  JSON.stringify(
    {
      machine: `${cpus()[0].model}, ${cpus().length} cores`,
      load: [before, loadavg()[0]],
      command: `node test/bench/word-region.mjs ${process.argv.slice(2).join(' ')}`.trim(),
      rounds,
      results,
    },
    null,
    1,
  ),
);
