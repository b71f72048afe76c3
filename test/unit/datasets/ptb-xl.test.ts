import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import adapter from '../../../datasets/ptb-xl/adapter.js';
import synthetic from '../../../datasets/ptb-xl/synthetic.js';
import { readSignal } from '../../../datasets/ptb-xl/wfdb.js';
import type { SourceReject, SourceRow } from '../../../src/data/adapter.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gadolinium-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function record(header: string, samples: number[]): string {
  const path = join(folder, 'r');
  writeFileSync(`${path}.hea`, header);
  writeFileSync(`${path}.dat`, new Uint8Array(Int16Array.from(samples).buffer));
  return path;
}

test('gain and baseline, by the rules of the format; a missing value is none', () => {
  const header = [
    '# a comment',
    'r 3 100 2 12:00:00',
    'r.dat 16 1000(5)/mV 16 0 5 10 0 I',
    // Without a baseline it is the zero of the converter; a gain of 0 means 200.
    'r.dat 16 0 16 -10 0 0 0 AVR extra',
    'r.dat 16 500/uV 16 0 0 0 0',
  ].join('\r\n');
  const signal = readSignal(record(header, [1005, 190, -32768, -995, -10, 250]));
  expect(signal).toMatchObject({ leads: ['I', 'AVR EXTRA', ''], hertz: 100, length: 2, intact: false });
  expect([...(signal as { values: Float32Array }).values]).toEqual([1, -1, 1, 0, Number.NaN, 0.5]);
});

test.each([
  ['r 1 100 2\nr.dat 212 200 12 0 0 0 0 I', [1, 2], /format 212/u],
  ['r 1 100 2\nr.dat 16 200 12 0 0 0 0 I', [1, 2, 3], /6 bytes where the header says 4/u],
  ['r 2 100 1\nr.dat 16 200 12 0 0 0 0 I\nx.dat 16 200 12 0 0 0 0 II', [1, 2], /several files/u],
  ['r 2 100 1\nr.dat 16 200 12 0 0 0 0 I', [1, 2], /without leads/u],
  ['nothing', [], /without leads/u],
])('no signal: %s', (header, samples, reason) => expect(readSignal(record(header, samples))).toMatch(reason));

const read = async (options: Record<string, unknown>) => {
  const out: (SourceRow | SourceReject)[] = [];
  for await (const item of adapter.rows({ from: folder, home: '', options: adapter.options.parse(options) }))
    out.push(item);
  return out;
};

test("MERL's scale is from 0 to 1 over all leads; the other rate is another file", async () => {
  await synthetic.write(folder);
  const [first] = await read({ scale: 'min-max' });
  const signal = (first as SourceRow).arrays!['signal'] as Float32Array;
  expect(Math.min(...signal)).toBe(0);
  expect(Math.max(...signal)).toBe(1);
  const [other] = await read({ hertz: '500' });
  expect((other as SourceReject).reject).toMatchObject({ code: 'bad_signal', field: 'filename_hr' });
  expect(adapter.options.safeParse({ hertz: '250' }).success).toBe(false);
});

test('prompts name every class of every group for and against', async () => {
  await synthetic.write(folder);
  const { prompts, labels } = await adapter.describe({ from: folder, home: '', options: adapter.options.parse({}) });
  for (const { vocab, names } of labels!) {
    const set = prompts!.find((one) => one.vocab === vocab)!;
    expect(set.classes.map(({ label }) => label)).toEqual(names);
  }
  const classes = prompts!.flatMap((set) => set.classes);
  expect(classes.find(({ label }) => label === 'NORM')).toMatchObject({
    texts: ['normal ECG'],
    negative: ['abnormal ECG'],
  });
  expect(classes.find(({ label }) => label === 'AFIB')).toMatchObject({
    texts: ['atrial fibrillation'],
    negative: ['no atrial fibrillation'],
  });
});
