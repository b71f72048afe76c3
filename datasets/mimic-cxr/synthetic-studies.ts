/** Made-up patients for both forms of MIMIC-CXR: identifiers, dates and words of the released form; nobody was imaged. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

export interface MadeImage {
  dicom: string;
  view: string;
  /** Of the picture, in pixels; tells pictures apart. */
  width: number;
  /** Not written, or half of it. */
  file?: 'missing' | 'cut';
}

export interface MadeStudy {
  subject: number;
  study: number;
  date: string;
  /** As DICOM has it; the tables, read as numbers by their makers, lose leading zeros. */
  time: string;
  split: string;
  procedure: string;
  images: MadeImage[];
  /** undefined: no file. */
  report: string | undefined;
  texts: { kind: string; body: string }[];
  /** Atelectasis, Cardiomegaly, Pleural Effusion; the others empty. */
  labels: [string, string, string];
}

export const HEIGHT = 32;
const dicom = (number: number) =>
  [0x02aa804e, 0xbde0afdd, 0x112c0b34, 0x7bc16630, 0x4e384014 + number]
    .map((part) => part.toString(16).padStart(8, '0'))
    .join('-');

export const STUDIES: MadeStudy[] = [
  {
    subject: 10000032,
    study: 53911762,
    date: '21800723',
    time: '080556.875',
    split: 'train',
    procedure: 'CHEST (PORTABLE AP)',
    images: [{ dicom: dicom(1), view: 'AP', width: 41 }],
    report: ` WET READ: ___ ___ ___ 9:10 AM
  Unchanged.
 ______________________________________________________________________________
                                 FINAL REPORT
 INDICATION:  ___ year old man, tube placed // position?
 
 COMPARISON:  ___.
 
 FINDINGS: 
 
 The tube ends 4.5 cm above the carina.  Compared to ___, edema is
 unchanged.
 
 IMPRESSION: 
 
 1.  Tube in good position.
 2.  Edema, told to Dr. ___ at 9:15 a.m. on ___.
`,
    texts: [
      {
        kind: 'findings',
        body: 'The tube ends 4.5 cm above the carina.  Compared to ___, edema is\n unchanged.',
      },
      {
        kind: 'impression',
        body: '1.  Tube in good position.\n 2.  Edema, told to Dr. ___ at 9:15 a.m. on ___.',
      },
      { kind: 'comparison', body: '___.' },
      { kind: 'indication', body: '___ year old man, tube placed // position?' },
    ],
    labels: ['', '-1.0', '0.0'],
  },
  {
    subject: 10000032,
    study: 50414267,
    date: '21800506',
    time: '213014.531',
    split: 'train',
    procedure: 'CHEST (PA AND LAT)',
    images: [
      { dicom: dicom(2), view: 'PA', width: 42 },
      { dicom: dicom(3), view: 'LATERAL', width: 43 },
    ],
    report: `                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)
 
 INDICATION:  ___F with new onset ascites  // eval for infection
 
 TECHNIQUE:  Chest PA and lateral
 
 COMPARISON:  None.
 
 FINDINGS: 
 
 There is no focal consolidation, pleural effusion or pneumothorax.
 
 IMPRESSION: 
 
 No acute cardiopulmonary process.
`,
    texts: [
      { kind: 'findings', body: 'There is no focal consolidation, pleural effusion or pneumothorax.' },
      { kind: 'impression', body: 'No acute cardiopulmonary process.' },
      { kind: 'comparison', body: 'None.' },
      { kind: 'indication', body: '___F with new onset ascites  // eval for infection' },
      { kind: 'technique', body: 'Chest PA and lateral' },
    ],
    labels: ['', '0.0', '0.0'],
  },
  {
    subject: 10000764,
    study: 57375967,
    date: '21321015',
    time: '083000',
    split: 'validate',
    procedure: 'CHEST (PA AND LAT)',
    // One of two pictures is not there.
    images: [
      { dicom: dicom(4), view: 'LL', width: 44 },
      { dicom: dicom(5), view: 'PA', width: 45, file: 'missing' },
    ],
    report: `                                 FINAL REPORT
 CHEST, PA LATERAL:
 
 HISTORY:  Nasal bleeding, question aspiration.
 
 Lungs are clear.  The heart is not enlarged.
`,
    texts: [
      { kind: 'last_paragraph', body: 'Lungs are clear.  The heart is not enlarged.' },
      { kind: 'history', body: 'Nasal bleeding, question aspiration.' },
    ],
    labels: ['', '', ''],
  },
  {
    subject: 11000011,
    study: 51029426,
    date: '21500101',
    time: '000000.000',
    split: 'test',
    procedure: 'CHEST (PORTABLE AP)',
    images: [{ dicom: dicom(6), view: 'XTABLE LATERAL', width: 46 }],
    // Nothing concludes.
    report: '                                 FINAL REPORT\n REFERENCE EXAM:  ___.\n',
    texts: [{ kind: 'comparison', body: '___.' }],
    labels: ['1.0', '', ''],
  },
  // Of the same moment: neither is the other's prior. Its report was never released.
  {
    subject: 11000011,
    study: 51029427,
    date: '21500101',
    time: '000000.000',
    split: 'test',
    procedure: '',
    images: [{ dicom: dicom(7), view: '', width: 47 }],
    report: undefined,
    texts: [],
    labels: ['', '', '1.0'],
  },
  // The only picture is cut short.
  {
    subject: 19999987,
    study: 55368167,
    date: '21451103',
    time: '045809.000',
    split: 'train',
    procedure: 'CHEST (SINGLE VIEW)',
    images: [{ dicom: dicom(8), view: 'AP', width: 48, file: 'cut' }],
    report: '\n IMPRESSION:  Clear.\n',
    texts: [{ kind: 'impression', body: 'Clear.' }],
    labels: ['', '', ''],
  },
];

