/** A made-up MIMIC-CXR release: DICOM files and reports in their folders, and the two lists; no table of views or splits. */
import { join } from 'node:path';
import type { SyntheticRelease } from '../../src/data/adapter.js';
import { dicomFile } from '../../src/data/formats/dicom-writer.js';
import { expectedRows, folderOf, HEIGHT, STUDIES, writeReports, writeTable, written } from './synthetic-studies.js';

const release: SyntheticRelease = {
  async write(folder) {
    const images = STUDIES.flatMap((study) =>
      study.images.map((image) => ({ ...study, ...image, folder: folderOf(study) })),
    );
    for (const [i, image] of images.entries()) {
      if (image.file === 'missing') continue;
      const { width, view, date, time } = image;
      // 12 bits, every other one MONOCHROME1.
      const bytes = dicomFile({
        rows: HEIGHT,
        columns: width,
        pixels: Uint16Array.from({ length: HEIGHT * width }, (_, at) => (at * 7 + i) % 4096),
        bitsStored: 12,
        photometric: i % 2 === 0 ? 'MONOCHROME2' : 'MONOCHROME1',
        modality: 'DX',
        view,
        studyDate: date,
        studyTime: time,
      });
      const whole = image.file === 'cut' ? bytes.subarray(0, bytes.length - 100) : bytes;
      written(join(folder, image.folder, `${image.dicom}.dcm`), whole);
    }
    writeReports(folder);
    const line = ({ subject, study, dicom, folder }: (typeof images)[number]) => [
      subject,
      study,
      dicom,
      `${folder}/${dicom}.dcm`,
    ];
    writeTable(
      join(folder, 'cxr-record-list.csv.gz'),
      ['subject_id', 'study_id', 'dicom_id', 'path'],
      [...images.map(line), ['1000003', 50000000, 'a', 'files/p10/a.dcm']],
    );
    writeTable(
      join(folder, 'cxr-study-list.csv.gz'),
      ['subject_id', 'study_id', 'path'],
      STUDIES.map((study) => [study.subject, study.study, `${folderOf(study)}.txt`]),
    );
    const flagged = (row: ReturnType<typeof expectedRows>[number]) => {
      const { flags: _, ...rest } = row;
      return rest;
    };
    return {
      options: { sections: 'all' },
      rows: expectedRows().map(flagged),
      rejects: [
        { dropped: 'row', code: 'bad_row', file: 'cxr-record-list.csv.gz', field: 'row', row: 9 },
        { dropped: 'image', code: 'missing_image', file: 'cxr-record-list.csv.gz', field: 'dicom_id', row: 4 },
        { dropped: 'row', code: 'truncated_image', file: 'cxr-record-list.csv.gz', field: 'dicom_id', row: 8 },
      ],
    };
  },
};
export default release;
