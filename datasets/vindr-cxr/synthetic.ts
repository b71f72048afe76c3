/** A made-up VinDr-CXR release: DICOM files of 10, 12 and 14 bits in both MONOCHROMEs, three readers who disagree, a consensus. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SyntheticRelease } from '../../src/data/adapter.js';
import { dicomFile, type WrittenDicom } from '../../src/data/formats/dicom-writer.js';
import { FINDINGS } from './prompts.js';

const [WIDTH, HEIGHT] = [96, 128];
const idOf = (number: number) => number.toString(16).padStart(32, '0');

function writeImage(folder: string, number: number, bits: number, photometric: WrittenDicom['photometric']): void {
  const top = 2 ** bits - 1;
  const pixels = Uint16Array.from({ length: WIDTH * HEIGHT }, (_, i) => Math.round(((i % WIDTH) / (WIDTH - 1)) * top));
  const said = { rows: HEIGHT, columns: WIDTH, pixels, bitsStored: bits, photometric, modality: 'DX' } as WrittenDicom;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${idOf(number)}.dicom`), dicomFile(said));
}

/** A line of the table of findings: who read, and what is 1. */
const reading = (number: number, reader: string[], ...named: string[]) =>
  [idOf(number), ...reader, ...FINDINGS.map((name) => (named.includes(name) ? 1 : 0))].join(',');

const release: SyntheticRelease = {
  async write(folder) {
    mkdirSync(join(folder, 'annotations'));
    const table = (name: string, lines: string[]) =>
      writeFileSync(join(folder, 'annotations', name), `${lines.join('\n')}\n`);
    const header = ['image_id', 'rad_id', ...FINDINGS].join(',');
    table('image_labels_train.csv', [
      header,
      reading(1, ['R9'], 'Cardiomegaly', 'ILD'),
      reading(1, ['R10'], 'Cardiomegaly'),
      reading(1, ['R8'], 'No finding'),
      ...['R1', 'R2', 'R3'].map((reader) => reading(2, [reader], 'No finding')),
      reading(3, ['R1'], 'Nodule/Mass'),
      reading(4, ['R1'], 'No finding').replace(/1$/u, 'x'),
      'cut,short',
    ]);
    table('annotations_train.csv', [
      'image_id,rad_id,class_name,x_min,y_min,x_max,y_max',
      `${idOf(1)},R9,Cardiomegaly,20.0,40.0,80.5,100.0`,
      `${idOf(1)},R9,ILD,10,10,30,50`,
      `${idOf(1)},R10,Cardiomegaly,22,42,78,98`,
      `${idOf(1)},R8,No finding,,,,`,
      `${idOf(3)},R1,Nodule/Mass,50,50,40,60`,
      `${idOf(7)},R1,ILD,10,10,30,50`,
      `${idOf(1)},R9,Tumour,10,10,30,50`,
    ]);
    // The test table has no readers, and another word.
    table('image_labels_test.csv', [
      header.replace('rad_id,', '').replace('Other diseases', 'Other disease'),
      reading(5, [], 'Pleural effusion', 'Other diseases'),
    ]);
    table('annotations_test.csv', [
      'image_id,class_name,x_min,y_min,x_max,y_max',
      `${idOf(5)},Pleural effusion,0,64,48,128`,
    ]);
    writeImage(join(folder, 'train'), 1, 12, 'MONOCHROME1');
    writeImage(join(folder, 'train'), 2, 10, 'MONOCHROME2');
    writeImage(join(folder, 'test'), 5, 14, 'MONOCHROME2');
    const labels = (shares: Record<string, number>) =>
      FINDINGS.map((name) => ({
        name,
        value: Math.fround(shares[name] ?? 0),
        state: shares[name] === undefined ? 'negative' : 'positive',
        source: 'reader',
      }));
    // Pictures are prepared with 64 pixels on the shorter side: two thirds.
    const box = (label: string, rater: string | null, ...coords: number[]) => ({
      kind: 'box',
      label,
      rater,
      coords: coords.map((value, i) => Math.fround(value * (i % 2 === 0 ? 64 / WIDTH : 85 / HEIGHT))),
    });
    const [findings, boxes] = ['annotations/image_labels_train.csv', 'annotations/annotations_train.csv'];
    return {
      rows: [
        {
          sample_id: idOf(1),
          labels: labels({ Cardiomegaly: 2 / 3, ILD: 1 / 3, 'No finding': 1 / 3 }),
          images: [{ view: 'PA', modality: 'DX', inverted: true, bits_stored: 12, photometric: 'MONOCHROME1' }],
          regions: [
            box('Cardiomegaly', 'R9', 20, 40, 80.5, 100),
            box('ILD', 'R9', 10, 10, 30, 50),
            box('Cardiomegaly', 'R10', 22, 42, 78, 98),
          ],
        },
        {
          sample_id: idOf(2),
          labels: labels({ 'No finding': 1 }),
          images: [{ inverted: false, bits_stored: 10 }],
          regions: null,
        },
        {
          sample_id: idOf(5),
          split: 'test',
          labels: labels({ 'Pleural effusion': 1, 'Other diseases': 1 }),
          images: [{ bits_stored: 14 }],
          regions: [box('Pleural effusion', null, 0, 64, 48, 128)],
        },
      ],
      rejects: [
        { dropped: 'row', code: 'bad_label', file: findings!, field: 'No finding', row: 8 },
        { dropped: 'row', code: 'bad_row', file: findings!, field: 'row', row: 9 },
        { dropped: 'row', code: 'bad_box', file: boxes!, field: 'x_min', row: 5 },
        { dropped: 'row', code: 'unknown_image', file: boxes!, field: 'image_id', row: 6 },
        { dropped: 'row', code: 'bad_label', file: boxes!, field: 'class_name', row: 7 },
        { dropped: 'row', code: 'missing_image', file: findings!, field: 'image_id', row: 7 },
      ],
    };
  },
};
export default release;
