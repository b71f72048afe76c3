/** Pictures of MIMIC-CXR that a set of labels names: where they lie, and how large they are. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { dicomHeader } from '../../src/data/formats/dicom-header.js';
import { GadoliniumError } from '../../src/errors.js';

/** `root` holds files/p10/…, of MIMIC-CXR-JPG or of MIMIC-CXR. */
export function requireImages(root: string): void {
  if (!existsSync(join(root, 'files')))
    throw GadoliniumError.expected(
      'no-source',
      "a folder 'files' of MIMIC-CXR-JPG or MIMIC-CXR",
      root,
      'none',
      'say where it lies with --option images=DIR',
    );
}

/** @param path from `files` on, ending included or not: p10/p10000032/s50414267/HASH.jpg. The DICOM file where there is no JPEG. */
export function imageFile(root: string, path: string): string {
  const bare = path.replace(/^files\//u, '').replace(/\.(?:jpg|dcm)$/iu, '');
  const [jpg, dcm] = ['jpg', 'dcm'].map((ending) => join(root, 'files', `${bare}.${ending}`));
  return !existsSync(jpg!) && existsSync(dcm!) ? dcm! : jpg!;
}

/** Width and height; undefined for a file that is not there or cannot be read. */
export async function sizeOf(file: string): Promise<[number, number] | undefined> {
  try {
    if (file.endsWith('.dcm')) {
      const header = await dicomHeader(file);
      return header?.columns && header.rows ? [header.columns, header.rows] : undefined;
    }
    const { width, height } = await sharp(file).metadata();
    return [width, height];
  } catch {
    return undefined;
  }
}

/** The patient in such a path. */
export const patientIn = (path: string): string | undefined => /(?:^|\/)(p\d{8})\//u.exec(path)?.[1];
export const studyIn = (path: string): string | undefined => /(?:^|\/)(s\d{8})\//u.exec(path)?.[1];
