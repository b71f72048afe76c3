import { expect, test } from 'vitest';
import { GadoliniumError } from '../../../src/errors.js';
import { retry } from '../../../src/storage/retry.js';

const patience = { tries: 4, backOff: 20 };
const failure = (code: string) => new GadoliniumError(code, 'expected an answer for s3://b/x but got nothing');

test('what fails for a while is tried again, after longer and longer waits', async () => {
  const times: number[] = [];
  const result = await retry(async () => {
    times.push(performance.now());
    if (times.length < 4) throw failure('no-answer');
    return 'got';
  }, patience);
  expect(result).toBe('got');
  const waits = times.slice(1).map((time, i) => time - (times[i] as number));
  for (const [i, least] of [10, 20, 40].entries()) expect(waits[i]).toBeGreaterThanOrEqual(least - 1);
});

test('what never comes is named, with how often it was tried', async () => {
  let tries = 0;
  const work = async () => {
    tries++;
    throw failure('no-answer');
  };
  await expect(retry(work, patience)).rejects.toMatchObject({
    code: 'no-answer',
    message: expect.stringMatching(/got nothing, 4 times$/),
  });
  expect(tries).toBe(4);
});

test('what cannot get better is not tried again', async () => {
  let tries = 0;
  const work = async () => {
    tries++;
    throw failure('refused');
  };
  await expect(retry(work, patience)).rejects.toMatchObject({ code: 'refused' });
  expect(tries).toBe(1);
});

test('waiting ends when nobody waits any more', async () => {
  const stop = new AbortController();
  const waiting = retry(() => Promise.reject(failure('no-answer')), { tries: 2, backOff: 60_000 }, stop.signal);
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
});
