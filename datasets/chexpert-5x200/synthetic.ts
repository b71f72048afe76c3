/** A made-up list of three images beside a made-up CheXpert. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SyntheticRelease } from '../../src/data/adapter.js';
import { HEADER, tableLine, writeImage } from '../chexpert/synthetic.js';

const release: SyntheticRelease = {
  async write(folder) {
    const path = (patient: number) => `CheXpert-v1.0/train/patient0000${patient}/study1/view1_frontal.jpg`;
    const lines = [
      tableLine(path(1), 'Frontal', 'AP', { Edema: '1.0', 'Pleural Effusion': '0.0' }),
      tableLine(path(2), 'Frontal', 'PA', { 'Pleural Effusion': '1.0' }),
      tableLine(path(3), 'Frontal', 'PA', { Edema: '1.0', Atelectasis: '1.0' }),
    ];
    const impressions = ['"Edema, mild.\nNo change."', '', 'Edema.'];
    const whole = lines.map((line, i) => `${line},${impressions[i]}`);
    writeFileSync(join(folder, 'chexpert_5x200.csv'), `${HEADER},Report Impression\n${whole.join('\n')}\n`);
    for (const patient of [1, 2]) await writeImage(join(folder, path(patient)), 40 + patient);
    return {
      rows: [
        {
          sample_id: 'patient00001_study1_view1_frontal',
          patient_id: 'patient00001',
          split: 'test',
          images: [{ view: 'AP', width: 41 }],
          texts: [{ kind: 'impression', body: 'Edema, mild.\nNo change.' }],
          labels: [{ vocab: 'chexpert-5x200', name: 'Edema', state: 'positive' }],
        },
        {
          sample_id: 'patient00002_study1_view1_frontal',
          images: [{ width: 42 }],
          texts: [],
          labels: [{ name: 'Pleural Effusion' }],
        },
      ],
      rejects: [
        {
          dropped: 'row',
          code: 'bad_label',
          file: 'chexpert_5x200.csv',
          field: 'Atelectasis, Cardiomegaly, Consolidation, Edema, Pleural Effusion',
          row: 3,
        },
      ],
    };
  },
};
export default release;
