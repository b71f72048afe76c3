/** A made-up CheXpert release in its small form: grey JPEGs, two tables, laterals without AP/PA. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';
import { FINDINGS } from './release-table.js';

export const HEADER = ['Path', 'Sex', 'Age', 'Frontal/Lateral', 'AP/PA', ...FINDINGS].join(',');

/** A line: findings by name, the others empty. */
export function tableLine(path: string, view: string, projection: string, findings: Record<string, string>): string {
  return [path, 'Female', '68', view, projection, ...FINDINGS.map((name) => findings[name] ?? '')].join(',');
}

export async function writeImage(path: string, width: number): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const background = { r: 120, g: 120, b: 120 };
  const image = sharp({ create: { width, height: 40, channels: 3, background } }).toColourspace('b-w');
  await image.jpeg().toFile(path);
}

const release: SyntheticRelease = {
  async write(folder) {
    const root = join(folder, 'CheXpert-v1.0-small');
    const path = (split: string, patient: number, study: number, view: string) =>
      `CheXpert-v1.0-small/${split}/patient0000${patient}/study${study}/${view}.jpg`;
    const train = [
      tableLine(path('train', 1, 1, 'view1_frontal'), 'Frontal', 'AP', {
        Edema: '1.0',
        Pneumonia: '-1.0',
        Fracture: '0.0',
      }),
      tableLine(path('train', 2, 1, 'view1_frontal'), 'Frontal', 'PA', { 'No Finding': '1.0' }),
      tableLine(path('train', 2, 1, 'view2_lateral'), 'Lateral', '', { 'No Finding': '1.0' }),
      tableLine(path('train', 2, 2, 'view1_frontal'), 'Frontal', 'PA', {}),
      tableLine('somewhere.jpg', 'Frontal', 'PA', {}),
      tableLine(path('train', 3, 1, 'view1_frontal'), 'Frontal', 'PA', { Edema: 'yes' }),
    ];
    const valid = [tableLine(path('valid', 4, 1, 'view1_frontal'), 'Frontal', 'LL', { Cardiomegaly: '1.0' })];
    mkdirSync(root);
    writeFileSync(join(root, 'train.csv'), `${HEADER}\n${train.join('\n')}\n`);
    writeFileSync(join(root, 'valid.csv'), `${HEADER}\n${valid.join('\n')}\n`);
    await writeImage(join(folder, path('train', 1, 1, 'view1_frontal')), 41);
    await writeImage(join(folder, path('train', 2, 1, 'view1_frontal')), 42);
    await writeImage(join(folder, path('train', 2, 1, 'view2_lateral')), 43);
    await writeImage(join(folder, path('valid', 4, 1, 'view1_frontal')), 44);
    return {
      rows: [
        {
          sample_id: 'patient00001_study1',
          patient_id: 'patient00001',
          split: 'train',
          images: [{ image_id: 'view1_frontal', view: 'AP', width: 41 }],
          labels: [
            { name: 'Edema', state: 'positive', source: 'nlp' },
            { name: 'Pneumonia', state: 'uncertain' },
            { name: 'Fracture', state: 'negative' },
          ],
        },
        {
          sample_id: 'patient00002_study1',
          images: [
            { view: 'PA', width: 42 },
            { view: 'LATERAL', width: 43 },
          ],
          labels: [{ name: 'No Finding', state: 'positive' }],
        },
        {
          sample_id: 'patient00004_study1',
          split: 'valid',
          images: [{ view: 'LATERAL', width: 44 }],
          labels: [{ name: 'Cardiomegaly', source: 'reader' }],
        },
      ],
      rejects: [
        { dropped: 'row', code: 'bad_row', file: 'train.csv', field: 'Path', row: 5 },
        { dropped: 'row', code: 'bad_label', file: 'train.csv', field: 'Edema', row: 6 },
        { dropped: 'row', code: 'missing_image', file: 'train.csv', field: 'Path', row: 4 },
      ],
    };
  },
};
export default release;
