// What several processes cost on one machine: two of one thread each beside one of two threads, the same batch of 8, ResNet-50 +
// BERT-base, fp32. Runs alternate; the figure is the median step of all, and where it goes.
//
//     npm run build && node test/bench/ranks.mjs [steps] [rounds]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareRows } from './made-rows.mjs';
import { resnet50Bert } from './resnet50-bert.mjs';

const [steps, rounds] = [Number(process.argv[2] ?? 8), Number(process.argv[3] ?? 2)];
const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'gadolinium-bench-'));
const before = loadavg()[0];
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const round = (value) => Number(value.toPrecision(4));

try {
  const data = await prepareRows(folder);
  const found = { 'one process': [], 'two processes': [] };
  for (let i = 0; i < rounds; i++) {
    for (const [name, world] of [
      ['one process', 1],
      ['two processes', 2],
    ]) {
      const recipe = path.join(folder, `recipe-${world}.mjs`);
      const config = resnet50Bert({ batch: 8, steps: steps + 2, threads: 2 / world });
      writeFileSync(recipe, `export default ${JSON.stringify(config)};\n`);
      const run = path.join(folder, `run-${world}-${i}`);
      const { status, stderr } = spawnSync(
        process.execPath,
        [main, 'train', recipe, '--data', data, '--run', run, ...(world > 1 ? ['--nproc', String(world)] : [])],
        { encoding: 'utf8' },
      );
      if (status !== 0) throw new Error(stderr);
      const events = readFileSync(path.join(run, 'events.jsonl'), 'utf8').trimEnd().split('\n').map(JSON.parse);
      found[name].push(...events.filter(({ type }) => type === 'step').slice(2));
      rmSync(run, { recursive: true });
    }
  }
  const results = Object.entries(found).map(([name, all]) => ({
    name,
    ...Object.fromEntries(
      Object.keys(all[0].milliseconds).map((phase) => [
        phase,
        round(median(all.map((step) => step.milliseconds[phase] ?? 0))),
      ]),
    ),
  }));
  console.table(results);
  console.log(
    JSON.stringify(
      {
        machine: `${cpus()[0].model}, ${cpus().length} cores`,
        load: [before, loadavg()[0]],
        command: `node test/bench/ranks.mjs ${steps} ${rounds}`,
        results,
        slower: round(results[1].total / results[0].total - 1),
      },
      null,
      1,
    ),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
