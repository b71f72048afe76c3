// How long it takes to open a prepared folder of so many shards of 1 GiB: the first time in a process, and again.
//
//     npm run build && node test/bench/open-shards.mjs
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const shards = fileURLToPath(new URL('../../dist/src/data/shards/shards.js', import.meta.url));

if (process.argv[2]) {
  // One process for each folder: what is compiled for the first would help the second.
  const { openShards } = await import(shards);
  const times = [0, 1].map(() => {
    const begun = performance.now();
    openShards(process.argv[2]);
    return Number((performance.now() - begun).toFixed(1));
  });
  console.log(JSON.stringify(times));
} else {
  const { prepareRows } = await import('./made-rows.mjs');
  const folder = mkdtempSync(path.join(tmpdir(), 'gadolinium-bench-'));
  try {
    const manifest = JSON.parse(readFileSync(path.join(await prepareRows(folder), 'dataset.json'), 'utf8'));
    const [shard] = manifest.shards;
    const milliseconds = {};
    for (const count of [1, 100, 2000, 20_000]) {
      const data = path.join(folder, String(count));
      mkdirSync(data);
      const all = Array.from({ length: count }, (_, i) => ({
        ...shard,
        file: `shard-${String(i).padStart(5, '0')}.arrow`,
      }));
      writeFileSync(path.join(data, 'dataset.json'), JSON.stringify({ ...manifest, shards: all }, null, 2));
      const { stdout } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), data], { encoding: 'utf8' });
      const [first, again] = JSON.parse(stdout);
      milliseconds[`${count} shards`] = { first, again };
    }
    const machine = `${cpus()[0].model}, ${cpus().length} cores`;
    console.log(JSON.stringify({ machine, load: loadavg()[0], milliseconds }, null, 1));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
