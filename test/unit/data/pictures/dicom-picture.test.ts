import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { readDicom } from '../../../../src/data/formats/dicom.js';
import { dicomHeader } from '../../../../src/data/formats/dicom-header.js';
import { dicomFile } from '../../../../src/data/formats/dicom-writer.js';
import {
  PICTURE_DEFAULTS,
  type PictureOptions,
  pictureRecipe,
  storedPicture,
} from '../../../../src/data/pictures/picture.js';
import { PictureError } from '../../../../src/data/pictures/picture-error.js';
import { valueFacts } from '../../../../src/data/shards/stored-values.js';
import { temporaryFolder } from '../source-folder.js';

const folder = new URL('../../../fixtures/data/dicom/', import.meta.url).pathname;
const options = (own: Partial<PictureOptions> = {}): PictureOptions => ({ ...PICTURE_DEFAULTS, ...own });

/** A number from two, the same on every run. */
const draw = (a: number, b: number) => createHash('sha256').update(`${a} ${b}`).digest().readUInt32LE(0);

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
  expect(one).toMatchObject({ inverted: true, value_range: [100, 2147], width: 32, height: 24 });
  expect(one.flags).toContain('inverted_fixed');
  expect([...one.data]).toEqual([...two.data].map((value) => 255 - value));
});

test('8-bit values without a window stay as they are', async () => {
  const pixels = Uint8Array.from({ length: 64 }, (_, i) => 10 + i);
  const picture = await storedPicture(dicomFile({ rows: 8, columns: 8, pixels }), options());
  expect([...picture.data]).toEqual([...pixels]);
  expect(picture).toMatchObject({ value_range: [10, 73], flags: ['small_image'] });
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

describe('DICOM files become pictures', () => {
  test('one slice in five encodings gives the same picture', async () => {
    const names = ['implicit', 'bigendian', 'RLE', 'jp2klossless', 'jpeg_ls_lossless'];
    const [first, ...others] = await Promise.all(
      names.map((name) => storedPicture(join(folder, `MR_small_${name}.dcm`), options())),
    );
    expect(first).toMatchObject({ width: 64, height: 64, channels: 1, bits_stored: 16, photometric: 'MONOCHROME2' });
    expect(first).toMatchObject({ value_range: [127, 2145], flags: ['windowed_stated', 'small_image'] });
    for (const other of others) expect(other).toEqual(first);
  });

  test('the window and the resizing are those of the file: means of the CT by hand', async () => {
    const path = join(folder, 'CT_small.dcm');
    const values = (await readDicom(readFileSync(path)).stored()) as Int16Array;
    const mean = values.reduce((sum, value) => sum + (value - 128) / (2191 - 128), 0) / values.length;
    const { data, width, flags } = await storedPicture(path, options({ size: 64 }));
    expect({ width, flags }).toEqual({ width: 64, flags: ['windowed_min_max'] });
    expect(data.reduce((sum, value) => sum + value / 255, 0) / data.length).toBeCloseTo(mean, 2);
  });

  test('colour: YCbCr of a JPEG, of plain pixels, and lossless RGB show the same card', async () => {
    const names = ['SC_rgb_jpeg_dcmtk.dcm', 'SC_ybr_full_422_uncompressed.dcm', 'SC_rgb_jpeg_gdcm.dcm'];
    const cards = await Promise.all(names.map((name) => storedPicture(join(folder, name), options({ size: 100 }))));
    const last = cards.pop()!;
    expect(last.channels).toBe(3);
    for (const card of cards) {
      const far = card.data.filter((value, at) => Math.abs(value - last.data[at]!) > 4).length;
      expect(far / last.data.length).toBeLessThan(0.15); // edges of the coloured bars, at half the colour resolution
    }
  });

  test('another view has another name and other pixels', async () => {
    const path = join(folder, 'MR_small_RLE.dcm');
    const [read, stored] = await Promise.all([
      storedPicture(path, options()),
      storedPicture(path, options({ dicomView: 'stored' })),
    ]);
    expect(stored.flags).toContain('windowed_bits_stored');
    expect(stored.data).not.toEqual(read.data);
    expect(pictureRecipe(options({ dicomView: 'stored' }))).toMatch(/ dicom stored$/);
  });
});

describe('DICOM files that are no picture say why', () => {
  const reason = (bytes: Uint8Array, own: Partial<PictureOptions> = {}) =>
    storedPicture(bytes, options(own)).then(
      () => 'a picture',
      (error) => `${error.code}: ${error.message}`,
    );

  test.each(['MR_small_jp2klossless.dcm', 'MR_small_jpeg_ls_lossless.dcm', 'SC_rgb_jpeg_gdcm.dcm', 'CT_small.dcm'])(
    '%s cut short',
    async (name) => {
      const bytes = readFileSync(join(folder, name));
      expect(await reason(bytes.subarray(0, bytes.length * 0.7))).toMatch(/^truncated_image: a DICOM file, but /);
    },
  );

  test('more pixels than allowed, before they are decoded', async () => {
    const bytes = readFileSync(join(folder, '693_J2KI.dcm'));
    expect(await reason(bytes, { maxPixels: 1000 })).toBe('too_many_pixels: 512×512 pixels, more than 1000');
  });

  test('a frame that claims another size than the file', async () => {
    const bytes = Buffer.from(readFileSync(join(folder, '693_J2KI.dcm')));
    const siz = bytes.indexOf(Buffer.from([0xff, 0x4f, 0xff, 0x51]));
    bytes.writeUInt32BE(100_000, siz + 8);
    bytes.writeUInt32BE(100_000, siz + 12);
    expect(await reason(bytes)).toMatch(/frame 1 cannot be decoded: it is 100000×100000 where the file says 512×512/);
  });

  test('an unknown transfer syntax, and a file without a picture', async () => {
    const bytes = Buffer.from(readFileSync(join(folder, 'MR_small_RLE.dcm')));
    const syntax = bytes.indexOf('1.2.840.10008.1.2.5');
    bytes.write('1.2.840.10008.1.2.7', syntax, 'latin1');
    expect(await reason(bytes)).toBe(
      'unsupported_image: a DICOM file, but no decoder for pixels of transfer syntax 1.2.840.10008.1.2.7',
    );
    const empty = Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), Buffer.alloc(200)]);
    expect(await reason(empty)).toMatch(/^(not_an_image|truncated_image): a DICOM file, but /);
  });
});

