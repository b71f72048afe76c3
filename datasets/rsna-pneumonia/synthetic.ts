/** A made-up RSNA release: DICOM files of JPEG baseline, one of two boxes, one negative, one missing. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';
import { dicomFile } from '../../src/data/formats/dicom-writer.js';

const LABELS = 'stage_2_train_labels.csv';
const SIDE = 128;

const release: SyntheticRelease = {
  async write(folder) {
    mkdirSync(join(folder, 'stage_2_train_images'));
    for (const [id, view] of [
      ['0004cfab', 'PA'],
      ['00436515', 'AP'],
      ['00704310', ''],
    ] as const) {
      const pixels = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => 64 + ((i % SIDE) >> 1));
      const raw = { width: SIDE, height: SIDE, channels: 1 as const };
      const jpeg = await sharp(pixels, { raw }).toColourspace('b-w').jpeg().toBuffer();
      const bytes = dicomFile({
        rows: SIDE,
        columns: SIDE,
        pixels: { jpeg },
        view,
        studyDate: '19010101',
        studyTime: '000000.00',
      });
      writeFileSync(join(folder, 'stage_2_train_images', `${id}.dcm`), bytes);
    }
    const labels = [
      'patientId,x,y,width,height,Target',
      '0004cfab,,,,,0',
      '00436515,20.0,30.0,40.0,50.0,1',
      '00436515,80.0,30.0,20.0,60.0,1',
      '00704310,,,,,0',
      'gone,,,,,0',
      '00704310,,,,,1',
    ];
    writeFileSync(join(folder, LABELS), `${labels.join('\n')}\n`);
    const details = [
      'patientId,class',
      '0004cfab,No Lung Opacity / Not Normal',
      '00436515,Lung Opacity',
      '00436515,Lung Opacity',
      '00704310,Normal',
    ];
    writeFileSync(join(folder, 'stage_2_detailed_class_info.csv'), `${details.join('\n')}\n`);
    const box = (...coords: number[]) => ({
      kind: 'box',
      label: 'Pneumonia',
      coords: coords.map((value) => value / 2),
    });
    const of = (state: string, detail: string) => [
      { vocab: 'pneumonia', name: 'Pneumonia', state },
      { vocab: 'rsna-detail', name: detail, state: 'positive' },
    ];
    return {
      rows: [
        {
          sample_id: '0004cfab',
          labels: of('negative', 'No Lung Opacity / Not Normal'),
          images: [{ view: 'PA', width: 64, source_width: SIDE, channels: 1, bits_stored: 8 }],
        },
        {
          sample_id: '00436515',
          labels: of('positive', 'Lung Opacity'),
          images: [{ view: 'AP' }],
          // Pictures are prepared at half the size.
          regions: [box(20, 30, 60, 80), box(80, 30, 100, 90)],
        },
        { sample_id: '00704310', labels: of('negative', 'Normal'), images: [{ view: 'UNKNOWN' }] },
      ],
      rejects: [
        { dropped: 'row', code: 'bad_row', file: LABELS, field: 'row', row: 6 },
        { dropped: 'row', code: 'missing_image', file: LABELS, field: 'patientId', row: 5 },
      ],
    };
  },
};
export default release;
