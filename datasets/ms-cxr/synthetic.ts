/** A made-up MS-CXR release beside a few made-up images: a phrase of two boxes, two phrases of one image, a copy of another size. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';

const COLUMNS = 'dicom_id,category_name,label_text,path,x,y,w,h,image_width,image_height,split';
const pathOf = (patient: number, dicom: string) => `files/p10/p1000000${patient}/s5000000${patient}/${dicom}.jpg`;

/** [patient, dicom, finding, phrase, x, y, w, h, width, height, split] */
const BOXES: [number, string, string, string, ...number[]][] = [
  [1, 'aa-1', 'Pleural Effusion', 'bilateral pleural effusions', 4, 30, 8, 10, 60, 50],
  [1, 'aa-1', 'Pleural Effusion', 'bilateral pleural effusions', 44, 30, 10, 12, 60, 50],
  [1, 'aa-1', 'Cardiomegaly', 'heart is enlarged', 20, 20, 24, 20, 60, 50],
  [2, 'bb-2', 'Pneumothorax', 'left apical pneumothorax', 60, 10, 20, 10, 120, 100],
  [3, 'cc-3', 'Edema', 'mild edema', 1, 1, 5, 5, 60, 50],
  [4, 'dd-4', 'Edema', 'edema', 1, 1, 5, 5, 60, 50],
  [5, 'ee-5', 'Fracture', 'rib fracture', 1, 1, 5, 5, 60, 50],
  [5, 'ee-5', 'Edema', 'edema', 58, 1, 5, 5, 60, 50],
];

const release: SyntheticRelease = {
  async write(folder) {
    const lines = BOXES.map(([patient, dicom, finding, phrase, ...numbers]) =>
      [dicom, finding, phrase, pathOf(patient, dicom), ...numbers, 'test'].join(','),
    );
    writeFileSync(join(folder, 'MS_CXR_Local_Alignment_v1.1.0.csv'), `${COLUMNS}\n${lines.join('\n')}\n`);
    // The second is a copy of half the size, the third of another shape, the fourth is missing.
    for (const [patient, dicom, width, height] of [
      [1, 'aa-1', 60, 50],
      [2, 'bb-2', 60, 50],
      [3, 'cc-3', 50, 50],
    ] as const) {
      const path = join(folder, pathOf(patient, dicom));
      mkdirSync(dirname(path), { recursive: true });
      const background = { r: 90, g: 90, b: 90 };
      await sharp({ create: { width, height, channels: 3, background } })
        .toColourspace('b-w')
        .jpeg()
        .toFile(path);
    }
    const region = (text_index: number, label: string, coords: number[]) => ({
      image_index: 0,
      kind: 'box',
      label,
      text_index,
      coords,
    });
    const file = 'MS_CXR_Local_Alignment_v1.1.0.csv';
    return {
      rows: [
        {
          sample_id: 'aa-1',
          patient_id: 'p10000001',
          study_id: 's50000001',
          split: 'test',
          images: [{ width: 60, height: 50 }],
          texts: [{ body: 'bilateral pleural effusions' }, { body: 'heart is enlarged' }],
          regions: [
            region(0, 'Pleural Effusion', [4, 30, 12, 40]),
            region(0, 'Pleural Effusion', [44, 30, 54, 42]),
            region(1, 'Cardiomegaly', [20, 20, 44, 40]),
          ],
          labels: [
            { name: 'Pleural Effusion', state: 'positive' },
            { name: 'Cardiomegaly', state: 'positive' },
          ],
        },
        { sample_id: 'bb-2', regions: [region(0, 'Pneumothorax', [30, 5, 40, 10])] },
      ],
      rejects: [
        { dropped: 'row', code: 'bad_row', file, field: 'row', row: 7 },
        { dropped: 'row', code: 'bad_row', file, field: 'row', row: 8 },
        { dropped: 'row', code: 'wrong_size', file, field: 'image_width', row: 5 },
        { dropped: 'row', code: 'missing_image', file, field: 'path', row: 6 },
      ],
    };
  },
};
export default release;
