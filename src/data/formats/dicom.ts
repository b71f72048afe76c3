/** DICOM: what a file says of its image, and its stored values: those before rescaling, windowing and inversion. */
import { inflateRawSync } from 'node:zlib';
import dicomParser, { type DataSet, type Element } from 'dicom-parser';
import type { NumberArray } from '../shards/stored-values.js';
import { codecOf, decodedFrame } from './dicom-codecs.js';
import { type LookupTable, lookupTable, paletteOf } from './dicom-tables.js';

export const UNCOMPRESSED: Record<string, string> = {
  '1.2.840.10008.1.2': 'implicit VR little endian',
  '1.2.840.10008.1.2.1': 'explicit VR little endian',
  '1.2.840.10008.1.2.1.99': 'deflated explicit VR little endian',
  '1.2.840.10008.1.2.2': 'explicit VR big endian',
};
/** Bytes of a deflated file: more is a bomb. */
const INFLATED_LIMIT = 2 ** 30;
const BIG_ENDIAN = '1.2.840.10008.1.2.2';

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
  /** The shape of those windows. */
  windowFunction: 'LINEAR' | 'LINEAR_EXACT' | 'SIGMOID';
  /** In place of slope and intercept; in place of a window. */
  modalityTable: LookupTable | null;
  voiTable: LookupTable | null;
  /** Red, green and blue by stored value, 0 to 65535, of PALETTE COLOR. */
  palette: [LookupTable, LookupTable, LookupTable] | null;
  /** Millimetres between rows, between columns; and between slices where the file says it. */
  spacing: { row: number; column: number; slice: number | null } | null;
  /** Direction of a row and of a column, and the place of the first pixel, in the patient's LPS axes (mm). */
  orientation: number[] | null;
  position: number[] | null;
}

export class DicomError extends Error {
  constructor(
    message: string,
    /** What the file is instead of a whole picture. */
    readonly code: 'not_an_image' | 'truncated_image' | 'unsupported_image' = 'truncated_image',
  ) {
    super(message);
  }
}

export interface Dicom {
  /** undefined: the file holds no image (a report, a waveform, a plan). */
  image: DicomImage | undefined;
  transferSyntax: string;
  /**
   * Frames × rows × columns × samples, C order, of all frames or of the first ones; throws DicomError where they cannot be had.
   * Colour is as the file holds it: RGB or YCbCr by the photometric interpretation, samples of a pixel together.
   */
  stored(frames?: number): Promise<NumberArray>;
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
      stored: async () => {
        throw new DicomError('the file holds no image', 'not_an_image');
      },
    };
  }
  const image = imageOf(data, transferSyntax, rows, columns);
  return {
    image,
    transferSyntax,
    async stored(frames = image.frames) {
      if (pixels === undefined) throw new DicomError('the file holds no pixel data, or ends in them');
      return storedValues(data, pixels, { ...image, frames: Math.min(frames, image.frames) });
    },
  };
}

function parsed(bytes: Uint8Array): DataSet {
  const inflater = (all: Uint8Array, position: number) =>
    Buffer.concat([
      all.subarray(0, position),
      inflateRawSync(all.subarray(position), { maxOutputLength: INFLATED_LIMIT }),
    ]);
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
  throw new DicomError(messageOf(first));
}

/** Libraries here throw texts and, from other places, objects and errors. */
function messageOf(thrown: unknown): string {
  const why =
    thrown instanceof Error
      ? thrown.message
      : typeof thrown === 'string'
        ? thrown
        : (thrown as { exception?: string }).exception;
  return (why ?? 'an unreadable file').replace(/^dicomParser\.?:?\w+: /, '');
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
  const signed = data.uint16('x00280103') === 1;
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
    signed,
    planar: data.uint16('x00280006') === 1,
    slope: data.floatString('x00281053') ?? 1,
    intercept: data.floatString('x00281052') ?? 0,
    windows: centers.slice(0, widths.length).map((center, i) => ({ center, width: widths[i]! })),
    windowFunction: windowFunctionOf(data),
    modalityTable: lookupTable(data.elements['x00283000']?.items?.[0]?.dataSet, signed),
    voiTable: lookupTable(data.elements['x00283010']?.items?.[0]?.dataSet, signed),
    palette: paletteOf(data, signed),
    spacing:
      spacing?.length === 2
        ? { row: spacing[0]!, column: spacing[1]!, slice: data.floatString('x00180088') ?? null }
        : null,
    orientation: numbers(data, 'x00200037') ?? null,
    position: numbers(data, 'x00200032') ?? null,
  };
}

