/** Compressed DICOM frames. One library (WebAssembly builds of the codecs that DICOM viewers use) decodes all but run lengths. */
import type { DicomImage } from './dicom.js';
import { runLengthDecoded } from './dicom-rle.js';

type Codec = 'run lengths' | 'decodeJpeg' | 'decodeJpegLs' | 'decodeJpeg2000' | 'decodeHtJpeg2000' | 'decodeJpegXl';

/** By transfer syntax (PS3.5 section 10, PS3.6 annex A). */
const CODECS: Record<string, Codec> = {
  '1.2.840.10008.1.2.5': 'run lengths',
  '1.2.840.10008.1.2.4.50': 'decodeJpeg', // baseline, 8 bits
  '1.2.840.10008.1.2.4.51': 'decodeJpeg', // extended, 12 bits
  '1.2.840.10008.1.2.4.53': 'decodeJpeg', // spectral selection (retired)
  '1.2.840.10008.1.2.4.55': 'decodeJpeg', // progressive (retired)
  '1.2.840.10008.1.2.4.57': 'decodeJpeg', // lossless, any predictor
  '1.2.840.10008.1.2.4.70': 'decodeJpeg', // lossless, first predictor
  '1.2.840.10008.1.2.4.80': 'decodeJpegLs',
  '1.2.840.10008.1.2.4.81': 'decodeJpegLs',
  '1.2.840.10008.1.2.4.90': 'decodeJpeg2000',
  '1.2.840.10008.1.2.4.91': 'decodeJpeg2000',
  '1.2.840.10008.1.2.4.110': 'decodeJpegXl',
  '1.2.840.10008.1.2.4.111': 'decodeJpegXl',
  '1.2.840.10008.1.2.4.112': 'decodeJpegXl',
  '1.2.840.10008.1.2.4.201': 'decodeHtJpeg2000',
  '1.2.840.10008.1.2.4.202': 'decodeHtJpeg2000',
  '1.2.840.10008.1.2.4.203': 'decodeHtJpeg2000',
};

export function codecOf(transferSyntax: string): Codec | undefined {
  return CODECS[transferSyntax];
}

/**
 * Rows and columns that a compressed frame itself states: in the frame header of JPEG and JPEG-LS (ITU T.81 B.2.2, T.87 C.2.2), in
 * the SIZ segment of JPEG 2000 (T.800 A.5.1). undefined: no such header.
 */
function statedSize(frame: Uint8Array): { rows: number; columns: number } | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length > 24 && view.getUint32(0) === 0xff4fff51) {
    return { rows: view.getUint32(12) - view.getUint32(20), columns: view.getUint32(8) - view.getUint32(16) };
  }
  for (let at = 2; at + 9 < frame.length && frame[at] === 0xff; ) {
    const marker = frame[at + 1]!;
    const start = marker === 0xf7 || (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker));
    if (start) return { rows: view.getUint16(at + 5), columns: view.getUint16(at + 7) };
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2);
  }
  return undefined;
}

let starting: Promise<void> | undefined;

/** The codecs, started with the first frame that needs them: most runs meet none. */
async function started() {
  const { default: codecs } = await import('dcmjs-codecs');
  while (!codecs.NativeCodecs.isInitialized()) {
    starting ??= codecs.NativeCodecs.initializeAsync().finally(() => {
      starting = undefined;
    });
    await starting;
  }
  return codecs;
}

/** One frame as little-endian values, samples of a pixel together. Throws what the codec says of a damaged one. */
export async function decodedFrame(frame: Uint8Array, image: DicomImage): Promise<Uint8Array> {
  const { rows, columns, samplesPerPixel, bitsAllocated } = image;
  const codec = codecOf(image.transferSyntax);
  if (codec === undefined) throw new TypeError(`no decoder for transfer syntax ${image.transferSyntax}`);
  if (codec === 'run lengths') return runLengthDecoded(frame, rows * columns, samplesPerPixel, bitsAllocated / 8);
  // Before the codec makes room for whatever size the frame claims.
  const stated = statedSize(frame);
  if (stated && (stated.rows !== rows || stated.columns !== columns)) {
    throw new TypeError(`it is ${stated.rows}×${stated.columns} where the file says ${rows}×${columns}`);
  }
  try {
    return decodedBy(await started(), codec, frame, image);
  } catch {
    // A damaged frame can leave the codecs' memory damaged, for itself and for those after it. Whether this one is to blame, fresh
    // memory tells, so that what is rejected does not depend on what came before.
    return decodedBy(await started(), codec, frame, image);
  }
}

type Codecs = Awaited<ReturnType<typeof started>>;

function decodedBy(
  { Context, NativeCodecs }: Codecs,
  codec: Exclude<Codec, 'run lengths'>,
  frame: Uint8Array,
  image: DicomImage,
): Uint8Array {
  const context = new Context({
    width: image.columns,
    height: image.rows,
    bitsAllocated: image.bitsAllocated,
    bitsStored: image.bitsStored,
    samplesPerPixel: image.samplesPerPixel,
    pixelRepresentation: image.signed ? 1 : 0,
    planarConfiguration: 0,
    photometricInterpretation: image.photometricInterpretation,
    encodedBuffer: frame,
  });
  try {
    const decoded =
      codec === 'decodeJpeg'
        ? NativeCodecs.decodeJpeg(context, { convertColorspaceToRgb: false })
        : NativeCodecs[codec](context);
    const bytes = decoded.getDecodedBuffer();
    if (bytes === undefined) throw new TypeError('the codec gave nothing');
    return bytes;
  } catch (error) {
    NativeCodecs.release();
    throw error;
  }
}
