/** Pictures that the decoder reads: PNG, JPEG, TIFF, WebP, GIF. */
import sharp from 'sharp';
import { GadoliniumError } from '../../errors.js';
import { type Inspector, startsWith } from '../inspect.js';
import { valueFacts } from '../shards/stored-values.js';

const MAGIC = ['\xff\xd8\xff', '\x89PNG', 'GIF8', 'II*\0', 'MM\0*'];

const image: Inspector = {
  kind: 'image',
  recognises: ({ head }) => MAGIC.some((magic) => startsWith(head, magic)) || startsWith(head, 'WEBP', 8),
  async inspect(path) {
    try {
      const metadata = await sharp(path, { limitInputPixels: false }).metadata();
      const { space, depth } = metadata;
      const deep = depth === 'ushort';
      // Without the decoder's usual conversion to 8-bit sRGB.
      const { data, info } = await sharp(path, { failOn: 'error', limitInputPixels: false })
        .toColourspace(space)
        .raw({ depth: deep ? 'ushort' : 'uchar' })
        .toBuffer({ resolveWithObject: true });
      const values = deep ? new Uint16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.length)) : data;
      return {
        kind: 'image',
        path,
        format: metadata.format,
        photometricInterpretation: metadata.isPalette ? 'PALETTE' : photometric(space, info.channels),
        rows: info.height,
        columns: info.width,
        frames: metadata.pages ?? 1,
        samplesPerPixel: info.channels,
        bitsStored: metadata.bitsPerSample ?? (deep ? 16 : 8),
        orientation: metadata.orientation ?? 1,
        ...valueFacts(values),
      };
    } catch (error) {
      throw new GadoliniumError(
        'bad-image',
        `expected a whole picture for ${path} but the decoder says: ${(error as Error).message.split('\n')[0]}`,
      );
    }
  },
};
export default image;

function photometric(space: string, channels: number): string {
  if (space === 'cmyk') return 'CMYK';
  return channels <= 2 ? 'MONOCHROME2' : 'RGB';
}
