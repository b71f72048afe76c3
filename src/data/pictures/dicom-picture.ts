/** The first frame of a DICOM file as pixels to look at. How grey is made, dicom-view.ts says. */

import { DicomError, readDicom } from '../formats/dicom.js';
import { colourPicture, type DicomView, greyPicture } from './dicom-view.js';
import { PictureError } from './picture-error.js';

export interface DicomPicture {
  /** Grey of 16 bits, or RGB of 8. */
  pixels: Uint16Array | Uint8Array;
  width: number;
  height: number;
  channels: 1 | 3;
  /** Smallest and largest value after rescaling, before any window; null for colour. */
  range: [number, number] | null;
  /** MONOCHROME1 was turned, so that dense is bright. */
  inverted: boolean;
  bitsStored: number;
  photometric: string;
  flags: string[];
}

export const isDicom = (head: Uint8Array): boolean =>
  head[128] === 0x44 && head[129] === 0x49 && head[130] === 0x43 && head[131] === 0x4d;

/** A file that says that it has more than `maxPixels` is refused before they are decoded. Throws PictureError. */
export async function dicomPicture(
  bytes: Uint8Array,
  options: { maxPixels: number; dicomView: DicomView },
): Promise<DicomPicture> {
  try {
    return await pictured(bytes, options);
  } catch (error) {
    if (!(error instanceof DicomError)) throw error;
    throw new PictureError(error.code, `a DICOM file, but ${error.message}`);
  }
}

async function pictured(
  bytes: Uint8Array,
  { maxPixels, dicomView }: { maxPixels: number; dicomView: DicomView },
): Promise<DicomPicture> {
  const { image, stored } = readDicom(bytes);
  if (image === undefined) throw new DicomError('it holds no image', 'not_an_image');
  const { rows: height, columns: width, frames, bitsStored, photometricInterpretation: photometric } = image;
  if (width * height > maxPixels) {
    throw new PictureError('too_many_pixels', `${width}×${height} pixels, more than ${maxPixels}`);
  }
  const values = await stored(1);
  const flags = frames > 1 ? ['first_frame_only'] : [];
  const common = { width, height, bitsStored, photometric, flags };
  if (photometric.startsWith('MONOCHROME')) {
    const { pixels, range, inverted, scale } = greyPicture(values, image, dicomView);
    if (inverted) flags.push('inverted_fixed');
    if (scale !== 'none') flags.push(`windowed_${scale}`);
    return { ...common, pixels, channels: 1, range, inverted };
  }
  const pixels = colourPicture(values, image);
  if (pixels === undefined) {
    throw new DicomError(`its colours are ${photometric}, for which no rule is known`, 'unsupported_image');
  }
  return { ...common, pixels, channels: 3, range: null, inverted: false };
}
