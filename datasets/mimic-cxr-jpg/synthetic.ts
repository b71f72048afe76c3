/** A made-up MIMIC-CXR-JPG release beside a folder of reports: grey JPEGs of 8 bits and the four tables. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';
import {
  expectedLabels,
  expectedRows,
  folderOf,
  HEIGHT,
  STUDIES,
  writeReports,
  writeTables,
  written,
} from '../mimic-cxr/synthetic-studies.js';

const METADATA = 'mimic-cxr-2.0.0-metadata.csv.gz';

const release: SyntheticRelease = {
  async write(folder) {
    for (const study of STUDIES)
      for (const { dicom, width, file } of study.images) {
        if (file === 'missing') continue;
        const pixels = Uint8Array.from({ length: HEIGHT * width }, (_, at) => (at * 7) % 256);
        const bytes = await sharp(pixels, { raw: { width, height: HEIGHT, channels: 1 } })
          .toColourspace('b-w')
          .jpeg({ quality: 95 })
          .toBuffer();
        written(join(folder, folderOf(study), `${dicom}.jpg`), file === 'cut' ? bytes.subarray(0, 400) : bytes);
      }
    // As mimic-cxr-reports.zip unpacks.
    writeReports(join(folder, 'mimic-cxr-reports'));
    writeTables(folder);
    // Two more images: one that no split knows, and a line cut short. A gzip file may have several parts.
    const more = ['9f-9f,10000980,50985099,CHEST,PA,32,40,21800101,1,x,y,z\n', 'a,b\n'];
    for (const line of more) appendFileSync(join(folder, METADATA), gzipSync(line));
    const lines =
      gunzipSync(readFileSync(join(folder, METADATA)))
        .toString()
        .trim()
        .split('\n').length - 1;
    const rejected = { file: METADATA } as const;
    return {
      options: { labels: 'negbio', priors: 'images', sections: 'all' },
      rows: expectedRows().map((row) => {
        const study = Number(row.sample_id.slice(1));
        const { split, subject } = STUDIES.find((made) => made.study === study)!;
        return {
          ...row,
          split: split === 'validate' ? 'valid' : split,
          labels: expectedLabels(study).map((label) => ({ ...label, vocab: 'negbio', source: 'nlp' })),
          // The frontal picture of the study before.
          prior_images: subject === 10000032 && study === 53911762 ? [{ width: 42, view: 'PA' }] : [],
        };
      }),
      rejects: [
        { ...rejected, dropped: 'row', code: 'bad_row', field: 'row', row: lines },
        { ...rejected, dropped: 'image', code: 'missing_image', field: 'dicom_id', row: 4 },
        { ...rejected, dropped: 'row', code: 'no_split', field: 'dicom_id', row: lines - 1 },
        { ...rejected, dropped: 'row', code: 'truncated_image', field: 'dicom_id', row: 8 },
      ],
    };
  },
};
export default release;
