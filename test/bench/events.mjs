// What events cost: 1,000 steps a second through all four listeners.
//
//     npm run build && node test/bench/events.mjs
//
// "caller" is the time inside bus.push, which the step loop's thread of JavaScript waits for; "process" is all processor time of
// the process, timers and hand-over to the file system included ("nobody" is the loop of the bench itself: take it off).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

const dist = process.env.GADOLINIUM_DIST ?? new URL('../../dist', import.meta.url).pathname;
const load = (name) => import(path.join(dist, 'src/events', name));
const [{ EventBus }, { jsonLines }, { tensorBoard }, { prometheus }, { terminal }] = await Promise.all(
  ['bus.js', 'jsonl.js', 'tensorboard.js', 'prometheus.js', 'terminal.js'].map(load),
);

function stepEvent(n) {
  const x = Math.sin(n) * 0.1;
  return {
    type: 'step',
    time: Date.now(),
    rank: 0,
    step: n,
    epoch: Math.floor(n / 100),
    samples: n * 256,
    loss: 2.3 + x,
    losses: { 'global-contrast': 1.9 + x, 'masked-language': 0.4 - x, 'word-region-attention': 0.7 + x },
    measures: { 'image-to-text.accuracy': 0.5 + x, 'text-to-image.accuracy': 0.5 - x },
    learningRates: { image: 1e-4 * (1 + x), text: 2e-5 * (1 + x), heads: 5e-4 * (1 + x) },
    logitScale: 14.3 + x,
    gradientNorm: 1.2 + x,
    gradientNorms: { image: 0.8 + x, text: 0.5 - x, heads: 0.1 + x },
    samplesPerSecond: 1400 + 100 * x,
    milliseconds: {
      total: 183 + x,
      wait: 4 + x,
      transfer: 3 - x,
      forward: 60 + x,
      loss: 6 + x,
      backward: 90 - x,
      communication: 7 + x,
      optimiser: 15 + x,
    },
    mfu: 0.41 + x,
    flopsPerSecond: 2.7e12 * (1 + x),
    memory: { now: 9.1e9 + Math.round(1e8 * x), peak: 9.6e9 },
    ready: 6,
    skipped: 0,
  };
}

async function measure(name, listeners, seconds) {
  const run = mkdtempSync(path.join(tmpdir(), 'gadolinium-bench-'));
  const sink = new PassThrough();
  sink.resume();
  const make = {
    jsonl: () => jsonLines(run),
    tensorboard: () => tensorBoard(run),
    prometheus: () => prometheus(run),
    terminal: () => terminal({ stream: sink }),
  };
  const bus = new EventBus(listeners.map((listener) => make[listener]()));
  let n = 0;
  // Let the compiler see the code before the clock runs.
  for (; n < 3000; n++) bus.push(stepEvent(n + 1));
  await sleep(1500);
  const times = [];
  const events = Array.from({ length: seconds * 1000 }, () => stepEvent(++n));
  const processor = process.cpuUsage();
  const begun = performance.now();
  for (let sent = 0; sent < events.length; ) {
    // Bursts of what became due, as the native side hands them over: at most one wake-up a turn.
    const due = Math.min(events.length, Math.ceil(performance.now() - begun));
    for (; sent < due; sent++) {
      const before = performance.now();
      bus.push(events[sent]);
      times.push(performance.now() - before);
    }
    await sleep(1);
  }
  const used = process.cpuUsage(processor);
  const unheard = await bus.close();
  rmSync(run, { recursive: true });
  times.sort((a, b) => a - b);
  const micro = (value) => `${(1000 * value).toFixed(1)} µs`;
  const mean = times.reduce((a, b) => a + b, 0) / times.length;
  console.log(
    `${name.padEnd(12)} caller ${micro(mean)} mean, ${micro(times[Math.floor(times.length / 2)])} median, ${micro(times[Math.floor(times.length * 0.99)])} p99, ` +
      `${micro(times.at(-1))} worst; process ${((used.user + used.system) / times.length).toFixed(1)} µs a step` +
      `${unheard.length > 0 ? `; ${unheard.map((warning) => warning.message).join('; ')}` : ''}`,
  );
  return mean;
}

const seconds = Number(process.argv[2] ?? 5);
await measure('nobody', [], seconds);
for (const listener of ['jsonl', 'tensorboard', 'prometheus', 'terminal']) await measure(listener, [listener], seconds);
const all = await measure('all four', ['jsonl', 'tensorboard', 'prometheus', 'terminal'], seconds);
console.log(`at 1,000 steps/s handing over the events takes ${(all * 100).toFixed(2)} % of the step loop's time`);
