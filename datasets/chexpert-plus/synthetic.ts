/** A made-up CheXpert Plus release: one table, PNG files, CheXbert's labels as JSON lines. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';

const TABLE = 'df_chexpert_plus_240401.csv';
const COLUMNS = [
  'path_to_image',
  'frontal_lateral',
  'ap_pa',
  'deid_patient_id',
  'patient_report_date_order',
  'section_findings',
  'section_impression',
  'section_clinical_history',
  'section_comparison',
  'age',
  'sex',
  'split',
];

const release: SyntheticRelease = {
  async write(folder) {
    const path = (patient: number, study: number, view: string, split = 'train') =>
      `${split}/patient4214${patient}/study${study}/${view}.jpg`;
    const line = (...cells: string[]) =>
      cells.map((cell) => (/[",\n]/u.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',');
    const report = ['The lungs are clear.\nNo effusion.', '1. No acute disease, as before.', 'Cough', '4/12'];
    const lines = [
      COLUMNS.join(','),
      // The later study stands first.
      line(path(1, 5, 'view1_frontal'), 'Frontal', 'AP', 'p1', '2', ...report, '61', 'Female', 'train'),
      line(path(1, 2, 'view1_frontal'), 'Frontal', 'PA', 'p1', '1', '', 'Normal.', '', '', '60', 'Female', 'train'),
      line(path(1, 2, 'view2_lateral'), 'Lateral', '', 'p1', '1', '', 'Normal.', '', '', '60', 'Female', 'train'),
      line(path(2, 1, 'view1_frontal', 'valid'), 'Frontal', 'AP', 'p2', '', '', '', 'Fall', '', '', '', 'valid'),
      line('cover.jpg', 'Frontal', 'AP', 'p3', '1', '', 'Normal.', '', '', '', '', 'train'),
      line(path(4, 1, 'view1_frontal'), 'Frontal', 'AP', 'p4', '1', '', 'Normal.', '', '', '', '', 'train'),
    ];
    writeFileSync(join(folder, TABLE), `${lines.join('\n')}\n`);
    for (const [file, width] of [
      [path(1, 5, 'view1_frontal'), 41],
      [path(1, 2, 'view1_frontal'), 42],
      [path(1, 2, 'view2_lateral'), 43],
      [path(2, 1, 'view1_frontal', 'valid'), 44],
    ] as const) {
      const png = join(folder, 'PNG', file.replace('.jpg', '.png'));
      mkdirSync(dirname(png), { recursive: true });
      await sharp({ create: { width, height: 40, channels: 3, background: { r: 99, g: 99, b: 99 } } })
        .toColourspace('b-w')
        .png()
        .toFile(png);
    }
    mkdirSync(join(folder, 'chexbert_labels'));
    const label = (file: string, findings: Record<string, number | null>) =>
      `${JSON.stringify({ path_to_image: file, 'No Finding': null, ...findings })}\n`;
    writeFileSync(
      join(folder, 'chexbert_labels', 'report_fixed.json'),
      label(path(1, 5, 'view1_frontal'), { 'Pleural Effusion': 0, Edema: -1 }) +
        label(path(1, 2, 'view1_frontal'), { 'No Finding': 1 }) +
        label(path(1, 2, 'view2_lateral'), { 'No Finding': 1 }),
    );
    return {
      options: { sections: 'all' },
      rows: [
        {
          sample_id: 'patient42141_study5',
          patient_id: 'patient42141',
          split: 'train',
          time_order: 1,
          prior_ids: ['patient42141_study2'],
          images: [{ view: 'AP', width: 41 }],
          texts: [
            { kind: 'findings', body: report[0] },
            { kind: 'impression', body: report[1] },
            { kind: 'comparison', body: report[3] },
            { kind: 'history', body: report[2] },
          ],
          labels: [
            { name: 'Edema', state: 'uncertain' },
            { name: 'Pleural Effusion', state: 'negative' },
          ],
        },
        {
          sample_id: 'patient42141_study2',
          time_order: 0,
          prior_ids: [],
          images: [
            { view: 'PA', width: 42 },
            { view: 'LATERAL', width: 43 },
          ],
          texts: [{ kind: 'impression', body: 'Normal.' }],
          labels: [{ name: 'No Finding', state: 'positive' }],
        },
        {
          sample_id: 'patient42142_study1',
          split: 'valid',
          time_order: null,
          images: [{ width: 44 }],
          texts: [{ kind: 'history', body: 'Fall' }],
          flags: ['no_report', 'small_image'],
          labels: [],
        },
      ],
      rejects: [
        { dropped: 'row', code: 'bad_row', file: TABLE, field: 'path_to_image', row: 5 },
        { dropped: 'row', code: 'missing_image', file: TABLE, field: 'path_to_image', row: 6 },
      ],
    };
  },
};
export default release;
