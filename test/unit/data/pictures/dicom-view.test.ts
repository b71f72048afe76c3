import { describe, expect, test } from 'vitest';
import type { DicomImage } from '../../../../src/data/formats/dicom.js';
import type { LookupTable } from '../../../../src/data/formats/dicom-tables.js';
import { colourPicture, type DicomView, greyPicture } from '../../../../src/data/pictures/dicom-view.js';

const image = (own: Partial<DicomImage> = {}): DicomImage => ({
  transferSyntax: '1.2.840.10008.1.2.1',
  modality: 'CR',
  photometricInterpretation: 'MONOCHROME2',
  rows: 1,
  columns: 5,
  frames: 1,
  samplesPerPixel: 1,
  bitsAllocated: 16,
  bitsStored: 12,
  highBit: 11,
  signed: false,
  planar: false,
  slope: 1,
  intercept: 0,
  windows: [],
  windowFunction: 'LINEAR',
  modalityTable: null,
  voiTable: null,
  palette: null,
  spacing: null,
  orientation: null,
  position: null,
  ...own,
});

const table = (first: number, bits: number, ...entries: number[]): LookupTable => ({
  first,
  bits,
  entries: Uint16Array.from(entries),
});

const values = Uint16Array.of(0, 1000, 2000, 3000, 4095);
/** As shares of white, so that expectations read as the standard's formulas do. */
const seen = (own: Partial<DicomImage>, view: DicomView = 'reading', of: Uint16Array | Int16Array = values) =>
  [...greyPicture(of, image(own), view).pixels].map((pixel) => pixel / 65535);
const near = (wanted: number[]) => wanted.map((value) => expect.closeTo(value, 4));

describe('as it is read', () => {
  test('LINEAR, LINEAR_EXACT and SIGMOID windows follow their formulas', () => {
    const windows = [{ center: 2000, width: 2001 }];
    const linear = (x: number) => Math.min(1, Math.max(0, (x - 1999.5) / 2000 + 0.5));
    expect(seen({ windows })).toEqual(near([...values].map(linear)));
    const exact = (x: number) => Math.min(1, Math.max(0, (x - 2000) / 2001 + 0.5));
    expect(seen({ windows, windowFunction: 'LINEAR_EXACT' })).toEqual(near([...values].map(exact)));
    const sigmoid = (x: number) => 1 / (1 + Math.exp((-4 * (x - 2000)) / 2001));
    expect(seen({ windows, windowFunction: 'SIGMOID' })).toEqual(near([...values].map(sigmoid)));
  });

  test('a window is over rescaled values, of which the range is told', () => {
    const rescaled = { slope: 2, intercept: -1024, windows: [{ center: 0.5, width: 2001 }] };
    expect(seen(rescaled)).toEqual(near([0, 0.988, 1, 1, 1]));
    expect(greyPicture(values, image(rescaled), 'reading')).toMatchObject({ range: [-1024, 7166], scale: 'stated' });
  });

  test('the first window with a width is taken; without any, smallest to largest', () => {
    const windows = [
      { center: 0, width: 0 },
      { center: 1000.5, width: 2001 },
      { center: 9, width: 9 },
    ];
    expect(seen({ windows })).toEqual(near([0, 0.5, 1, 1, 1]));
    expect(seen({})).toEqual(near([0, 1000 / 4095, 2000 / 4095, 3000 / 4095, 1]));
  });

  test('a VOI table comes before a window; values outside take its ends', () => {
    const own = { voiTable: table(1000, 12, 0, 4095), windows: [{ center: 2000, width: 2000 }] };
    expect(seen(own)).toEqual([0, 0, 1, 1, 1]);
    expect(greyPicture(values, image(own), 'reading').scale).toBe('table');
  });

  test('a VOI table that fills less than the bits it states is not read as dark', () => {
    expect(seen({ voiTable: table(0, 16, 0, 100, 200) }, 'reading', Uint16Array.of(0, 1, 2))).toEqual(
      near([0, 0.5, 1]),
    );
  });

  test('a modality table stands for slope and intercept', () => {
    const own = { slope: 7, modalityTable: table(0, 16, 10, 20, 40) };
    expect(seen(own, 'reading', Uint16Array.of(0, 1, 2))).toEqual(near([0, 1 / 3, 1]));
  });

  test('MONOCHROME1 is turned after the window, and said so', () => {
    const own = { photometricInterpretation: 'MONOCHROME1', windows: [{ center: 2048, width: 4096 }] };
    expect(seen(own)).toEqual(near([1, ...[1000, 2000, 3000].map((x) => 1 - x / 4095), 0]));
    expect(greyPicture(values, image(own), 'reading').inverted).toBe(true);
  });

  test('signed values and a flat picture', () => {
    expect(seen({ signed: true }, 'reading', Int16Array.of(-2, 0, 2))).toEqual(near([0, 0.5, 1]));
    expect(seen({}, 'reading', Uint16Array.of(7, 7))).toEqual([0, 0]);
  });
});

test("papers' ways with the same inverted and windowed picture differ as they say", () => {
  const own = { photometricInterpretation: 'MONOCHROME1', windows: [{ center: 1500.5, width: 1001 }] };
  const three = Uint16Array.of(1000, 1500, 2000);
  expect(seen(own, 'biovil', three)).toEqual(near([0, 0.5, 1]));
  expect(seen(own, 'mgca', three)).toEqual(near([0.5, 0.25, 0]));
  expect(seen(own, 'stored', three)).toEqual(near([1000 / 4095, 1500 / 4095, 2000 / 4095]));
  expect(seen(own, 'cxr-clip', three)).toEqual(near([1, 0.5, 0]));
  // Three levels of one pixel each: the lowest is 0, the others share the rest.
  expect(seen(own, 'mimic-cxr-jpg', three)).toEqual(near([1, 128 / 255, 0]));
});

describe('colour', () => {
  test('a palette of 8-bit entries and one of 16-bit entries give the same', () => {
    const bytes = [table(0, 8, 0, 255), table(0, 8, 128, 10), table(0, 8, 1, 2)] as DicomImage['palette'];
    const words = bytes!.map(({ entries }) => table(0, 16, ...[...entries].map((value) => value * 257)));
    for (const palette of [bytes, words as unknown as DicomImage['palette']]) {
      const own = image({ photometricInterpretation: 'PALETTE COLOR', palette });
      expect([...colourPicture(Uint8Array.of(1, 0), own)!]).toEqual([255, 10, 2, 0, 128, 1]);
    }
  });

  test('YCbCr becomes RGB; RGB of 16 bits becomes 8; an unknown colour is not guessed', () => {
    const own = (photometricInterpretation: string, bitsStored = 8) =>
      image({ photometricInterpretation, samplesPerPixel: 3, bitsStored });
    // Pure red, and grey, by the matrix of PS3.3 C.7.6.3.1.2.
    expect([...colourPicture(Uint8Array.of(76, 85, 255, 90, 128, 128), own('YBR_FULL'))!]).toEqual([
      254, 0, 0, 90, 90, 90,
    ]);
    expect([...colourPicture(Uint16Array.of(65535, 0, 32768), own('RGB', 16))!]).toEqual([255, 0, 128]);
    expect(colourPicture(Uint8Array.of(1, 2, 3), own('HSV'))).toBeUndefined();
  });
});
