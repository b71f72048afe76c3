import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { dicomHeader } from '../../../src/data/formats/dicom-header.js';
import { dicomFile } from '../../../src/data/formats/dicom-writer.js';
import { PICTURE_DEFAULTS, type PictureOptions, storedPicture } from '../../../src/data/picture.js';
import { temporaryFolder } from './source-folder.js';

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/data/dicom/${name}`, import.meta.url));
const options = (given: Partial<PictureOptions> = {}): PictureOptions => ({ ...PICTURE_DEFAULTS, ...given });

/** 12-bit values from 100 to 2147: left to right darker to brighter. */
const ramp = Uint16Array.from({ length: 64 * 48 }, (_, i) => 100 + Math.round(((i % 64) * 2047) / 63));
const radiograph = { rows: 48, columns: 64, pixels: ramp, bitsStored: 12 };

test('a radiograph is windowed from its smallest to its largest value', async () => {
  const picture = await storedPicture(dicomFile(radiograph), options());
  expect(picture).toMatchObject({
    width: 64,
    height: 48,
    channels: 1,
    bits_stored: 12,
    photometric: 'MONOCHROME2',
    inverted: false,
    value_range: [100, 2147],
    flags: ['windowed_min_max', 'small_image'],
  });
  expect([...picture.data.subarray(0, 64)]).toEqual(
    [...ramp.subarray(0, 64)].map((value) => Math.round(((value - 100) * 255) / 2047)),
  );
});

test('MONOCHROME1 is turned, and said to be', async () => {
  const as = (photometric: 'MONOCHROME1' | 'MONOCHROME2') =>
    storedPicture(dicomFile({ ...radiograph, photometric }), options({ size: 24 }));
  const [one, two] = [await as('MONOCHROME1'), await as('MONOCHROME2')];
  expect(one).toMatchObject({ inverted: true, value_range: [2147, 100], width: 32, height: 24 });
  expect(one.flags).toContain('inverted_fixed');
  expect([...one.data]).toEqual([...two.data].map((value) => 255 - value));
});

test('8-bit values stay as they are', async () => {
  const pixels = Uint8Array.from({ length: 64 }, (_, i) => 10 + i);
  const picture = await storedPicture(dicomFile({ rows: 8, columns: 8, pixels }), options());
  expect([...picture.data]).toEqual([...pixels]);
  expect(picture.value_range).toBeNull();
});

test('JPEG baseline is what the JPEG shows', async () => {
  const grey = Uint8Array.from({ length: 64 * 48 }, (_, i) => 4 * (i % 64));
  const jpeg = await sharp(grey, { raw: { width: 64, height: 48, channels: 1 } })
    .toColourspace('b-w')
    .jpeg()
    .toBuffer();
  const file = dicomFile({ rows: 48, columns: 64, pixels: { jpeg } });
  const [inside, alone] = [await storedPicture(file, options()), await storedPicture(jpeg, options())];
  expect(Buffer.compare(inside.data, alone.data)).toBe(0);
  const lying = dicomFile({ rows: 64, columns: 48, pixels: { jpeg } });
  await expect(storedPicture(lying, options())).rejects.toMatchObject({ code: 'truncated_image' });
});

test('one image in several transfer syntaxes gives one picture', async () => {
  const names = ['MR_small_implicit.dcm', 'MR_small_bigendian.dcm', 'MR_small_RLE.dcm'];
  const pictures = await Promise.all(names.map((name) => storedPicture(fixture(name), options())));
  expect(new Set(pictures.map(({ sha256 }) => Buffer.from(sha256).toString('hex'))).size).toBe(1);
  expect(pictures[0]!.channels).toBe(1);
});

test('signed values and colour', async () => {
  expect(await storedPicture(fixture('CT_small.dcm'), options())).toMatchObject({
    width: 128,
    height: 128,
    channels: 1,
  });
  expect((await storedPicture(fixture('SC_rgb_small_odd.dcm'), options())).channels).toBe(3);
});

describe('what cannot be used says why', () => {
  test('cut short, damaged, compressed otherwise, too many pixels', async () => {
    const whole = dicomFile(radiograph);
    const cut = whole.subarray(0, whole.length - 1000);
    await expect(storedPicture(cut, options())).rejects.toMatchObject({ code: 'truncated_image' });
    const damaged = Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), Buffer.alloc(200)]);
    await expect(storedPicture(damaged, options())).rejects.toMatchObject({
      message: expect.stringContaining('DICOM'),
    });
    const other = Buffer.from(
      whole.toString('latin1').replace('1.2.840.10008.1.2.1\0', '1.2.840.10008.1.2.9\0'),
      'latin1',
    );
    await expect(storedPicture(other, options())).rejects.toMatchObject({
      code: 'unsupported_image',
      message: expect.stringContaining('1.2.840.10008.1.2.9'),
    });
    await expect(storedPicture(whole, options({ maxPixels: 100 }))).rejects.toMatchObject({ code: 'too_many_pixels' });
    await expect(storedPicture(fixture('SC_ybr_full_422_uncompressed.dcm'), options())).rejects.toMatchObject({
      code: 'unsupported_image',
    });
  });
});

test('a header is read without the pixels', async () => {
  const path = join(temporaryFolder(), 'x.dcm');
  writeFileSync(
    path,
    dicomFile({ ...radiograph, view: 'LL', studyDate: '21800506', studyTime: '213014.5', modality: 'DX' }),
  );
  expect(await dicomHeader(path)).toEqual({
    modality: 'DX',
    view: 'LL',
    studyDate: '21800506',
    studyTime: '213014.5',
    rows: 48,
    columns: 64,
  });
  writeFileSync(path, dicomFile({ ...radiograph, pixels: new Uint16Array(1 << 20), rows: 1024, columns: 1024 }));
  expect(await dicomHeader(path)).toMatchObject({ view: undefined, studyDate: undefined, modality: 'CR' });
  writeFileSync(path, 'no DICOM');
  expect(await dicomHeader(path)).toBeUndefined();
});
