/** A made-up SIIM-ACR release: nested DICOM files of JPEG baseline, a header with a blank, masks of several lines. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';
import { dicomFile } from '../../src/data/formats/dicom-writer.js';

const TABLE = 'train-rle.csv';
const SIDE = 64;
const uid = (number: number) => `1.2.276.0.7230010.3.1.4.8323329.${number}`;

const release: SyntheticRelease = {
  async write(folder) {
    const lines = [
      'ImageId, EncodedPixels',
      `${uid(1)}, -1`,
      // Columns 2 and 3 from row 10 on, 4 and 6 pixels; then one pixel, in a line of its own.
      `${uid(2)}, 138 4 60 6`,
      `${uid(2)}, 0 1`,
      `${uid(3)},-1`,
      `${uid(4)}, 4090 10`,
      `${uid(5)}, -1`,
      `${uid(6)},`,
    ];
    writeFileSync(join(folder, TABLE), `${lines.join('\n')}\n`);
    const splits = [1, 2, 3, 4, 5].map((number) => `${uid(number)},test`);
    writeFileSync(join(folder, 'splits.csv'), `ImageId,split\n${splits.join('\n')}\n`);
    for (const number of [1, 2, 3, 4]) {
      const place = join(folder, 'dicom-images-train', `1.2.${number}`, `1.3.${number}`);
      mkdirSync(place, { recursive: true });
      const pixels = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => 60 + number + (i % SIDE));
      const raw = { width: SIDE, height: SIDE, channels: 1 as const };
      const jpeg = await sharp(pixels, { raw }).toColourspace('b-w').jpeg().toBuffer();
      writeFileSync(
        join(place, `${uid(number)}.dcm`),
        dicomFile({ rows: SIDE, columns: SIDE, pixels: { jpeg }, view: number === 1 ? 'AP' : 'PA' }),
      );
    }
    const label = (state: string) => [{ vocab: 'pneumothorax', name: 'Pneumothorax', state }];
    // Row by row: rows 10–13 hold column 2; column 3 goes from row 10 (138 + 4 + 60 = 202 = 3 · 64 + 10) to row 15.
    const rle = [10, 11, 12, 13, 14, 15].flatMap((y) => (y < 14 ? [y * SIDE + 2, 2] : [y * SIDE + 3, 1]));
    return {
      options: { splits: 'splits.csv' },
      rows: [
        { sample_id: uid(1), split: 'test', labels: label('negative'), images: [{ view: 'AP' }], regions: null },
        {
          sample_id: uid(2),
          labels: label('positive'),
          regions: [
            { kind: 'rle', label: 'Pneumothorax', coords: null, rle },
            { kind: 'rle', rle: [0, 1] },
          ],
        },
        { sample_id: uid(3), labels: label('negative'), regions: null },
      ],
      rejects: [
        { dropped: 'row', code: 'bad_row', file: TABLE, field: 'row', row: 7 },
        { dropped: 'row', code: 'bad_mask', file: TABLE, field: 'EncodedPixels', row: 5 },
        { dropped: 'row', code: 'missing_image', file: TABLE, field: 'ImageId', row: 6 },
      ],
    };
  },
};
export default release;
