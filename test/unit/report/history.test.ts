import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GadoliniumError } from '../../../src/errors.js';
import type { TrainEvent } from '../../../src/events/types.js';
import { readHistory } from '../../../src/report/history.js';
import { gallery, runStarted, step, wholeRun, zeroShot } from '../../fixtures/run-events.js';

let run: string;
beforeEach(() => {
  run = mkdtempSync(path.join(tmpdir(), 'gadolinium-history-'));
});
afterEach(() => rmSync(run, { recursive: true }));

const write = (events: TrainEvent[]) =>
  writeFileSync(path.join(run, 'events.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join(''));

describe('readHistory', () => {
  it('reads a whole run with its resume', async () => {
    write(wholeRun());
    const history = await readHistory(run);
    expect(history.steps.first).toBe(1);
    expect(history.steps.last).toBe(2000);
    expect(history.steps.column('loss')![1234]).toBe(Math.fround(step(1234).loss));
    expect(history.steps.column('milliseconds.wait')![2000]).toBe(Math.fround(step(2000).milliseconds.wait));
    expect(history.steps.names('losses.')).toEqual(['global-contrast', 'masked-language']);
    expect(history.sessions.map(({ lastStep, repeated }) => [lastStep, repeated])).toEqual([
      [1260, 60],
      [2000, 0],
    ]);
    expect(history.evaluations).toHaveLength(20);
    expect(history.checkpoints).toHaveLength(5);
    expect(history.warnings).toHaveLength(3);
    expect(history.finished!.reason).toBe('done');
    expect(history.unreadable).toBe(0);
  });

  it('forgets what came after the step that a session was resumed from, even where it was not done again', async () => {
    const told = (n: number) => step(n, { loss: -n });
    write([
      runStarted(),
      ...[1, 2, 3, 4, 5, 6].map((n) => step(n)),
      zeroShot(2),
      zeroShot(6),
      runStarted({ from: 3, resumed: 'checkpoints/step-3' }),
      told(4),
    ]);
    const { steps, evaluations, finished, sessions } = await readHistory(run);
    expect(steps.last).toBe(4);
    expect(steps.column('loss')![3]).toBe(Math.fround(step(3).loss));
    expect(steps.column('loss')![4]).toBe(-4);
    expect(steps.column('loss')![5]).toBeNaN();
    expect(evaluations.map(({ step }) => step)).toEqual([2]);
    expect(sessions[0]!.repeated).toBe(3);
    expect(finished).toBeUndefined();
  });

  it('counts lines that are no events, and leaves the rest as it is', async () => {
    write([runStarted(), step(1), step(2)]);
    appendFileSync(
      path.join(run, 'events.jsonl'),
      'null\n{"type":"step"}\nnonsense\n{"type":"step","time":1,"step":1e300,"losses":{},"milliseconds":{},"memory":{}}\n{"type":"other","time":1}\n{"type":"st',
    );
    const history = await readHistory(run);
    expect(history.unreadable).toBe(6);
    expect(history.steps.last).toBe(2);
  });

  it('takes null as a number that was not finite', async () => {
    write([runStarted(), step(1), step(2, { loss: Number.NaN, gradientNorm: Number.POSITIVE_INFINITY }), step(3)]);
    const { steps } = await readHistory(run);
    expect(steps.column('loss')![2]).toBeNaN();
    expect(steps.column('gradientNorm')![2]).toBeNaN();
    expect(steps.latest('loss')).toBe(Math.fround(step(3).loss));
  });

  it('keeps the pictures of the newest evaluation alone', async () => {
    const pictures = gallery(['data:image/png;base64,AAAA']);
    write([
      runStarted(),
      zeroShot(1, { gallery: pictures }),
      zeroShot(2, { gallery: pictures }),
      zeroShot(2, { gallery: pictures, metrics: { accuracy: 1 } }),
    ]);
    const { evaluations } = await readHistory(run);
    expect(evaluations.map(({ step, gallery }) => [step, gallery !== undefined])).toEqual([
      [1, false],
      [2, true],
    ]);
    expect(evaluations[1]!.metrics).toEqual({ accuracy: 1 });
  });

  it('says what a folder without events lacks', async () => {
    const failure = await readHistory(run).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(GadoliniumError);
    expect(String(failure)).toContain('expected a run folder with events.jsonl in it for a report but got');
  });
});