test('damaged files end in a reason or a picture, and never harm the whole ones after them', async () => {
  const whole = readFileSync(join(folder, 'MR_small_jp2klossless.dcm'));
  const before = await storedPicture(whole, options());
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  for (let round = 0; round < 300; round++) {
    const bytes = Buffer.from(files[round % files.length]!);
    for (let change = 0; change < 6; change++) bytes[draw(round, change) % bytes.length] = draw(change, round) & 255;
    await storedPicture(bytes, options()).catch((error) => expect(error).toBeInstanceOf(PictureError));
    expect(await storedPicture(whole, options())).toEqual(before);
  }
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

// A wider shelf of files with a manifest of their decoded values; it is not part of the repository.
const shelf = join(process.env['GADOLINIUM_SAMPLES'] ?? '/nowhere', 'dicom');

describe.skipIf(!existsSync(shelf))('every file of $GADOLINIUM_SAMPLES/dicom', () => {
  type Row = Record<string, string>;
  const rows: Row[] = existsSync(shelf) ? parse(readFileSync(join(shelf, 'manifest.csv')), { columns: true }) : [];
  const named = (wanted: (row: Row) => boolean): [string, Row][] =>
    rows.filter(wanted).map((row) => [row['file'] ?? '', row]);

  test.each(named((row) => row['px_sha256'] !== ''))('%s', async (file, row) => {
    const { dtype, min, max, storedSha256 } = valueFacts(await readDicom(readFileSync(join(shelf, file))).stored());
    const facts = { dtype, min, max, storedSha256 };
    const wanted = { dtype: row['dtype'], min: Number(row['px_min']), max: Number(row['px_max']) };
    if (row['lossless'] === '1') expect(facts).toEqual({ ...wanted, storedSha256: row['px_sha256'] });
    else {
      expect(dtype).toBe(wanted.dtype);
      expect(Math.abs(min - wanted.min)).toBeLessThanOrEqual(3);
      expect(Math.abs(max - wanted.max)).toBeLessThanOrEqual(3);
    }
  });

  test.each(named((row) => row['px_sha256'] === ''))('%s is named', async (file) => {
    const path = join(shelf, file);
    await expect(storedPicture(path, options())).rejects.toMatchObject({
      code: expect.stringMatching(/^(not_an_image|truncated_image)$/),
    });
  });
});
