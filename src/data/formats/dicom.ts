/**
 * DICOM: what a file says of its image, and its stored values where they are not compressed, deflated or run-length encoded.
 * Stored values are those before rescaling, windowing and inversion.
 */
import { inflateRawSync } from 'node:zlib';
import dicomParser, { type DataSet, type Element } from 'dicom-parser';
import type { NumberArray } from '../stored-values.js';
import { runLengthDecoded } from './dicom-rle.js';

export const UNCOMPRESSED: Record<string, string> = {
  '1.2.840.10008.1.2': 'implicit VR little endian',
  '1.2.840.10008.1.2.1': 'explicit VR little endian',
  '1.2.840.10008.1.2.1.99': 'deflated explicit VR little endian',
  '1.2.840.10008.1.2.2': 'explicit VR big endian',
};
const BIG_ENDIAN = '1.2.840.10008.1.2.2';
const RLE = '1.2.840.10008.1.2.5';
const JPEG_BASELINE = '1.2.840.10008.1.2.4.50';

export interface DicomImage {
  transferSyntax: string;
  modality: string | null;
  photometricInterpretation: string;
  rows: number;
  columns: number;
  frames: number;
  samplesPerPixel: number;
  bitsAllocated: number;
  bitsStored: number;
  highBit: number;
  signed: boolean;
  planar: boolean;
  /** value = slope · stored + intercept. */
  slope: number;
  intercept: number;
  windows: { center: number; width: number }[];
  /** Millimetres between rows, between columns; and between slices where the file says it. */
  spacing: { row: number; column: number; slice: number | null } | null;
  /** Direction of a row and of a column, and the place of the first pixel, in the patient's LPS axes (mm). */
  orientation: number[] | null;
  position: number[] | null;
}

export class DicomError extends Error {}

export interface Dicom {
  /** undefined: the file holds no image (a report, a waveform, a plan). */
  image: DicomImage | undefined;
  transferSyntax: string;
  /** Frames × rows × columns × samples, C order; throws DicomError where it cannot be had. */
  stored(): NumberArray;
  /** The first frame as a JPEG file, where the pixels are JPEG baseline; undefined where they are not. */
  jpeg(): Uint8Array | undefined;
}

export function readDicom(bytes: Uint8Array): Dicom {
  const data = parsed(bytes);
  const transferSyntax = data.string('x00020010') ?? '1.2.840.10008.1.2';
  const pixels = data.elements['x7fe00010'] ?? data.elements['x7fe00008'] ?? data.elements['x7fe00009'];
  const rows = data.uint16('x00280010');
  const columns = data.uint16('x00280011');
  if (rows === undefined || columns === undefined || rows * columns === 0) {
    return {
      image: undefined,
      transferSyntax,
      stored: () => {
        throw new DicomError('the file holds no image');
      },
      jpeg: () => undefined,
    };
  }
  const image = imageOf(data, transferSyntax, rows, columns);
  return {
    image,
    transferSyntax,
    stored() {
      if (pixels === undefined) throw new DicomError('the file holds no pixel data, or ends in them');
      return storedValues(data, pixels, image);
    },
    jpeg() {
      if (transferSyntax !== JPEG_BASELINE || pixels === undefined) return undefined;
      // The first item of the pixel data is a table of offsets, which the library keeps apart. One frame may lie in several
      // fragments; of several frames each has one.
      const fragments = (pixels.fragments ?? []).slice(0, image.frames > 1 ? 1 : undefined);
      return Buffer.concat(fragments.map(({ position, length }) => bytes.subarray(position, position + length)));
    },
  };
}

