// From the start of the process to the first finished step of `demo` once set up and prepared: `train demo --json` up to the line of the
// first step.
//
//     npm run build && node test/bench/start-up.mjs [repeats]
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const repeats = Number(process.argv[2] ?? 5);
const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'gadolinium-bench-'));
const start = (...args) => spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });

function firstStep(number) {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    let spent;
    const run = path.join(folder, `start-${number}`);
    const child = start(
      'train',
      'demo',
      '--data',
      path.join(folder, 'data'),
      '--run',
      run,
      '--json',
      '--set',
      'train.epochs=1',
    );
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (spent !== undefined || JSON.parse(line).type !== 'step') return;
      spent = performance.now() - begun;
      child.kill('SIGTERM');
    });
    child.on('close', (status) =>
      spent === undefined ? reject(new Error(`expected a step but got status ${status}`)) : resolve(spent),
    );
  });
}

try {
  await new Promise((resolve, reject) => {
    const child = start('demo', '--to', folder, '--set', 'train.epochs=1');
    child.stdout.resume();
    child.on('close', (status) =>
      status === 0 ? resolve() : reject(new Error(`expected demo to end well but got status ${status}`)),
    );
  });
  const milliseconds = [];
  for (let i = 0; i < repeats; i++) milliseconds.push(Math.round(await firstStep(i)));
  const median = milliseconds.toSorted((a, b) => a - b)[repeats >> 1];
  console.log(
    JSON.stringify(
      { machine: `${cpus()[0].model}, ${cpus().length} cores`, load: loadavg()[0], milliseconds, median },
      null,
      1,
    ),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