export const folderOf = ({ subject, study }: MadeStudy) =>
  `files/p${String(subject).slice(0, 2)}/p${subject}/s${study}`;

export function writeReports(folder: string): void {
  for (const study of STUDIES)
    if (study.report !== undefined) written(join(folder, `${folderOf(study)}.txt`), study.report);
}

export function writeTable(path: string, columns: string[], rows: (string | number)[][]): void {
  const lines = [columns, ...rows].map((row) =>
    row.map((cell) => (/[",]/u.test(`${cell}`) ? `"${cell}"` : cell)).join(','),
  );
  written(path, gzipSync(`${lines.join('\n')}\n`));
}

export function written(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** The tables of MIMIC-CXR-JPG. A number for the time, as they have it: 80556.875 for five past eight. */
export function writeTables(folder: string): void {
  const images = STUDIES.flatMap((study) => study.images.map((image) => ({ ...study, ...image })));
  writeTable(
    join(folder, 'mimic-cxr-2.0.0-metadata.csv.gz'),
    [
      'dicom_id',
      'subject_id',
      'study_id',
      'PerformedProcedureStepDescription',
      'ViewPosition',
      'Rows',
      'Columns',
      'StudyDate',
      'StudyTime',
      'ProcedureCodeSequence_CodeMeaning',
      'ViewCodeSequence_CodeMeaning',
      'PatientOrientationCodeSequence_CodeMeaning',
    ],
    images.map(({ dicom, subject, study, procedure, view, width, date, time }) => [
      dicom,
      subject,
      study,
      procedure,
      view,
      HEIGHT,
      width,
      date,
      Number(time),
      procedure,
      view === 'PA' ? 'postero-anterior' : '',
      'Erect',
    ]),
  );
  writeTable(
    join(folder, 'mimic-cxr-2.0.0-split.csv.gz'),
    ['dicom_id', 'study_id', 'subject_id', 'split'],
    images.map(({ dicom, study, subject, split }) => [dicom, study, subject, split]),
  );
  for (const name of ['chexpert', 'negbio'])
    writeTable(
      join(folder, `mimic-cxr-2.0.0-${name}.csv.gz`),
      ['subject_id', 'study_id', ...FINDINGS],
      STUDIES.map(({ subject, study, labels }) => [
        subject,
        study,
        ...FINDINGS.map((finding) => labels[LABELLED.indexOf(finding)] ?? ''),
      ]),
    );
}

const FINDINGS = (
  'Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,Lung Lesion,Lung Opacity,No Finding,' +
  'Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices'
).split(',');
export const LABELLED = ['Atelectasis', 'Cardiomegaly', 'Pleural Effusion'];

const VIEWS: Record<string, string> = { PA: 'PA', AP: 'AP', LATERAL: 'LATERAL', LL: 'LATERAL', '': 'UNKNOWN' };
const STATES: Record<string, string> = { '1.0': 'positive', '0.0': 'negative', '-1.0': 'uncertain' };

/** What rows must say in either form, in their order: patients by number, studies by time. */
export function expectedRows(): ({ sample_id: string } & Record<string, unknown>)[] {
  const order = [50414267, 53911762, 57375967, 51029426, 51029427];
  const extra: Record<number, Record<string, unknown>> = {
    50414267: { study_time: '2180-05-06T21:30:14.531', time_order: 0, prior_ids: [] },
    53911762: { study_time: '2180-07-23T08:05:56.875', time_order: 1, prior_ids: ['s50414267'] },
    57375967: { study_time: '2132-10-15T08:30:00', flags: expect('missing_image') },
    51029426: { time_order: 0, prior_ids: [], flags: expect('no_report') },
    51029427: { time_order: 1, prior_ids: [], flags: expect('no_report') },
  };
  return order.map((number) => {
    const made = STUDIES.find(({ study }) => study === number)!;
    return {
      sample_id: `s${number}`,
      patient_id: `p${made.subject}`,
      study_id: `s${number}`,
      images: made.images
        .filter(({ file }) => file === undefined)
        .map(({ dicom, view, width }) => ({ image_id: dicom, view: VIEWS[view] ?? 'OTHER', width, height: HEIGHT })),
      texts: made.texts,
      ...extra[number],
    };
  });
}

/** Pictures this small are flagged too. */
const expect = (flag: string) => (flag === 'missing_image' ? ['small_image', flag] : [flag, 'small_image']);

export function expectedLabels(study: number): { name: string; state: string }[] {
  const { labels } = STUDIES.find((made) => made.study === study)!;
  return LABELLED.flatMap((name, i) => (labels[i] === '' ? [] : [{ name, state: STATES[labels[i]!]! }]));
}
