/** MIMIC-CXR-JPG: the same studies as MIMIC-CXR with pictures made for people to look at, splits and labels. */
import { join } from 'node:path';
import type { z } from 'zod';
import type { DatasetAdapter } from '../../src/data/adapter.js';
import { GadoliniumError } from '../../src/errors.js';
import { METADATA_COLUMNS, saidBy } from '../mimic-cxr/adapter.js';
import { fileName, linesOf, versionedTable } from '../mimic-cxr/release-tables.js';
import { studyPath } from '../mimic-cxr/studies.js';
import { description, LICENCE, type Options, options, studyRows, tablesOf } from '../mimic-cxr/study-rows.js';

const adapter: DatasetAdapter<Options> = {
  name: 'mimic-cxr-jpg',
  title: 'MIMIC-CXR-JPG',
  version: '1',
  ...LICENCE,
  access: 'credentialed: physionet.org/content/mimic-cxr-jpg; reports come with physionet.org/content/mimic-cxr',
  modalities: ['DX'],
  options: options as z.ZodType<Options>,
  describe: description,

  async *rows(context) {
    const table = versionedTable(tablesOf(context), 'metadata');
    if (table === undefined)
      throw GadoliniumError.expected(
        'no-source',
        "'mimic-cxr-2.0.0-metadata.csv.gz'",
        `the MIMIC-CXR-JPG release ${context.from}`,
        'none',
      );
    yield* studyRows(context, {
      table: fileName(table),
      lines: linesOf(table, ['subject_id', 'study_id', ...METADATA_COLUMNS]),
      record: (cells, row) => {
        const [subject, study, dicom] = [cells['subject_id']!, cells['study_id']!, cells['dicom_id']!];
        const folder = studyPath(`p${subject}`, `s${study}`);
        return {
          subject,
          study,
          dicom,
          file: join(context.from, 'files', folder, `${dicom}.jpg`),
          row,
          ...saidBy(cells),
        };
      },
    });
  },
};
export default adapter;
