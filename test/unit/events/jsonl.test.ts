import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventBus } from '../../../src/events/bus.js';
import { eventsFile, jsonLines, jsonStream } from '../../../src/events/jsonl.js';
import { prometheus } from '../../../src/events/prometheus.js';
import { tensorBoard } from '../../../src/events/tensorboard.js';
import { step, wholeRun, zeroShot } from '../../fixtures/run-events.js';

let run: string;
beforeEach(() => {
  run = mkdtempSync(path.join(tmpdir(), 'gadolinium-jsonl-'));
});
afterEach(() => rmSync(run, { recursive: true }));

const lines = () =>
  readFileSync(path.join(run, eventsFile), 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

describe('jsonLines', () => {
  it('writes every event as one line, in order', async () => {
    const bus = new EventBus([jsonLines(run)]);
    const events = wholeRun();
    for (const event of events) bus.push(event);
    expect(await bus.close()).toEqual([]);
    expect(lines()).toEqual(JSON.parse(JSON.stringify(events)));
  });

  it('has a lifecycle event on disk as soon as it was handed over, with all steps before it', async () => {
    const listener = jsonLines(run, { milliseconds: 1e6 });
    listener.on(step(1));
    listener.on(step(2));
    listener.on(zeroShot(2));
    await expect.poll(() => lines().map((event) => event.type)).toEqual(['step', 'step', 'evaluation']);
    await listener.close!();
  });

  it('writes steps within its time when nothing else happens', async () => {
    const listener = jsonLines(run, { milliseconds: 10 });
    listener.on(step(1));
    await expect.poll(() => lines().length, { timeout: 5000 }).toBe(1);
    await listener.close!();
  });

  it.each([1, 200, 70_000, 200_000])(
    'cuts off half a line of %d bytes that a kill left, and nothing else',
    async (size) => {
      const first = jsonLines(run);
      first.on(step(1));
      await first.close!();
      appendFileSync(path.join(run, eventsFile), `{"type":"step","step":2,"junk":"${'é'.repeat(size)}`.slice(0, size));
      const second = jsonLines(run);
      second.on(step(2));
      await second.close!();
      expect(lines().map((event) => event.step)).toEqual([1, 2]);
    },
  );

  it('leaves no trace of a run that said nothing', async () => {
    const folder = path.join(run, 'refused');
    const bus = new EventBus([jsonLines(folder), tensorBoard(folder), prometheus(folder)]);
    expect(await bus.close()).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  it('empties a file that is nothing but half a line', async () => {
    appendFileSync(path.join(run, eventsFile), '{"type":"run-st');
    const listener = jsonLines(run);
    listener.on(step(1));
    await listener.close!();
    expect(lines().map((event) => event.step)).toEqual([1]);
  });

  it.skipIf(process.platform !== 'linux')('reports a full disk and goes on', async () => {
    // /dev/full takes no byte; a symbolic link to it stands for the file on a full disk.
    symlinkSync('/dev/full', path.join(run, eventsFile));
    const warnings: string[] = [];
    const bus = new EventBus(
      [jsonLines(run), { name: 'ear', on: (e) => void (e.type === 'warning' && warnings.push(e.code)) }],
      { failures: 2 },
    );
    for (let n = 1; n <= 4; n++) {
      bus.push(zeroShot(n));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await bus.close();
    expect(warnings).toContain('listener-failed');
    expect(warnings).toContain('listener-detached');
  });
});

describe('jsonStream', () => {
  it('waits for a full stream', async () => {
    const stream = new PassThrough({ highWaterMark: 10 });
    const listener = jsonStream(stream);
    expect(listener.on(step(1))).toBeUndefined();
    const waiting = listener.on(zeroShot(1, { name: 'x'.repeat(9_000_000) }));
    expect(waiting).toBeInstanceOf(Promise);
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    await waiting;
    expect(
      Buffer.concat(chunks)
        .toString()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).step),
    ).toEqual([1, 1]);
  });

  it('turns a reader that went away into a failure of the listener', async () => {
    const stream = new PassThrough();
    const listener = jsonStream(stream);
    stream.destroy(new Error('EPIPE'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(() => listener.on(step(1))).toThrow('EPIPE');
  });
});
