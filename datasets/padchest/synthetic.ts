/** A made-up PadChest release: 16-bit PNGs in numbered folders, lists in both ways of writing, two views of one report, missing cells. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';

const TABLE = 'PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv';
const HEADER = [
  ...['', 'ImageID', 'ImageDir', 'StudyDate_DICOM', 'StudyID', 'PatientID', 'PatientBirth', 'PatientSex_DICOM'],
  ...['ViewPosition_DICOM', 'Projection', 'MethodProjection', 'Pediatric', 'Modality_DICOM', 'Manufacturer_DICOM'],
  ...['PhotometricInterpretation_DICOM', 'PixelRepresentation_DICOM', 'PixelAspectRatio_DICOM'],
  ...['SpatialResolution_DICOM', 'BitsStored_DICOM', 'WindowCenter_DICOM', 'WindowWidth_DICOM', 'Rows_DICOM'],
  ...['Columns_DICOM', 'XRayTubeCurrent_DICOM', 'Exposure_DICOM', 'ExposureInuAs_DICOM', 'ExposureTime_DICOM'],
  ...['RelativeXRayExposure_DICOM', 'ReportID', 'Report', 'MethodLabel', 'Labels', 'Localizations'],
  ...['LabelsLocalizationsBySentence', 'LabelCUIS', 'LocalizationsCUIS'],
];

function line(image: string, study: string, cells: Record<string, string>): string {
  const all: Record<string, string> = {
    ImageID: image,
    ImageDir: '0',
    StudyDate_DICOM: '20140915',
    StudyID: study,
    PatientID: `P${study}`,
    PatientBirth: '1930.0',
    PatientSex_DICOM: 'F',
    Projection: 'PA',
    Pediatric: 'No',
    Modality_DICOM: 'DX',
    PhotometricInterpretation_DICOM: 'MONOCHROME2',
    ReportID: `R${study}`,
    MethodLabel: 'RNN_model',
    ...cells,
  };
  return HEADER.map((column) => {
    const cell = all[column] ?? '';
    return /[",\n]/u.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
  }).join(',');
}

const NAMES = ['cardiomegaly', 'normal', 'pleural effusion', 'unchanged'];

const release: SyntheticRelease = {
  async write(folder) {
    const study = {
      Report: 'sin cambi significativ respect al previ . derram pleural derech . cardiomegali .',
      MethodLabel: 'Physician',
      Labels: "['unchanged', ' pleural effusion', 'cardiomegaly', '']",
      Localizations: "['loc pleural', 'loc right']",
      LabelsLocalizationsBySentence:
        "[['unchanged'], ['pleural effusion', 'loc pleural', 'loc right'], ['cardiomegaly']]",
      LabelCUIS: "['C0032227' 'C0018800']",
    };
    const lines = [
      line('2168_04-014-084.png', '1', study),
      line('2168_04-014-086.png', '1', { ...study, Projection: 'L', ImageDir: '1', StudyDate_DICOM: '20140915' }),
      line('2200_abcdef.png', '2', {
        Projection: 'AP_horizontal',
        PatientBirth: '1830.0',
        PatientSex_DICOM: '',
        Modality_DICOM: 'CR',
        PhotometricInterpretation_DICOM: 'MONOCHROME1',
        Report: 'normal .',
        Labels: "['normal'\n 'unchanged']",
        Pediatric: 'PED',
      }),
      line('2300.png', '3', { PatientBirth: '', Projection: 'UNK', ViewPosition_DICOM: 'LATERAL' }),
      line('2400.png', '4', { Report: 'normal .', Labels: '[normal]' }),
      line('2500.png', '5', { Report: 'normal .', Labels: "['normal']" }),
      line('2600.png', '6', { Report: 'normal .', Labels: "['normal']" }),
      line('2700.png', '', { Report: 'normal .' }),
      'cut,short',
    ];
    writeFileSync(join(folder, TABLE), `${HEADER.join(',')}\n${lines.join('\n')}\n`);
    for (const [place, name, low] of [
      ['0', '2168_04-014-084.png', 0],
      ['1', '2168_04-014-086.png', 1000],
      ['0', '2200_abcdef.png', 300],
      ['0', '2300.png', 500],
      ['0', '2600.png', 0],
    ] as const) {
      const pixels = Uint16Array.from({ length: 80 * 70 }, (_, i) => low + ((i * 9) % (65536 - low)));
      const raw = { width: 80, height: 70, channels: 1 as const };
      const bytes = await sharp(pixels, { raw }).toColourspace('grey16').png().toBuffer();
      mkdirSync(join(folder, place), { recursive: true });
      // Eight files of the release are cut short.
      writeFileSync(join(folder, place, name), name === '2600.png' ? bytes.subarray(0, bytes.length / 2) : bytes);
    }
    const labels = (source: string, ...positive: string[]) =>
      NAMES.map((name) => ({
        vocab: 'padchest',
        name,
        state: positive.includes(name) ? 'positive' : 'negative',
        source,
      }));
    const top = (low: number) => low + 9 * (80 * 70 - 1);
    return {
      rows: [
        {
          sample_id: '1',
          patient_id: 'P1',
          study_time: '2014-09-15',
          images: [
            { image_id: '2168_04-014-084', view: 'PA', bits_stored: 16, channels: 1, value_range: [0, top(0)] },
            { image_id: '2168_04-014-086', view: 'LATERAL', value_range: [1000, top(1000)] },
          ],
          texts: [{ kind: 'report', lang: 'es', body: study.Report }],
          labels: labels('expert', 'unchanged', 'pleural effusion', 'cardiomegaly'),
          meta: {
            age: '84',
            sex: 'F',
            projections: 'PA | L',
            all_labels: 'unchanged | pleural effusion | cardiomegaly',
            localizations: 'loc pleural | loc right',
            labels_by_sentence: '[["unchanged"],["pleural effusion","loc pleural","loc right"],["cardiomegaly"]]',
            label_cuis: 'C0032227 C0018800',
          },
        },
        {
          sample_id: '2',
          images: [{ view: 'AP', modality: 'CR', inverted: false }],
          labels: labels('model', 'normal', 'unchanged'),
          meta: { projections: 'AP_horizontal', monochrome1: '2200_abcdef', pediatric: 'yes' },
          flags: ['stemmed_text', 'monochrome1_source', 'bad_age', 'windowed_min_max'],
        },
        {
          sample_id: '3',
          images: [{ view: 'LATERAL' }],
          texts: [],
          labels: [],
          flags: ['no_report', 'no_labels', 'windowed_min_max'],
        },
      ],
      rejects: [
        { dropped: 'row', code: 'bad_label', file: TABLE, field: 'Labels', row: 5 },
        { dropped: 'row', code: 'bad_row', file: TABLE, field: 'StudyID', row: 8 },
        { dropped: 'row', code: 'bad_row', file: TABLE, field: 'row', row: 9 },
        { dropped: 'row', code: 'missing_image', file: TABLE, field: 'ImageID', row: 6 },
        { dropped: 'row', code: 'truncated_image', file: TABLE, field: 'ImageID', row: 7 },
      ],
    };
  },
};
export default release;
