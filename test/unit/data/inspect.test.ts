import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { asText } from '../../../src/cli/inspect.js';
import { inspectPath } from '../../../src/data/inspect.js';
import { valueFacts } from '../../../src/data/shards/stored-values.js';
import { picture, pixels, prepared, sourceFolder, temporaryFolder } from './source-folder.js';

const fixtures = new URL('../../fixtures/data/', import.meta.url).pathname;
const expected = JSON.parse(readFileSync(join(fixtures, 'expected.json'), 'utf8')) as Record<
  'dicom' | 'nifti',
  Record<string, object>
>;

test.each(Object.entries(expected.dicom))('stored values of %s equal those of another decoder', async (name, facts) => {
  expect(await inspectPath(join(fixtures, 'dicom', name))).toMatchObject({ kind: 'dicom', format: 'dicom', ...facts });
});

test('a DICOM file’s rescaling, spacing and orientation are said', async () => {
  expect(await inspectPath(join(fixtures, 'dicom/CT_small.dcm'))).toMatchObject({
    modality: 'CT',
    slope: 1,
    intercept: -1024,
    signed: true,
    bitsStored: 16,
    frames: 1,
    spacing: { row: 0.661468, column: 0.661468, slice: 5 },
    orientation: [1, 0, 0, 0, 1, 0],
  });
});

test('a DICOM file cut in its pixels still says its header', async () => {
  const path = join(temporaryFolder(), 'cut.dcm');
  writeFileSync(path, readFileSync(join(fixtures, 'dicom/CT_small.dcm')).subarray(0, 20_000));
  expect(await inspectPath(path)).toMatchObject({
    kind: 'dicom',
    rows: 128,
    storedSha256: null,
    note: expect.stringContaining('pixel data'),
  });
});

test.each(Object.entries(expected.nifti))('raw voxels of %s equal those of another reader', async (name, facts) => {
  expect(await inspectPath(join(fixtures, name))).toMatchObject({
    kind: 'nifti',
    slope: 1,
    intercept: 0,
    spacing: [3, 3, 3],
    ...facts,
  });
});

describe('made NIfTI headers', () => {
  const voxels = Int16Array.from({ length: 24 }, (_, i) => i * 100 - 700);

  function made(little: boolean, change: (view: DataView) => void = () => {}): Buffer {
    const bytes = Buffer.alloc(352 + 48);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    view.setInt32(0, 348, little);
    for (const [i, value] of [3, 2, 3, 4].entries()) view.setInt16(40 + 2 * i, value, little);
    view.setInt16(70, 4, little);
    for (const [i, value] of [1, 0.5, 0.75, 2].entries()) view.setFloat32(76 + 4 * i, value, little);
    view.setFloat32(108, 352, little);
    bytes.write('n+1\0', 344, 'latin1');
    for (const [i, value] of voxels.entries()) view.setInt16(352 + 2 * i, value, little);
    change(view);
    return bytes;
  }

  async function inspected(bytes: Uint8Array, name = 'made.nii') {
    const path = join(temporaryFolder(), name);
    writeFileSync(path, bytes);
    return inspectPath(path);
  }

  test('big-endian voxels come little-endian, gzipped or not', async () => {
    const facts = { shape: [2, 3, 4], spacing: [0.5, 0.75, 2], ...valueFacts(voxels) };
    expect(await inspected(made(true))).toMatchObject({ littleEndian: true, ...facts });
    expect(await inspected(made(false))).toMatchObject({ littleEndian: false, ...facts });
    expect(await inspected(gzipSync(made(false)), 'made.nii.gz')).toMatchObject(facts);
  });

  test('a slope is said; one of zero means none', async () => {
    const slope = (value: number) => (view: DataView) => {
      view.setFloat32(112, value, true);
      view.setFloat32(116, -5, true);
    };
    expect(await inspected(made(true, slope(2.5)))).toMatchObject({ slope: 2.5, intercept: -5 });
    expect(await inspected(made(true, slope(0)))).toMatchObject({ slope: 1, intercept: 0 });
    expect(await inspected(made(true, slope(Number.NaN)))).toMatchObject({ slope: 1, intercept: 0 });
  });

  test('the quaternion gives the directions where no matrix is set', async () => {
    // Half a turn about z: x and y are turned round, LPS.
    const turned = made(true, (view) => {
      view.setInt16(252, 1, true);
      view.setFloat32(264, 1, true);
    });
    expect(await inspected(turned)).toMatchObject({ orientation: 'LPS', qformCode: 1 });
    expect((await inspected(made(true)))['orientation']).toBe('RAS');
  });

  test('cut short it is an error', async () => {
    await expect(inspected(made(true).subarray(0, 380))).rejects.toMatchObject({
      code: 'bad-nifti',
      message: expect.stringContaining('28 of 48 bytes'),
    });
    await expect(inspected(gzipSync(made(true)).subarray(0, 60), 'a.nii.gz')).rejects.toMatchObject({
      code: 'bad-nifti',
    });
  });
});