function parsed(bytes: Uint8Array): DataSet {
  const inflater = (all: Uint8Array, position: number) =>
    Buffer.concat([all.subarray(0, position), inflateRawSync(all.subarray(position))]);
  // The library's types say nothing of the result that it needs.
  const options = { inflater: inflater as unknown as (all: Uint8Array, position: number) => void };
  // As it is; then without a file header, or without its transfer syntax; then only up to the pixels, for a file cut in them.
  const attempts = [{}, { TransferSyntaxUID: guessedSyntax(bytes) }, { untilTag: 'x7fe00010' }];
  let first: unknown;
  for (const attempt of attempts) {
    try {
      return dicomParser.parseDicom(bytes, { ...options, ...attempt });
    } catch (error) {
      first ??= error;
    }
  }
  // The library throws texts and, from other places, objects and errors.
  const why =
    first instanceof Error
      ? first.message
      : typeof first === 'string'
        ? first
        : (first as { exception?: string }).exception;
  throw new DicomError((why ?? 'an unreadable file').replace(/^dicomParser\.?:?\w+: /, ''));
}

/** Explicit where two capital letters name the type of the first element. */
function guessedSyntax(bytes: Uint8Array): string {
  return /^[A-Z]{2}$/.test(String.fromCharCode(bytes[4] ?? 0, bytes[5] ?? 0))
    ? '1.2.840.10008.1.2.1'
    : '1.2.840.10008.1.2';
}

function imageOf(data: DataSet, transferSyntax: string, rows: number, columns: number): DicomImage {
  const bitsAllocated = data.uint16('x00280100') ?? 16;
  const bitsStored = data.uint16('x00280101') ?? bitsAllocated;
  const spacing = numbers(data, 'x00280030') ?? numbers(data, 'x00181164');
  const centers = numbers(data, 'x00281050') ?? [];
  const widths = numbers(data, 'x00281051') ?? [];
  return {
    transferSyntax,
    modality: data.string('x00080060') ?? null,
    photometricInterpretation: data.string('x00280004') ?? 'MONOCHROME2',
    rows,
    columns,
    frames: Math.max(1, data.intString('x00280008') ?? 1),
    samplesPerPixel: data.uint16('x00280002') ?? 1,
    bitsAllocated,
    bitsStored,
    highBit: data.uint16('x00280102') ?? bitsStored - 1,
    signed: data.uint16('x00280103') === 1,
    planar: data.uint16('x00280006') === 1,
    slope: data.floatString('x00281053') ?? 1,
    intercept: data.floatString('x00281052') ?? 0,
    windows: centers.slice(0, widths.length).map((center, i) => ({ center, width: widths[i]! })),
    spacing:
      spacing?.length === 2
        ? { row: spacing[0]!, column: spacing[1]!, slice: data.floatString('x00180088') ?? null }
        : null,
    orientation: numbers(data, 'x00200037') ?? null,
    position: numbers(data, 'x00200032') ?? null,
  };
}

/** A decimal string of several values. */
function numbers(data: DataSet, tag: string): number[] | undefined {
  const text = data.string(tag);
  if (text === undefined || text.trim() === '') return undefined;
  const values = text.split('\\').map(Number);
  return values.every(Number.isFinite) ? values : undefined;
}

function storedValues(data: DataSet, element: Element, image: DicomImage): NumberArray {
  const { frames, rows, columns, samplesPerPixel, bitsAllocated, transferSyntax } = image;
  const count = frames * rows * columns * samplesPerPixel;
  if (transferSyntax === RLE) return typed(runLengthFrames(data, element, image), image, element.tag);
  if (!(transferSyntax in UNCOMPRESSED))
    throw new DicomError(`the pixels are compressed with transfer syntax ${transferSyntax}`);
  let bytes: Uint8Array = data.byteArray.subarray(element.dataOffset, element.dataOffset + element.length);
  const halved = image.photometricInterpretation === 'YBR_FULL_422' && samplesPerPixel === 3;
  const wanted = halved ? (count * 2) / 3 : Math.ceil((count * bitsAllocated) / 8);
  if (bytes.length < wanted) throw new DicomError(`the pixel data end after ${bytes.length} of ${wanted} bytes`);
  bytes = new Uint8Array(bytes.subarray(0, wanted + (wanted % 2 && bytes.length > wanted ? 1 : 0)));
  if (transferSyntax === BIG_ENDIAN)
    swap(bytes, bitsAllocated === 8 ? (element.vr === 'OW' ? 2 : 1) : bitsAllocated / 8);
  if (halved) bytes = fullChroma(bytes);
  else if (image.planar && samplesPerPixel > 1) bytes = interleaved(bytes, image);
  return typed(bytes.subarray(0, Math.ceil((count * bitsAllocated) / 8)), image, element.tag);
}

