import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { PICTURE_DEFAULTS, type PictureOptions, storedPicture } from '../../../../src/data/pictures/picture.js';
import { pixels, temporaryFolder } from '../source-folder.js';

const options = (own: Partial<PictureOptions> = {}): PictureOptions => ({ ...PICTURE_DEFAULTS, size: 32, ...own });
const coloured = () => sharp(pixels(60, 40, 3, 1), { raw: { width: 60, height: 40, channels: 3 } });
/** Grey levels as RGB, as most published radiographs are stored. */
const greyAsColour = () => {
  const grey = pixels(60, 40, 1, 2);
  const data = new Uint8Array(grey.length * 3).map((_, i) => grey[Math.floor(i / 3)]!);
  return sharp(data, { raw: { width: 60, height: 40, channels: 3 } });
};

test('the shorter or the longest side gets the size; smaller pictures are kept', async () => {
  const bytes = await coloured().png().toBuffer();
  expect(await storedPicture(bytes, options())).toMatchObject({
    width: 48,
    height: 32,
    channels: 3,
    codec: 'raw',
    photometric: 'RGB',
  });
  expect(await storedPicture(bytes, options({ fit: 'longest', size: 30 }))).toMatchObject({ width: 30, height: 20 });
  const small = await storedPicture(bytes, options({ size: 100 }));
  expect(small).toMatchObject({ width: 60, height: 40, flags: ['small_image'] });
  expect(Buffer.from(small.data).equals(Buffer.from(pixels(60, 40, 3, 1)))).toBe(true);
});

test('grey stored as RGB becomes one channel, exactly; JPEG’s rounding of colour does not hinder', async () => {
  const exact = await storedPicture(await greyAsColour().png().toBuffer(), options({ size: 100 }));
  expect(exact.channels).toBe(1);
  expect(Buffer.from(exact.data).equals(Buffer.from(pixels(60, 40, 1, 2)))).toBe(true);
  expect((await storedPicture(await greyAsColour().jpeg({ quality: 80 }).toBuffer(), options())).channels).toBe(1);
});

test('16-bit grey is windowed from its smallest to its largest value, none cut off', async () => {
  // A 12-bit radiograph in 16 bits: dividing by 257 would leave 16 grey levels.
  const data = Uint16Array.from({ length: 64 * 64 }, (_, i) => 100 + i);
  const bytes = await sharp(data, { raw: { width: 64, height: 64, channels: 1 } })
    .toColourspace('grey16')
    .png()
    .toBuffer();
  const stored = await storedPicture(bytes, options({ size: 64 }));
  expect(stored).toMatchObject({
    channels: 1,
    bits_stored: 16,
    value_range: [100, 4195],
    flags: ['small_image', 'windowed_min_max'],
  });
  expect([stored.data[0], stored.data[2048], stored.data[4095]]).toEqual([0, 128, 255]);
  for (let i = 0; i < data.length; i++) expect(Math.abs(stored.data[i]! - (255 * i) / 4095)).toBeLessThanOrEqual(0.5);
});

test('16-bit grey of one value does not divide by nothing', async () => {
  const data = new Uint16Array(64 * 64).fill(700);
  const bytes = await sharp(data, { raw: { width: 64, height: 64, channels: 1 } })
    .toColourspace('grey16')
    .png()
    .toBuffer();
  expect((await storedPicture(bytes, options())).data.every((value) => value === 0)).toBe(true);
});

test('palettes are expanded, alpha is laid on black, CMYK becomes RGB, turned pictures stand upright', async () => {
  const palette = await storedPicture(await coloured().png({ palette: true, colours: 16 }).toBuffer(), options());
  expect(palette).toMatchObject({ channels: 3, photometric: 'PALETTE', width: 48, height: 32 });
  const clear = await coloured().ensureAlpha(0).png().toBuffer();
  const flat = await storedPicture(clear, options());
  expect(flat.flags).toContain('alpha_flattened');
  expect(flat.data.every((value) => value === 0)).toBe(true);
  const cmyk = await storedPicture(await coloured().toColourspace('cmyk').jpeg().toBuffer(), options());
  expect(cmyk).toMatchObject({ channels: 3, photometric: 'CMYK' });
  const turned = await storedPicture(await coloured().withMetadata({ orientation: 6 }).jpeg().toBuffer(), options());
  expect(turned).toMatchObject({ width: 32, height: 48, flags: ['orientation_applied'] });
});

test('stored as JPEG it decodes to nearly the same, grey in one channel', async () => {
  const bytes = await greyAsColour().blur(2).png().toBuffer();
  const raw = await storedPicture(bytes, options());
  const stored = await storedPicture(bytes, options({ store: 'jpeg', quality: 95 }));
  expect(stored).toMatchObject({ codec: 'jpeg', channels: 1, width: 48, height: 32 });
  expect(await sharp(stored.data).metadata()).toMatchObject({ format: 'jpeg', channels: 1, width: 48, height: 32 });
  const back = await sharp(stored.data).toColourspace('b-w').raw().toBuffer();
  const worst = Math.max(...raw.data.map((value, i) => Math.abs(value - back[i]!)));
  expect(worst).toBeLessThan(12);
});

