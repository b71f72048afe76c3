/** A made-up MIMIC-CXR-JPG release to draw from: of each class one image that fits, and others that nearly do. */
import { join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';
import { writeTable, written } from '../mimic-cxr/synthetic-studies.js';
import { CLASSES, FINDINGS } from './draw.js';

interface Made {
  study: number;
  view?: string;
  split?: string;
  findings: Record<string, string>;
  missing?: boolean;
}

/** One a patient. */
const STUDIES: Made[] = [
  ...CLASSES.map((name, i) => ({ study: 50000001 + i, findings: { [name]: '1.0', Fracture: '0.0' } })),
  { study: 50000011, view: 'LATERAL', findings: { Edema: '1.0' } },
  { study: 50000012, split: 'test', findings: { Edema: '1.0' } },
  { study: 50000013, findings: { Edema: '1.0', Pneumonia: '-1.0' } },
  { study: 50000014, findings: { Edema: '1.0', Atelectasis: '1.0' } },
  { study: 50000015, findings: { Edema: '-1.0' } },
  { study: 50000016, findings: { 'Support Devices': '1.0' } },
];
// In the tables, but its file is not there.
STUDIES[2]!.missing = true;

const subject = ({ study }: Made) => study - 40000000;
const dicom = ({ study }: Made) => `${study.toString(16).padStart(8, '0')}-bde0afdd-112c0b34-7bc16630-4e384014`;

const release: SyntheticRelease = {
  async write(folder) {
    const table = (name: string) => join(folder, `mimic-cxr-2.0.0-${name}.csv.gz`);
    writeTable(
      table('metadata'),
      ['dicom_id', 'subject_id', 'study_id', 'PerformedProcedureStepDescription', 'ViewPosition', 'Rows', 'Columns'],
      [...STUDIES.map((made) => [dicom(made), subject(made), made.study, '', made.view ?? 'PA', 40, 50]), ['cut', 1]],
    );
    writeTable(
      table('split'),
      ['dicom_id', 'study_id', 'subject_id', 'split'],
      STUDIES.map((made) => [dicom(made), made.study, subject(made), made.split ?? 'train']),
    );
    writeTable(
      table('chexpert'),
      ['subject_id', 'study_id', ...FINDINGS],
      STUDIES.map((made) => [subject(made), made.study, ...FINDINGS.map((name) => made.findings[name] ?? '')]),
    );
    for (const made of STUDIES) {
      if (made.missing) continue;
      const image = sharp({ create: { width: 50, height: 40, channels: 3, background: '#555555' } });
      const bytes = await image.toColourspace('b-w').jpeg({ quality: 95 }).toBuffer();
      const patient = `p${subject(made)}`;
      written(join(folder, 'files', patient.slice(0, 3), patient, `s${made.study}`, `${dicom(made)}.jpg`), bytes);
    }
    const file = 'mimic-cxr-2.0.0-metadata.csv.gz';
    return {
      options: { count: 1 },
      rows: STUDIES.slice(0, CLASSES.length)
        .filter(({ missing }) => !missing)
        .map((made) => ({
          sample_id: dicom(made),
          patient_id: `p${subject(made)}`,
          split: 'test',
          images: [{ view: 'PA', width: 50, channels: 1 }],
          labels: [{ vocab: 'mimic-cxr-5x200', name: Object.keys(made.findings)[0], state: 'positive' }],
        })),
      rejects: [
        { dropped: 'row', code: 'bad_row', file, field: 'row', row: STUDIES.length + 1 },
        { dropped: 'row', code: 'missing_image', file, field: 'dicom_id', row: 3 },
      ],
    };
  },
};
export default release;
