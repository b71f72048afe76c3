import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { slideHeader } from '../../../datasets/pathgen-1-6m/slide-header.js';
import { temporaryFolder } from '../data/source-folder.js';

const TEXT = 'Aperio Image Library|AppMag = 40|MPP = 0.2520|Date = 01/01/01';

/** A TIFF's head and one directory with compression and description; no pixels. */
function tiff({ big, little }: { big: boolean; little: boolean }, text = TEXT): Buffer {
  const out = Buffer.alloc(1024);
  const put = (value: number, at: number, size: number) => {
    if (size === 8) little ? out.writeBigUInt64LE(BigInt(value), at) : out.writeBigUInt64BE(BigInt(value), at);
    else little ? out.writeUIntLE(value, at, size) : out.writeUIntBE(value, at, size);
  };
  const [size, entry, wide] = big ? [8, 20, 8] : [2, 12, 4];
  out.write(little ? 'II' : 'MM', 0, 'latin1');
  put(big ? 43 : 42, 2, 2);
  if (big) put(8, 4, 2);
  put(32, big ? 8 : 4, wide);
  put(2, 32, size);
  for (const [i, [tag, type, count, value]] of [
    [259, 3, 1, 7],
    [270, 2, text.length, 512],
  ].entries()) {
    const at = 32 + size + i * entry;
    put(tag!, at, 2);
    put(type!, at + 2, 2);
    put(count!, at + 4, wide);
    put(value!, at + 4 + wide, type === 3 ? 2 : wide);
  }
  out.write(text, 512, 'latin1');
  return out;
}

const header = (bytes: Buffer) => {
  const path = join(temporaryFolder(), 'x.svs');
  writeFileSync(path, bytes);
  return slideHeader(path);
};

test.each([
  { big: false, little: true },
  { big: false, little: false },
  { big: true, little: true },
  { big: true, little: false },
])('packing, size and power of a slide: %j', (form) => {
  expect(header(tiff(form))).toEqual({ compression: 7, mpp: '0.2520', magnification: '40' });
});

test('what a slide does not say stays open', () => {
  expect(header(tiff({ big: false, little: true }, 'Aperio Image Library, no more'))).toEqual({ compression: 7 });
});

test('no slide, or one cut short, has none', () => {
  const whole = tiff({ big: false, little: true });
  for (const bytes of [Buffer.alloc(0), Buffer.from('GIF89a and some more'), Buffer.alloc(64), whole.subarray(0, 40)])
    expect(header(bytes)).toBeUndefined();
  whole.writeUInt32LE(0xfffffff0, 4);
  expect(header(whole)).toBeUndefined();
});
