/** Lines of PadChest's table: an image each, with what is said of its study; lists are written as Python or NumPy does. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pythonLiteral, textList } from '../../src/data/formats/python-literals.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';
import { viewOf } from '../../src/radiology/view.js';

export interface ImageLine {
  row: number;
  image: string;
  /** The archive that holds it: 0 … 53. */
  folder: string;
  study: string;
  patient: string;
  report: string;
  /** undefined: the cell is empty, which does not mean that nothing was found. */
  labels: string[] | undefined;
  byPhysician: boolean;
  view: string;
  projection: string;
  modality: 'CR' | 'DX';
  monochrome1: boolean;
  /** KEPT columns as they are. */
  cells: Record<string, string>;
}

export type TableLine = ImageLine | { row: number; code: string; fault: string; field: string };

const PATTERN = /^PADCHEST_chest_x_ray_images_labels_160K_[\d.]+\.csv(?:\.gz)?$/u;
const COLUMNS = ['ImageID', 'ImageDir', 'StudyID', 'PatientID', 'Projection', 'Report', 'MethodLabel', 'Labels'];

/** Not all of them: the whole table is kept in memory until its studies are together. */
const KEPT = [
  'StudyDate_DICOM',
  'PatientBirth',
  'PatientSex_DICOM',
  'Pediatric',
  'ReportID',
  'Localizations',
  'LabelsLocalizationsBySentence',
  'LabelCUIS',
];

export function tableOf(from: string): string {
  const newest = (existsSync(from) ? readdirSync(from) : [])
    .filter((name) => PATTERN.test(name))
    .sort()
    .at(-1);
  if (newest !== undefined) return join(from, newest);
  throw GadoliniumError.expected(
    'no-source',
    "'PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv'",
    `the PadChest release ${from}`,
    'a folder without it',
  );
}

export async function* linesOf(path: string): AsyncGenerator<TableLine> {
  let checked = false;
  for await (const found of tableRows(path)) {
    const { row } = found;
    if ('fault' in found) {
      yield { row, code: 'bad_row', fault: found.fault, field: 'row' };
      continue;
    }
    const cells = found.values as Record<string, string>;
    const missing = checked ? undefined : COLUMNS.find((column) => !(column in cells));
    if (missing !== undefined)
      throw GadoliniumError.expected('no-column', `column '${missing}'`, basename(path), Object.keys(cells).join(', '));
    checked = true;
    yield lineOf(cells, row);
  }
}

function lineOf(cells: Record<string, string>, row: number): TableLine {
  const [image, study] = [cells['ImageID']!.trim(), cells['StudyID']!.trim()];
  if (image === '' || study === '')
    return { row, code: 'bad_row', fault: 'ImageID or StudyID is empty', field: image === '' ? 'ImageID' : 'StudyID' };
  const labels = listIn(cells['Labels']!);
  if (typeof labels === 'string')
    return { row, code: 'bad_label', fault: `'${labels}' is no list of texts`, field: 'Labels' };
  const projection = cells['Projection']!.trim();
  return {
    row,
    image,
    folder: cells['ImageDir']!.trim(),
    study,
    patient: cells['PatientID']!.trim(),
    report: cells['Report']!.trim(),
    labels,
    byPhysician: cells['MethodLabel']!.trim() === 'Physician',
    view: VIEWS[projection] ?? viewOf(cells['ViewPosition_DICOM']),
    projection,
    modality: cells['Modality_DICOM']?.trim() === 'CR' ? 'CR' : 'DX',
    monochrome1: cells['PhotometricInterpretation_DICOM']?.trim() === 'MONOCHROME1',
    cells: Object.fromEntries(KEPT.map((column) => [column, cells[column] ?? ''])),
  };
}

/** EXCLUDE: no chest, or of no use. Another word, or none: what the DICOM element said. */
const VIEWS: Record<string, string> = {
  PA: 'PA',
  L: 'LATERAL',
  AP: 'AP',
  AP_horizontal: 'AP',
  COSTAL: 'OTHER',
  EXCLUDE: 'OTHER',
};

/** undefined: an empty cell; a text: the cell that is no list. Names are said once, in the order of the cell. */
function listIn(cell: string): string[] | undefined | string {
  if (['', 'nan'].includes(cell.trim())) return undefined;
  const list = textList(cell);
  return list === undefined ? cell : [...new Set(list)];
}

/** Names of one column over a study, each once. */
export function namesIn(lines: readonly ImageLine[], column: string): string[] {
  const lists = lines.map(({ cells }) => textList(cells[column] ?? '') ?? []);
  return [...new Set(lists.flat())];
}

/** [['pleural effusion', 'loc right'], …], a sentence each, as JSON; undefined where the cell is empty or no list. */
export function sentencesIn({ cells }: ImageLine): string | undefined {
  const value = pythonLiteral(cells['LabelsLocalizationsBySentence'] ?? '');
  return Array.isArray(value) ? JSON.stringify(value) : undefined;
}
