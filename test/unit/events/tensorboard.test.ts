import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventBus } from '../../../src/events/bus.js';
import { tensorBoard } from '../../../src/events/tensorboard.js';
import { crc32c, maskedCrc32c } from '../../../src/events/tfevents.js';
import { step, wholeRun } from '../../fixtures/run-events.js';

/** A reader of protobuf's wire format that knows nothing of the writer. */
function fields(data: Buffer): Map<number, (number | Buffer)[]> {
  const out = new Map<number, (number | Buffer)[]>();
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = data[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < data.length) {
    const key = varint();
    const kind = key & 7;
    let value: number | Buffer;
    if (kind === 0) value = varint();
    else {
      const length = kind === 1 ? 8 : kind === 5 ? 4 : varint();
      expect([1, 2, 5]).toContain(kind);
      const part = data.subarray(at, at + length);
      value = kind === 1 ? part.readDoubleLE() : kind === 5 ? part.readFloatLE() : part;
      at += length;
    }
    out.set(key >> 3, [...(out.get(key >> 3) ?? []), value]);
  }
  expect(at).toBe(data.length);
  return out;
}

interface Read {
  seconds: number;
  step: number;
  version?: string;
  session?: number;
  scalars: Record<string, number>;
  texts: Record<string, string>;
}

function readEvents(file: Buffer): Read[] {
  const out: Read[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    expect(file.readUInt32LE(at + 8)).toBe(maskedCrc32c(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(file.readUInt32LE(at + 12 + length)).toBe(maskedCrc32c(data));
    at += 16 + length;
    const event = fields(data);
    const one = <T>(field: number) => event.get(field)?.[0] as T | undefined;
    const read: Read = { seconds: one<number>(1)!, step: one<number>(2) ?? 0, scalars: {}, texts: {} };
    if (event.has(3)) read.version = one<Buffer>(3)!.toString();
    if (event.has(7)) read.session = fields(one<Buffer>(7)!).get(1)![0] as number;
    for (const entry of event.has(5) ? (fields(one<Buffer>(5)!).get(1) as Buffer[]) : []) {
      const value = fields(entry);
      const tag = (value.get(1)![0] as Buffer).toString();
      if (value.has(2)) read.scalars[tag] = value.get(2)![0] as number;
      else {
        expect(
          fields(fields(value.get(9)![0] as Buffer).get(1)![0] as Buffer)
            .get(1)![0]!
            .toString(),
        ).toBe('text');
        read.texts[tag] = (fields(value.get(8)![0] as Buffer).get(8)![0] as Buffer).toString();
      }
    }
    out.push(read);
  }
  return out;
}

describe('crc32c', () => {
  it('gives the values of RFC 3720, appendix B.4', () => {
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
    expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i)))).toBe(0x46dd794e);
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  });

  it('is the same whatever the place and length', () => {
    const data = Buffer.from(Array.from({ length: 41 }, (_, i) => (i * 37) & 255));
    for (let start = 0; start < 5; start++) {
      for (let end = start; end <= data.length; end++)
        expect(crc32c(data, start, end)).toBe(crc32c(Buffer.from(data.subarray(start, end))));
    }
  });
});

describe('tensorBoard', () => {
  let run: string;
  beforeEach(() => {
    run = mkdtempSync(path.join(tmpdir(), 'gadolinium-tensorboard-'));
  });
  afterEach(() => rmSync(run, { recursive: true }));

  it('writes files that read back as what was said', async () => {
    writeFileSync(path.join(run, 'config.json'), '{"batch": 256, "näme": 1}\n');
    const bus = new EventBus([tensorBoard(run)]);
    const events = wholeRun();
    for (const event of events) bus.push(event);
    expect(await bus.close()).toEqual([]);

    const names = readdirSync(path.join(run, 'tensorboard'));
    expect(names).toHaveLength(1);
    expect(names[0]).toMatch(/^events\.out\.tfevents\./);
    const read = readEvents(readFileSync(path.join(run, 'tensorboard', names[0]!)));
    expect(read[0]!.version).toBe('brain.Event:2');
    expect(read.filter((event) => event.session === 1).map((event) => event.step)).toEqual([1201]);
    expect(read.find((event) => event.texts['config'])!.texts['config']).toContain('"näme": 1');
    expect(read.find((event) => event.texts['run'])!.texts['run']).toContain('| recipe | convirt |');
    expect(read.filter((event) => event.texts['warnings/non-finite-gradient'])).toHaveLength(3);

    const steps = events.filter((event) => event.type === 'step');
    const scalars = read.filter((event) => 'loss/total' in event.scalars);
    expect(scalars.map((event) => event.step)).toEqual(steps.map((event) => event.step));
    for (const [i, event] of steps.entries()) {
      const { seconds, scalars: values } = scalars[i]!;
      expect(seconds).toBe(event.time / 1000);
      expect(values['loss/total']).toBe(Math.fround(event.loss));
      expect(values['loss/masked-language']).toBe(Math.fround(event.losses['masked-language']!));
      expect(values['learning-rate/text']).toBe(Math.fround(event.learningRates['text']!));
      expect(values['gradient-norm/image']).toBe(Math.fround(event.gradientNorms['image']!));
      expect(values['milliseconds/wait']).toBe(Math.fround(event.milliseconds.wait));
      expect(values['memory/peak']).toBe(Math.fround(event.memory.peak));
      expect(values['objective/logit-scale']).toBe(Math.fround(event.logitScale!));
    }
    const evaluations = read.filter((event) => 'evaluation/zero-shot organ/accuracy' in event.scalars);
    expect(evaluations.map((event) => event.step)).toEqual([200, 400, 600, 800, 1000, 1200, 1400, 1600, 1800, 2000]);
  });

  it('takes steps beyond 32 bits and numbers that are not finite', async () => {
    const listener = tensorBoard(run);
    listener.on(step(1, { step: 5_000_000_000, loss: Number.NaN, losses: { only: Number.POSITIVE_INFINITY } }));
    await listener.close!();
    const [name] = readdirSync(path.join(run, 'tensorboard'));
    const [, event] = readEvents(readFileSync(path.join(run, 'tensorboard', name!)));
    expect(event!.step).toBe(5_000_000_000);
    expect(event!.scalars['loss/total']).toBeNaN();
    expect(event!.scalars['loss/only']).toBe(Number.POSITIVE_INFINITY);
  });

  it('says so where there is no config', async () => {
    mkdirSync(path.join(run, 'bare'));
    const listener = tensorBoard(path.join(run, 'bare'));
    for (const event of wholeRun().slice(0, 1)) listener.on(event);
    await listener.close!();
    const [name] = readdirSync(path.join(run, 'bare', 'tensorboard'));
    const texts = readEvents(readFileSync(path.join(run, 'bare', 'tensorboard', name!))).flatMap((event) =>
      Object.values(event.texts),
    );
    expect(texts.join()).toContain('no config.json');
  });
});