function swap(bytes: Uint8Array, width: number): void {
  if (width === 2) Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length & ~1).swap16();
  if (width === 4) Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length & ~3).swap32();
  if (width === 8) Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length & ~7).swap64();
}

/** Uncompressed YBR_FULL_422: two pixels share their colour (Y Y Cb Cr). */
function fullChroma(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array((bytes.length / 4) * 6);
  for (let at = 0, to = 0; at + 3 < bytes.length; at += 4, to += 6) {
    const [y0, y1, cb, cr] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!];
    out.set([y0, cb, cr, y1, cb, cr], to);
  }
  return out;
}

/** Colour by plane → by pixel, frame by frame. */
function interleaved(
  bytes: Uint8Array,
  { frames, rows, columns, samplesPerPixel, bitsAllocated }: DicomImage,
): Uint8Array {
  const width = bitsAllocated / 8;
  const plane = rows * columns;
  const out = new Uint8Array(bytes.length);
  for (let frame = 0; frame < frames; frame++) {
    for (let sample = 0; sample < samplesPerPixel; sample++) {
      for (let pixel = 0; pixel < plane; pixel++) {
        const from = ((frame * samplesPerPixel + sample) * plane + pixel) * width;
        const to = ((frame * plane + pixel) * samplesPerPixel + sample) * width;
        for (let byte = 0; byte < width; byte++) out[to + byte] = bytes[from + byte]!;
      }
    }
  }
  return out;
}

function runLengthFrames(data: DataSet, element: Element, image: DicomImage): Uint8Array {
  const fragments = element.fragments ?? [];
  if (fragments.length < image.frames) throw new DicomError(`${fragments.length} encoded frames of ${image.frames}`);
  const size = (image.rows * image.columns * image.samplesPerPixel * image.bitsAllocated) / 8;
  const out = new Uint8Array(size * image.frames);
  for (let frame = 0; frame < image.frames; frame++) {
    const { position, length } = fragments[frame]!;
    const pixels = image.rows * image.columns;
    out.set(
      runLengthDecoded(
        data.byteArray.subarray(position, position + length),
        pixels,
        image.samplesPerPixel,
        image.bitsAllocated / 8,
      ),
      frame * size,
    );
  }
  return out;
}

/** Little-endian bytes as numbers: cut to Bits Stored (old files keep overlays above), shifted, sign-extended. */
function typed(bytes: Uint8Array, image: DicomImage, tag: string): NumberArray {
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  if (tag === 'x7fe00008') return new Float32Array(buffer);
  if (tag === 'x7fe00009') return new Float64Array(buffer);
  const { bitsAllocated, bitsStored, highBit, signed } = image;
  if (bitsAllocated === 1) {
    return Uint8Array.from(
      { length: image.frames * image.rows * image.columns },
      (_, i) => (bytes[i >> 3]! >> (i & 7)) & 1,
    );
  }
  const values =
    bitsAllocated === 8
      ? signed
        ? new Int8Array(buffer)
        : new Uint8Array(buffer)
      : bitsAllocated === 16
        ? signed
          ? new Int16Array(buffer)
          : new Uint16Array(buffer)
        : bitsAllocated === 32
          ? signed
            ? new Int32Array(buffer)
            : new Uint32Array(buffer)
          : undefined;
  if (values === undefined) throw new DicomError(`pixels of ${bitsAllocated} bits`);
  if (bitsStored < bitsAllocated) {
    const left = 31 - highBit;
    const right = 32 - bitsStored;
    for (let i = 0; i < values.length; i++)
      values[i] = signed ? (values[i]! << left) >> right : (values[i]! << left) >>> right;
  }
  return values;
}
