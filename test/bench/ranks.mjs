// What several processes cost on one machine: two of one thread each beside one of two threads, the same batch, ResNet-50 + BERT-base,
// fp32. Runs alternate. For each way: the median step and where it goes, and the processor time of all processes a step, which does
// not count what other jobs took; "slower" is by how much each exceeds the one process, the median over rounds.
//
//     npm run build && node test/bench/ranks.mjs [batch] [steps] [rounds] [way…]
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareRows } from './made-rows.mjs';
import { resnet50Bert } from './resnet50-bert.mjs';

const dist = new URL('../../dist/src/', import.meta.url);
const { launchLocal } = await import(new URL('launch/local.js', dist));
const { joinLauncher } = await import(new URL('launch/rank.js', dist));
const { worldFrom } = await import(new URL('launch/world.js', dist));
const { train } = await import(new URL('index.js', dist));

const ways = {
  'one process': [1, {}],
  'two processes': [2, {}],
  'two, optimiser sharded': [2, { optimise: { sharded: true } }],
  'two, gradients as bf16': [2, { train: { gradientCompression: 'bf16' } }],
  'two, both': [2, { optimise: { sharded: true }, train: { gradientCompression: 'bf16' } }],
};
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const round = (value) => Number(value.toPrecision(3));

if (process.argv[2] === '--rank') await rank(...process.argv.slice(3));
else await compare();

/** One rank of one run: writes what each of its steps took. */
async function rank(config, data, run) {
  const world = worldFrom(process.env);
  joinLauncher(world);
  const steps = [];
  let optimiser;
  const listener = {
    name: 'bench',
    on(event) {
      if (event.type === 'run-started') optimiser = event.optimiserBytes / 2 ** 20;
      if (event.type !== 'step') return;
      const { user, system } = process.cpuUsage();
      steps.push({ ...event.milliseconds, processor: (user + system) / 1000 });
    },
  };
  const recipe = JSON.parse(readFileSync(config, 'utf8'));
  await train({ recipe, data, run, world, listeners: [listener] }).done;
  const peak = process.resourceUsage().maxRSS / 1024;
  writeFileSync(`${run}.${world.rank}.json`, JSON.stringify({ steps, optimiser, peak }));
}

async function compare() {
  const [batch = 8, steps = 8, rounds = 2] = process.argv.slice(2, 5).map(Number);
  const chosen = process.argv.length > 5 ? process.argv.slice(5) : Object.keys(ways);
  const folder = mkdtempSync(path.join(tmpdir(), 'gadolinium-bench-'));
  const before = loadavg()[0];
  try {
    const data = await prepareRows(folder);
    const found = Object.fromEntries(chosen.map((way) => [way, []]));
    for (let i = 0; i < rounds; i++) {
      for (const way of chosen) {
        const [world, { optimise = {}, train: training = {} }] = ways[way];
        const config = resnet50Bert({ batch, steps: steps + 2, threads: 2 / world });
        Object.assign(config.optimise, optimise);
        Object.assign(config.train, training);
        const file = path.join(folder, 'recipe.json');
        writeFileSync(file, JSON.stringify(config));
        const run = path.join(folder, `run-${world}-${i}`);
        const command = [process.execPath, fileURLToPath(import.meta.url), '--rank', file, data, run];
        if ((await launchLocal({ command, nproc: world })) !== 0) throw new Error(`${way} failed`);
        const ranks = Array.from({ length: world }, (_, r) => JSON.parse(readFileSync(`${run}.${r}.json`, 'utf8')));
        // From the end of the second step, by when all is allocated.
        const all = ranks[0].steps.slice(2);
        const spent = ranks.map(({ steps: one }) => one.at(-1).processor - one[1].processor);
        const processor = spent.reduce((a, b) => a + b) / all.length;
        found[way].push({
          'optimiser, MiB': ranks[0].optimiser,
          'peak, MiB': ranks[0].peak,
          ...Object.fromEntries(Object.keys(all[0]).map((k) => [k, median(all.map((s) => s[k] ?? 0))])),
          processor,
        });
        rmSync(run, { recursive: true });
      }
    }
    const slower = (way, what) => {
      const ratios = found[way].map((one, i) => one[what] / found[chosen[0]][i][what] - 1);
      return round(median(ratios));
    };
    const results = chosen.map((way) => ({
      way,
      ...Object.fromEntries(Object.keys(found[way][0]).map((k) => [k, round(median(found[way].map((one) => one[k])))])),
      slower: slower(way, 'total'),
      'slower by processor time': slower(way, 'processor'),
    }));
    console.table(results);
    const machine = `${cpus()[0].model}, ${cpus().length} cores`;
    const command = `node test/bench/ranks.mjs ${batch} ${steps} ${rounds}`;
    console.log(JSON.stringify({ machine, load: [before, loadavg()[0]], command, results }, null, 1));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
