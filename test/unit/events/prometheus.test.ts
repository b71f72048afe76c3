import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { EventBus } from '../../../src/events/bus.js';
import { prometheus } from '../../../src/events/prometheus.js';
import type { TrainEvent } from '../../../src/events/types.js';
import { runStarted, step, wholeRun, zeroShot } from '../../fixtures/run-events.js';

let run: string;
beforeEach(() => {
  run = mkdtempSync(path.join(tmpdir(), 'gadolinium-prometheus-'));
});
afterEach(() => rmSync(run, { recursive: true }));

/** The text format, read strictly: every sample belongs to the family announced above it. */
function parse(text: string): Map<string, number> {
  const out = new Map<string, number>();
  let family = '';
  expect(text.endsWith('\n')).toBe(true);
  for (const line of text.slice(0, -1).split('\n')) {
    const type = /^# TYPE (\w+) (gauge|counter)$/.exec(line);
    if (type) {
      family = type[1]!;
      expect(family.endsWith('_total')).toBe(type[2] === 'counter');
      continue;
    }
    if (line.startsWith('# HELP ')) continue;
    const sample = /^(\w+)(?:\{((?:\w+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/.exec(line);
    expect(sample, line).not.toBeNull();
    expect(sample![1]).toBe(family);
    const key = line.slice(0, line.lastIndexOf(' '));
    expect(out.has(key), key).toBe(false);
    out.set(key, sample![3] === '+Inf' ? Number.POSITIVE_INFINITY : Number(sample![3]));
  }
  return out;
}

async function page(events: TrainEvent[]): Promise<Map<string, number>> {
  const bus = new EventBus([prometheus(run)]);
  for (const event of events) bus.push(event);
  expect(await bus.close()).toEqual([]);
  expect(readdirSync(run)).toEqual(['metrics.prom']);
  return parse(readFileSync(path.join(run, 'metrics.prom'), 'utf8'));
}

it('holds the last state of a run', async () => {
  const values = await page(wholeRun());
  const last = step(2000);
  expect(values.get('gadolinium_step')).toBe(2000);
  expect(values.get('gadolinium_samples_total')).toBe(last.samples);
  expect(values.get('gadolinium_loss')).toBe(last.loss);
  expect(values.get('gadolinium_loss_term{term="masked-language"}')).toBe(last.losses['masked-language']);
  expect(values.get('gadolinium_step_part_seconds{part="wait"}')).toBe(last.milliseconds.wait / 1000);
  expect(values.get('gadolinium_evaluation{task="zero-shot organ",metric="accuracy"}')).toBe(
    zeroShot(2000).metrics['accuracy'],
  );
  expect(values.get('gadolinium_checkpoints_total')).toBe(5);
  expect(values.get('gadolinium_warnings_total{code="non-finite-gradient"}')).toBe(3);
  expect(values.get('gadolinium_run_state{state="done"}')).toBe(1);
  expect(values.get('gadolinium_run_state{state="running"}')).toBe(0);
});

it('escapes labels and writes what is not finite', async () => {
  const values = await page([
    runStarted({ recipe: 'a"b\\c\nd' }),
    step(1, { loss: Number.NaN, gradientNorm: Number.POSITIVE_INFINITY }),
  ]);
  expect([...values.keys()].some((key) => key.includes('recipe="a\\"b\\\\c\\nd"'))).toBe(true);
  expect(values.get('gadolinium_loss')).toBeNaN();
  expect(values.get('gadolinium_gradient_norm')).toBe(Number.POSITIVE_INFINITY);
});

it('writes the file while the run goes on', async () => {
  const listener = prometheus(run, { milliseconds: 10 });
  listener.on(step(7));
  await expect.poll(() => readdirSync(run)).toEqual(['metrics.prom']);
  expect(parse(readFileSync(path.join(run, 'metrics.prom'), 'utf8')).get('gadolinium_step')).toBe(7);
  await listener.close!();
});

it('answers on a loopback port, and a port that is taken is a failure of the listener and no more', async () => {
  let tell = (_port: number) => {};
  const listening = new Promise<number>((resolve) => {
    tell = resolve;
  });
  const listener = prometheus(run, { port: 0, onListening: (port) => tell(port) });
  const port = await listening;
  listener.on(step(3));
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  expect(answer.headers.get('content-type')).toContain('version=0.0.4');
  expect(parse(await answer.text()).get('gadolinium_step')).toBe(3);
  expect((await fetch(`http://127.0.0.1:${port}/other`)).status).toBe(404);
  expect((await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'POST' })).status).toBe(405);

  const second = prometheus(run, { port });
  await expect
    .poll(() => {
      try {
        second.on(step(4));
        return 'fine';
      } catch (error) {
        return String(error);
      }
    })
    .toContain('EADDRINUSE');
  await second.close!();
  await listener.close!();
  await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow();
});
