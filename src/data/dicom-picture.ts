/**
 * The first frame of a DICOM file as pixels to look at: grey from its smallest to its largest stored value, MONOCHROME1 turned
 * so that dense is bright. So were the JPEGs of MIMIC-CXR made (before they were equalised), and so reads BioViL, which does not
 * turn. Windows and look-up tables of the file are not used.
 */
import { DicomError, type DicomImage, readDicom } from './formats/dicom.js';
import { PictureError } from './picture-error.js';
import type { NumberArray } from './stored-values.js';

export interface DicomPicture {
  /** Grey or RGB pixels of 8 bits, or grey from 0 on of 16; or a JPEG of 8 bits, as it lies in the file. */
  pixels: Uint8Array | Uint16Array | { jpeg: Uint8Array };
  width: number;
  height: number;
  channels: 1 | 3;
  /** Stored values that became the smallest and the largest pixel, where there are more than 256 of them. */
  range: [number, number] | null;
  /** Pixels are still to be turned. */
  inverted: boolean;
  bitsStored: number;
  photometric: string;
  flags: string[];
}

/** @param most pixels; a file that says that it has more is refused before they are read. */
export function dicomPicture(bytes: Uint8Array, most: number): DicomPicture {
  const dicom = opened(bytes);
  const { image } = dicom;
  if (image === undefined) throw new PictureError('not_an_image', 'a DICOM file that holds no image');
  const { rows: height, columns: width, samplesPerPixel, frames, bitsStored } = image;
  if (width * height * frames > most)
    throw new PictureError('too_many_pixels', `${width}×${height} pixels in ${frames} frames, more than ${most}`);
  const photometric = image.photometricInterpretation;
  const inverted = photometric === 'MONOCHROME1';
  const flags = [...(inverted ? ['inverted_fixed'] : []), ...(frames > 1 ? ['first_frame_only'] : [])];
  const common = { width, height, inverted, bitsStored, photometric, flags };
  const jpeg = image.bitsAllocated === 8 ? dicom.jpeg() : undefined;
  if (jpeg !== undefined) return { ...common, pixels: { jpeg }, channels: samplesPerPixel === 1 ? 1 : 3, range: null };
  const grey = samplesPerPixel === 1 && /^MONOCHROME[12]$/.test(photometric);
  if (!grey && !(samplesPerPixel === 3 && photometric === 'RGB' && image.bitsAllocated === 8))
    throw new PictureError(
      'unsupported_image',
      `a DICOM file with ${samplesPerPixel} values a pixel, ${photometric}, of ${image.bitsAllocated} bits; convert it to PNG`,
    );
  const values = stored(dicom, image).subarray(0, width * height * samplesPerPixel);
  if (values instanceof Uint8Array) return { ...common, pixels: values, channels: grey ? 1 : 3, range: null };
  const { pixels, range } = fromSmallest(values);
  return { ...common, pixels, channels: 1, range, flags: [...flags, 'windowed_min_max'] };
}

export const isDicom = (head: Uint8Array): boolean =>
  head[128] === 0x44 && head[129] === 0x49 && head[130] === 0x43 && head[131] === 0x4d;

function opened(bytes: Uint8Array): ReturnType<typeof readDicom> {
  try {
    return readDicom(bytes);
  } catch (error) {
    if (!(error instanceof DicomError)) throw error;
    throw new PictureError('truncated_image', `a DICOM file that is cut short or damaged: ${error.message}`);
  }
}

function stored(dicom: ReturnType<typeof readDicom>, image: DicomImage): NumberArray {
  try {
    return dicom.stored();
  } catch (error) {
    if (!(error instanceof DicomError)) throw error;
    const known = !error.message.includes(image.transferSyntax);
    throw new PictureError(known ? 'truncated_image' : 'unsupported_image', `a DICOM file: ${error.message}`);
  }
}

/** Moved so that the smallest is 0; a wider span than 16 bits hold is pressed together. */
function fromSmallest(values: NumberArray): { pixels: Uint16Array; range: [number, number] } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!(Number.isFinite(low) && Number.isFinite(high)))
    throw new PictureError('unsupported_image', 'a DICOM file whose values are not all finite');
  const factor = high - low > 65535 ? 65535 / (high - low) : 1;
  const pixels = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) pixels[i] = Math.round((values[i]! - low) * factor);
  return { pixels, range: [low, high] };
}
