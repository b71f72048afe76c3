/** What a DICOM file says of the study that it belongs to. Reads the beginning of the file, not its pixels. */
import { open } from 'node:fs/promises';
import dicomParser, { type DataSet } from 'dicom-parser';

export interface DicomHeader {
  modality: string | undefined;
  /** PA, AP, LL, LATERAL, …; undefined where it is empty, as in a third of radiographs. */
  view: string | undefined;
  /** YYYYMMDD and HHMMSS.fff, as written. */
  studyDate: string | undefined;
  studyTime: string | undefined;
  rows: number | undefined;
  columns: number | undefined;
}

/** Enough for the headers of radiographs; larger ones are read in steps of four times this. */
const FIRST = 1 << 15;
const MOST = 1 << 25;

/** undefined: no DICOM file, or one whose header is damaged. */
export async function dicomHeader(path: string): Promise<DicomHeader | undefined> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    for (let length = FIRST; ; length *= 4) {
      const bytes = Buffer.alloc(Math.min(length, size));
      await file.read(bytes, 0, bytes.length, 0);
      const data = parsed(bytes);
      if (data !== undefined) return headerOf(data);
      if (length >= size || length >= MOST) return undefined;
    }
  } finally {
    await file.close();
  }
}

function parsed(bytes: Buffer): DataSet | undefined {
  try {
    return dicomParser.parseDicom(bytes, { untilTag: 'x7fe00010' });
  } catch {
    return undefined;
  }
}

function headerOf(data: DataSet): DicomHeader {
  const text = (tag: string) => data.string(tag)?.trim() || undefined;
  return {
    modality: text('x00080060'),
    view: text('x00185101'),
    studyDate: text('x00080020'),
    studyTime: text('x00080030'),
    rows: data.uint16('x00280010'),
    columns: data.uint16('x00280011'),
  };
}