test('a picture’s stored values are hashed as they are: 8 bits, 16 bits, colour', async () => {
  const folder = temporaryFolder();
  await picture(join(folder, 'colour.png'), 3);
  expect(await inspectPath(join(folder, 'colour.png'))).toMatchObject({
    kind: 'image',
    format: 'png',
    photometricInterpretation: 'RGB',
    rows: 40,
    columns: 60,
    samplesPerPixel: 3,
    ...valueFacts(pixels(60, 40, 3, 3)),
  });
  const deep = Uint16Array.from({ length: 64 }, (_, i) => 1000 * i);
  await sharp(deep, { raw: { width: 8, height: 8, channels: 1 } })
    .toColourspace('grey16')
    .png()
    .toFile(join(folder, 'deep.png'));
  expect(await inspectPath(join(folder, 'deep.png'))).toMatchObject({
    photometricInterpretation: 'MONOCHROME2',
    bitsStored: 16,
    samplesPerPixel: 1,
    ...valueFacts(deep),
  });
  const whole = readFileSync(join(folder, 'deep.png'));
  writeFileSync(join(folder, 'cut.png'), whole.subarray(0, whole.length - 40));
  await expect(inspectPath(join(folder, 'cut.png'))).rejects.toMatchObject({ code: 'bad-image' });
});

describe('a prepared folder', () => {
  async function folder(): Promise<string> {
    const to = temporaryFolder();
    await prepared((await sourceFolder(5)).table, to);
    return to;
  }

  test('and its shard say what they hold', async () => {
    const to = await folder();
    const found = await inspectPath(to);
    expect(found).toMatchObject({ kind: 'dataset', rows: 5, damaged: [], name: 'table' });
    expect(await inspectPath(join(to, 'shard-00000.arrow'))).toMatchObject({
      kind: 'shard',
      rows: 5,
      batches: 1,
      columns: { sample_id: 'Utf8' },
      metadata: { schema_version: '1' },
    });
    expect(asText(found).split('\n')).toEqual(
      expect.arrayContaining(['kind: dataset', 'rows: 5', 'damaged: none', 'splits:']),
    );
  });

  test('with a flipped byte, cut short or without a shard names the file', async () => {
    const to = await folder();
    const path = join(to, 'shard-00000.arrow');
    const bytes = readFileSync(path);
    const flipped = Buffer.from(bytes);
    flipped[9000]! ^= 4;
    writeFileSync(path, flipped);
    expect((await inspectPath(to))['damaged']).toEqual(['shard-00000.arrow: other bytes than when it was written']);
    truncateSync(path, 5000);
    expect((await inspectPath(to))['damaged']).toEqual([`shard-00000.arrow: 5000 bytes instead of ${bytes.length}`]);
    await expect(inspectPath(path)).rejects.toMatchObject({ code: 'bad-shard' });
  });
});

test('what is nothing of these ends in a sentence', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'notes.txt'), 'some notes');
  await expect(inspectPath(join(folder, 'notes.txt'))).rejects.toMatchObject({
    code: 'unknown-kind',
    message: expect.stringContaining('dicom'),
  });
  await expect(inspectPath(folder)).rejects.toMatchObject({ code: 'unknown-kind' });
  await expect(inspectPath(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'no-path' });
});
