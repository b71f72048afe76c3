// Made-up rows for the benches of the training step.
import path from 'node:path';
import sharp from 'sharp';
import { z } from 'zod';

const dist = process.env.GADOLINIUM_DIST ?? new URL('../../dist', import.meta.url).pathname;
const { prepareFrom } = await import(path.join(dist, 'src/data/prepare.js'));

const vocabulary = Array.from(
  { length: 400 },
  (_, i) => `word${String.fromCharCode(97 + (i % 26), 97 + ((i * 7) % 26), 97 + ((i * 3) % 26))}`,
);
const adapter = (size, words) => ({
  name: 'bench',
  title: 'bench',
  version: '1',
  licence: 'CC0-1.0',
  licenceText: 'made up',
  access: 'none',
  modalities: ['CR'],
  options: z.strictObject({}),
  sample: '.',
  defaults: {},
  describe: () => ({}),
  async *rows() {
    for (let i = 0; i < 32; i++) {
      const pixels = Uint8Array.from({ length: size * size }, (_, p) => (p * 31 + i * 97 + (p >> 8) * (p & 255)) & 255);
      const bytes = await sharp(pixels, { raw: { width: size, height: size, channels: 1 } })
        .png()
        .toBuffer();
      const body = Array.from({ length: words }, (_, w) => vocabulary[(w * 17 + i * 29) % vocabulary.length]).join(' ');
      yield {
        id: `s${i}`,
        split: 'train',
        images: [{ id: `i${i}`, bytes, modality: 'CR' }],
        texts: [{ kind: 'caption', lang: 'en', body, origin: 'human' }],
        origin: { file: 'made', row: i },
      };
    }
  },
});

/** Prepares 32 rows of a picture and a text; gives the data folder. */
export async function prepareRows(folder, { size = 256, words = 90 } = {}) {
  const data = path.join(folder, 'data');
  await prepareFrom(adapter(size, words), folder, { from: folder, to: data, size }).done;
  return data;
}