function windowFunctionOf(data: DataSet): DicomImage['windowFunction'] {
  const named = data.string('x00281056');
  return named === 'SIGMOID' || named === 'LINEAR_EXACT' ? named : 'LINEAR';
}

/** A decimal string of several values. */
function numbers(data: DataSet, tag: string): number[] | undefined {
  const text = data.string(tag);
  if (text === undefined || text.trim() === '') return undefined;
  const values = text.split('\\').map(Number);
  return values.every(Number.isFinite) ? values : undefined;
}

async function storedValues(data: DataSet, element: Element, image: DicomImage): Promise<NumberArray> {
  const { frames, rows, columns, samplesPerPixel, bitsAllocated, transferSyntax } = image;
  const count = frames * rows * columns * samplesPerPixel;
  if (!(transferSyntax in UNCOMPRESSED)) return typed(await decodedFrames(data, element, image), image, element.tag);
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

async function decodedFrames(data: DataSet, element: Element, image: DicomImage): Promise<Uint8Array> {
  if (codecOf(image.transferSyntax) === undefined) {
    throw new DicomError(`no decoder for pixels of transfer syntax ${image.transferSyntax}`, 'unsupported_image');
  }
  const size = (image.rows * image.columns * image.samplesPerPixel * image.bitsAllocated) / 8;
  const out = new Uint8Array(size * image.frames);
  for (let frame = 0; frame < image.frames; frame++) {
    let decoded: Uint8Array;
    try {
      decoded = await decodedFrame(encodedFrame(data, element, frame, image), image);
    } catch (error) {
      throw new DicomError(`frame ${frame + 1} cannot be decoded: ${messageOf(error)}`);
    }
    if (decoded.length !== size) {
      throw new DicomError(`frame ${frame + 1} holds ${decoded.length} bytes where ${size} are expected`);
    }
    out.set(decoded, frame * size);
  }
  return out;
}

/** The compressed bytes of one frame, whatever number of fragments it was cut into and whether or not a table says where it begins. */
function encodedFrame(data: DataSet, element: Element, frame: number, { frames }: { frames: number }): Uint8Array {
  const fragments = element.fragments ?? [];
  const all = Math.max(frames, element.basicOffsetTable?.length ?? 0);
  if (fragments.length < frames) throw new DicomError(`${fragments.length} encoded frames of ${frames}`);
  if (all === 1) return dicomParser.readEncapsulatedPixelDataFromFragments(data, element, 0, fragments.length);
  if (element.basicOffsetTable?.length) return dicomParser.readEncapsulatedImageFrame(data, element, frame);
  if (fragments.length === all) return dicomParser.readEncapsulatedPixelDataFromFragments(data, element, frame, 1);
  const offsets = dicomParser.createJPEGBasicOffsetTable(data, element);
  return dicomParser.readEncapsulatedImageFrame(data, element, frame, offsets);
}

/**
 * Little-endian bytes as numbers: cut to Bits Stored (old files keep overlays above), shifted, sign-extended. A lossy codec may give
 * a little more than Bits Stored can hold: cutting bits off would turn white to black there, so the largest value is taken.
 */
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
  if (values === undefined) throw new DicomError(`pixels of ${bitsAllocated} bits`, 'unsupported_image');
  if (bitsStored < bitsAllocated) {
    const left = 31 - highBit;
    const right = 32 - bitsStored;
    const encoded = !signed && !(image.transferSyntax in UNCOMPRESSED);
    const largest = 2 ** bitsStored - 1;
    if (encoded && highBit === bitsStored - 1) {
      for (let i = 0; i < values.length; i++) if (values[i]! > largest) values[i] = largest;
      return values;
    }
    for (let i = 0; i < values.length; i++)
      values[i] = signed ? (values[i]! << left) >> right : (values[i]! << left) >>> right;
  }
  return values;
}
