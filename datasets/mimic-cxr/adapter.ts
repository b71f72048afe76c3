/** MIMIC-CXR as DICOM: one row a study, with all its pictures, report sections, labels and earlier studies. */
import { join } from 'node:path';
import type { z } from 'zod';
import type { AdapterContext, DatasetAdapter } from '../../src/data/adapter.js';
import { dicomHeader } from '../../src/data/formats/dicom-header.js';
import { GadoliniumError } from '../../src/errors.js';
import { type Cells, cellsOf, fileName, linesOf, namedTable, versionedTable } from './release-tables.js';
import type { ImageRecord } from './studies.js';
import { description, LICENCE, type Options, options, studyRows, tablesOf } from './study-rows.js';

const adapter: DatasetAdapter<Options> = {
  name: 'mimic-cxr',
  title: 'MIMIC-CXR (DICOM)',
  version: '1',
  ...LICENCE,
  access:
    'credentialed: physionet.org/content/mimic-cxr; splits and labels come with physionet.org/content/mimic-cxr-jpg',
  modalities: ['CR', 'DX'],
  options: options as z.ZodType<Options>,
  describe: description,

  async *rows(context) {
    const table = namedTable(context.from, 'cxr-record-list');
    if (table === undefined)
      throw GadoliniumError.expected(
        'no-source',
        "'cxr-record-list.csv.gz'",
        `the MIMIC-CXR release ${context.from}`,
        'none',
      );
    const said = await metadata(context);
    yield* studyRows(context, {
      table: fileName(table),
      lines: linesOf(table, ['subject_id', 'study_id', 'dicom_id', 'path']),
      record: async (cells, row) => {
        const file = join(context.from, cells['path']!);
        return {
          subject: cells['subject_id']!,
          study: cells['study_id']!,
          dicom: cells['dicom_id']!,
          file,
          row,
          ...(said === undefined ? await fromHeader(file) : saidBy(said.get(cells['dicom_id']!))),
        };
      },
    });
  },
};
export default adapter;

type Said = Pick<ImageRecord, 'view' | 'procedure' | 'date' | 'time' | 'modality'>;

/** The JPG release's table by image; undefined where it is not there, so that headers must be read. */
async function metadata(context: AdapterContext<Options>): Promise<Map<string, Cells> | undefined> {
  const path = versionedTable(tablesOf(context), 'metadata');
  if (path === undefined) return undefined;
  const out = new Map<string, Cells>();
  for await (const line of linesOf(path, METADATA_COLUMNS)) {
    const cells = cellsOf(line, path);
    // Few of the columns are needed, and there are 377,110 rows.
    out.set(cells['dicom_id']!, Object.fromEntries(METADATA_COLUMNS.map((column) => [column, cells[column]!])));
  }
  return out;
}

export const METADATA_COLUMNS = [
  'dicom_id',
  'PerformedProcedureStepDescription',
  'ViewPosition',
  'StudyDate',
  'StudyTime',
];

export const saidBy = (cells: Cells | undefined): Said => ({
  view: cells?.['ViewPosition'] ?? '',
  procedure: cells?.['PerformedProcedureStepDescription'] ?? '',
  date: cells?.['StudyDate'] ?? '',
  time: cells?.['StudyTime'] ?? '',
});

async function fromHeader(file: string): Promise<Said> {
  // A file that is not there or damaged is rejected when its pixels are wanted.
  const header = await dicomHeader(file).catch(() => undefined);
  return {
    view: header?.view ?? '',
    procedure: '',
    date: header?.studyDate ?? '',
    time: header?.studyTime ?? '',
    modality: header?.modality === 'CR' ? 'CR' : 'DX',
  };
}