test('a picture gives the same bytes each time, alone or among others', async () => {
  const bytes = await coloured().jpeg().toBuffer();
  const alone = await storedPicture(bytes, options());
  const others = await Promise.all(Array.from({ length: 8 }, () => storedPicture(bytes, options())));
  for (const other of others) expect(Buffer.from(other.sha256).equals(Buffer.from(alone.sha256))).toBe(true);
});

describe('what cannot be used says why', () => {
  const file = new URL('../../../../datasets/vqa-rad/sample/images/synpic100132.jpg', import.meta.url);
  const whole = readFileSync(file);

  test.each([0.99, 0.5, 0.1])('a JPEG cut at %d of its length', async (share) => {
    await expect(storedPicture(whole.subarray(0, whole.length * share), options())).rejects.toMatchObject({
      code: 'truncated_image',
    });
  });

  test.each(['png', 'webp', 'gif'] as const)('a cut %s', async (format) => {
    const bytes = await coloured()[format]().toBuffer();
    await expect(storedPicture(bytes.subarray(0, bytes.length * 0.7), options())).rejects.toMatchObject({
      code: 'truncated_image',
    });
  });

  test('text, nothing, a folder, too many pixels', async () => {
    await expect(storedPicture(Buffer.from('a report and no picture'), options())).rejects.toMatchObject({
      code: 'not_an_image',
    });
    const folder = temporaryFolder();
    await expect(storedPicture(folder, options())).rejects.toMatchObject({
      code: 'missing_image',
      message: 'not a file',
    });
    await expect(storedPicture(join(folder, 'x.png'), options())).rejects.toMatchObject({ code: 'missing_image' });
    await expect(storedPicture(whole, options({ maxPixels: 1000 }))).rejects.toMatchObject({ code: 'too_many_pixels' });
  });

  test('the reason is the same however many pictures fail at the same time', async () => {
    const cut = whole.subarray(0, whole.length / 2);
    const text = Buffer.from('a report and no picture');
    const codes = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        storedPicture(i % 2 === 0 ? cut : text, options()).catch((error) => error.code),
      ),
    );
    expect(codes).toEqual(Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 'truncated_image' : 'not_an_image')));
  });

  test('formats that are known and not decoded', async () => {
    const heif = Buffer.concat([Buffer.alloc(4), Buffer.from('ftypheic'), Buffer.alloc(200)]);
    await expect(storedPicture(heif, options())).rejects.toMatchObject({
      code: 'unsupported_image',
      message: expect.stringContaining('HEIF'),
    });
  });

  test('floating-point pixels', async () => {
    await expect(storedPicture(floatTiff(), options())).rejects.toMatchObject({ code: 'unsupported_image' });
  });
});

/** A TIFF of 2×2 32-bit floating-point grey values. */
function floatTiff(): Buffer {
  const tags: [number, number][] = [
    [256, 2],
    [257, 2],
    [258, 32],
    [259, 1],
    [262, 1],
    [273, 134],
    [277, 1],
    [278, 2],
    [279, 16],
    [339, 3],
  ];
  const out = Buffer.alloc(150);
  out.write('II*\0', 'latin1');
  out.writeUInt32LE(8, 4);
  // Entry count, entries (tag, type LONG, count 1, value), no further directory, pixels.
  out.writeUInt16LE(tags.length, 8);
  for (const [i, [tag, value]] of tags.entries()) {
    const at = 10 + 12 * i;
    out.writeUInt16LE(tag, at);
    out.writeUInt16LE(4, at + 2);
    out.writeUInt32LE(1, at + 4);
    out.writeUInt32LE(value, at + 8);
  }
  for (const [i, value] of [0.1, 0.2, 300.5, 1e4].entries()) out.writeFloatLE(value, 134 + 4 * i);
  return out;
}

describe('a part of a picture', () => {
  const part = { x: 7, y: 3, width: 40, height: 36 };

  test('is cut before anything is resized; of a tiled TIFF too', async () => {
    const whole = pixels(60, 40, 3, 1);
    const rows = Array.from({ length: part.height }, (_, y) => {
      const start = ((part.y + y) * 60 + part.x) * 3;
      return whole.subarray(start, start + part.width * 3);
    });
    for (const bytes of [
      await coloured().png().toBuffer(),
      await coloured().tiff({ tile: true, tileWidth: 16, tileHeight: 16, compression: 'deflate' }).toBuffer(),
    ]) {
      const found = await storedPicture(bytes, options({ size: 100 }), part);
      expect(found).toMatchObject({ width: 40, height: 36, source_width: 40, flags: ['small_image'] });
      expect(Buffer.from(found.data).equals(Buffer.concat(rows))).toBe(true);
      expect(await storedPicture(bytes, options(), part)).toMatchObject({ width: 36, height: 32 });
    }
  });

  test('the limit of pixels is the part’s, and a part that is not inside is refused', async () => {
    const bytes = await coloured().png().toBuffer();
    await expect(storedPicture(bytes, options({ maxPixels: 1500 }), { ...part, height: 37 })).resolves.toBeDefined();
    await expect(storedPicture(bytes, options({ maxPixels: 1400 }), part)).rejects.toMatchObject({
      code: 'too_many_pixels',
    });
    for (const wrong of [{ x: 21 }, { y: 5 }, { x: -1 }, { width: 0 }, { x: 0.5 }, { y: Number.NaN }])
      await expect(storedPicture(bytes, options(), { ...part, ...wrong })).rejects.toMatchObject({
        code: 'part_outside_image',
      });
  });
});
