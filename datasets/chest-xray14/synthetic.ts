/** A made-up ChestX-ray14 release: seven lines, pictures in two folders, the broken headers of the real tables. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';

const TABLE = 'Data_Entry_2017_v2020.csv';
const HEADER =
  'Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]';
const line = (name: string, labels: string, patient: number, view = 'PA') =>
  `${name},${labels},0,${patient},57,M,${view},2682,2749,0.143,0.143`;

const release: SyntheticRelease = {
  async write(folder) {
    const lines = [
      line('00000001_000.png', 'Cardiomegaly|Emphysema', 1),
      line('00000001_001.png', 'No Finding', 1, 'AP'),
      line('00000002_000.png', 'Infiltration|Pleural_Thickening', 2),
      line('00000003_000.png', 'Hernia', 3),
      line('00000004_000.png', 'Tumour', 4),
      line('00000005_000.png', 'Mass', 5),
      'cut,short',
    ];
    writeFileSync(join(folder, TABLE), `${HEADER}\n${lines.join('\n')}\n`);
    writeFileSync(
      join(folder, 'train_val_list.txt'),
      '00000001_000.png\n00000001_001.png\n00000004_000.png\n00000005_000.png',
    );
    writeFileSync(join(folder, 'test_list.txt'), '00000002_000.png\n');
    writeFileSync(
      join(folder, 'BBox_List_2017.csv'),
      'Image Index,Finding Label,Bbox [x,y,w,h],,,\n00000002_000.png,Infiltrate,10.5,20,30,40,,,\n',
    );
    for (const [place, name, channels] of [
      ['images_001', '00000001_000.png', 3],
      ['images_001', '00000001_001.png', 4],
      ['images_002', '00000002_000.png', 3],
    ] as const) {
      const path = join(folder, place, 'images');
      mkdirSync(path, { recursive: true });
      const background = { r: 77, g: 77, b: 77, alpha: 1 };
      await sharp({ create: { width: 64, height: 64, channels, background } })
        .png()
        .toFile(join(path, name));
    }
    const positive = (...names: string[]) =>
      [
        ...['Atelectasis', 'Cardiomegaly', 'Effusion', 'Infiltration', 'Mass', 'Nodule', 'Pneumonia', 'Pneumothorax'],
        ...['Consolidation', 'Edema', 'Emphysema', 'Fibrosis', 'Pleural_Thickening', 'Hernia'],
      ].map((name) => ({ name, state: names.includes(name) ? 'positive' : 'negative' }));
    const rejected = { dropped: 'row', file: TABLE } as const;
    return {
      rows: [
        {
          sample_id: '00000001_000',
          patient_id: '1',
          labels: positive('Cardiomegaly', 'Emphysema'),
          images: [{ view: 'PA', channels: 1 }],
        },
        { sample_id: '00000001_001', patient_id: '1', labels: positive(), images: [{ view: 'AP', channels: 1 }] },
        {
          sample_id: '00000002_000',
          split: 'test',
          labels: positive('Infiltration', 'Pleural_Thickening'),
          regions: [{ label: 'Infiltration', coords: [10.5, 20, 40.5, 60], text_index: null }],
        },
      ],
      rejects: [
        { ...rejected, code: 'no_split', field: 'Image Index', row: 4 },
        { ...rejected, code: 'bad_label', field: 'Finding Labels', row: 5 },
        { ...rejected, code: 'missing_image', field: 'Image Index', row: 6 },
        { ...rejected, code: 'bad_row', field: 'row', row: 7 },
      ],
    };
  },
};
export default release;
