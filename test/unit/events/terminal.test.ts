import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type TerminalOptions, terminal } from '../../../src/events/terminal.js';
import type { TrainEvent } from '../../../src/events/types.js';
import { runStarted, startTime, step, wholeRun, zeroShot } from '../../fixtures/run-events.js';

function say(events: TrainEvent[], options: TerminalOptions = {}, columns?: number): string {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  const listener = terminal({
    ...options,
    stream: Object.assign(stream, columns === undefined ? {} : { columns, isTTY: true }),
  });
  for (const event of events) listener.on(event);
  listener.close?.();
  return text;
}

/** What a terminal would show: \r returns to the start of the line, \x1b[K clears the rest of it. */
function screen(text: string): string[] {
  return stripVTControlCharacters(text.replaceAll('\x1b[K', '\u0001'))
    .split('\n')
    .map((line) => {
      let shown = '';
      for (const part of line.split('\r')) {
        shown = part.replace('\u0001', '') + (part.includes('\u0001') ? '' : shown.slice(part.length));
      }
      return shown;
    });
}

describe('plain lines', () => {
  const text = say(wholeRun());
  const lines = text.trimEnd().split('\n');

  it('have no control characters', () => {
    expect(text).not.toMatch(/[^\P{Cc}\n]/u);
  });

  it('say first and last step and about one line each ten seconds', () => {
    const steps = lines.filter((line) => /^step [\d,]+\/2,000 /.test(line));
    expect(steps[0]).toMatch(/^step 1\//);
    expect(steps.at(-1)).toMatch(/^step 2,000\/2,000 .* left/);
    // 366 s of steps, 45 s between the kill and the first step after it
    expect(steps.length).toBeGreaterThan(34);
    expect(steps.length).toBeLessThan(42);
    expect(text).not.toMatch(/-\d.* left/);
  });

  it('say each step where asked to', () => {
    expect(say([runStarted(), step(1), step(2), step(3)], { steps: 1 }).match(/^step \d/gm)).toHaveLength(3);
  });

  it('say what changed since the evaluation before', () => {
    const evaluations = say([
      zeroShot(100, { metrics: { accuracy: 0.5 } }),
      zeroShot(200, { metrics: { accuracy: 0.625 } }),
    ]).split('\n');
    expect(evaluations[0]).toContain('accuracy 0.5000  264 samples');
    expect(evaluations[1]).toContain('accuracy 0.6250 (+0.13)');
  });

  it('say how the run began and ended', () => {
    expect(text).toContain('convirt, 2,000 steps\n');
    expect(text).toContain('convirt, 2,000 steps from step 1,200');
    expect(text).toContain('global batch of 256 in one process, exact gradient');
    expect(lines.at(-1)).toBe('done at step 2,000 after 2 min 35 s; 2 steps skipped (loss or gradient not finite)');
  });

  it('say a failure with its advice', () => {
    const text = say([
      {
        type: 'run-finished',
        time: startTime,
        rank: 0,
        step: 3,
        reason: 'failed',
        error: { code: 'data', message: 'expected a JPEG', advice: 'prepare again' },
        skipped: 0,
        rejected: 2,
        seconds: 1,
      },
    ]);
    expect(text).toBe('failed at step 3 after 1.0 s; 2 samples rejected\nexpected a JPEG [data]\nprepare again\n');
  });

  it('keep control sequences of data and errors out of the terminal', () => {
    const text = say([{ type: 'warning', time: startTime, rank: 0, code: 'x', message: 'row 3:\x1b[2J\nhidden\x07' }]);
    expect(text).toBe('warning row 3: [2J hidden [x]\n');
  });
});

describe('shards of an object store', () => {
  const fetch = (here: number, time: number): TrainEvent => ({
    type: 'data-fetch',
    time: startTime + time,
    rank: 0,
    source: 's3://bucket/set',
    folder: '/cache/set',
    shards: { wanted: 24, here },
    bytes: { wanted: 24e9, here: here * 1e9 },
    fetched: here * 1e9,
    seconds: time / 1000,
  });
  const events = [fetch(0, 0), fetch(1, 1000), fetch(12, 11_000), fetch(13, 12_000), fetch(24, 13_000)];

  it('are told at the start, every ten seconds and at the end', () => {
    expect(say(events).trimEnd().split('\n')).toEqual([
      'fetch     0 of 24 shards of s3://bucket/set, 0 B of 24.00 GB',
      'fetch     12 of 24 shards of s3://bucket/set, 12.00 GB of 24.00 GB, 1.09 GB/s',
      'fetch     24 of 24 shards of s3://bucket/set, 24.00 GB of 24.00 GB, 1.85 GB/s',
    ]);
  });

  it('are one line on a terminal, also where a warning or the end of the run comes in between', () => {
    const warning: TrainEvent = {
      type: 'warning',
      code: 'cache-damaged',
      message: 'x is fetched again',
      time: 0,
      rank: 0,
    };
    const shown = screen(
      say([events[0]!, events[1]!, warning, ...events.slice(2)], { live: true, colour: false }, 100),
    );
    expect(shown).toEqual([
      'warning x is fetched again [cache-damaged]',
      'fetch     24 of 24 shards of s3://bucket/set, 24.00 GB of 24.00 GB, 1.85 GB/s',
      '',
    ]);
  });
});

describe('the live line', () => {
  const text = say(wholeRun(), { colour: true }, 100);
  const shown = screen(text);

  it('is redrawn and never wider than the terminal', () => {
    for (const part of text.split(/[\r\n]/)) {
      const plain = stripVTControlCharacters(part);
      if (plain.includes('samples/s')) expect(plain.length).toBeLessThan(100);
    }
    expect(shown.filter((line) => line.includes('samples/s'))).toHaveLength(1);
    expect(shown.some((line) => /^━+ {2}step 2,000\/2,000 {2}loss \d/.test(line))).toBe(true);
  });

  it('stands below evaluations and checkpoints', () => {
    expect(shown.filter((line) => line.includes('zero-shot organ'))).toHaveLength(10);
    expect(shown.filter((line) => line.includes('checkpoint '))).toHaveLength(5);
    expect(shown.at(-2)).toContain('done at step 2,000');
  });

  it('shows a narrow terminal what matters most', () => {
    for (const line of screen(say([runStarted(), step(1)], {}, 30)).filter((line) => line.includes('loss'))) {
      expect(line).toMatch(/^step 1\/2,000 {2}loss \d/);
      expect(line.length).toBeLessThan(30);
    }
  });

  it('has no colour under NO_COLOR', () => {
    process.env['NO_COLOR'] = '1';
    try {
      expect(say(wholeRun(), {}, 100)).not.toContain('\x1b[3');
    } finally {
      delete process.env['NO_COLOR'];
    }
  });
});
