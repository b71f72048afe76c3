// What the benches of the training step train: ResNet-50 + BERT-base, 224 px, 64 tokens, on 32 made-up rows.
import path from 'node:path';
import sharp from 'sharp';
import { z } from 'zod';

const dist = process.env.GADOLINIUM_DIST ?? new URL('../../dist', import.meta.url).pathname;
const { adamw, bert, constant, globalContrast, image, linearProjection, recipe, resnet, text } = await import(
  path.join(dist, 'src/index.js')
);
const { prepareFrom } = await import(path.join(dist, 'src/data/prepare.js'));

const words = Array.from(
  { length: 400 },
  (_, i) => `word${String.fromCharCode(97 + (i % 26), 97 + ((i * 7) % 26), 97 + ((i * 3) % 26))}`,
);
const adapter = {
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
      const pixels = Buffer.from(
        Uint8Array.from({ length: 256 * 256 }, (_, p) => (p * 31 + i * 97 + (p >> 8) * (p & 255)) & 255),
      );
      const bytes = await sharp(pixels, { raw: { width: 256, height: 256, channels: 1 } })
        .png()
        .toBuffer();
      const body = Array.from({ length: 90 }, (_, w) => words[(w * 17 + i * 29) % words.length]).join(' ');
      yield {
        id: `s${i}`,
        split: 'train',
        images: [{ id: `i${i}`, bytes, modality: 'CR' }],
        texts: [{ kind: 'caption', lang: 'en', body, origin: 'human' }],
        origin: { file: 'made', row: i },
      };
    }
  },
};

/** Prepares the rows; gives the data folder. */
export async function prepareRows(folder) {
  const data = path.join(folder, 'data');
  await prepareFrom(adapter, folder, { from: folder, to: data, size: 256 }).done;
  return data;
}

/** @param {{batch: number, steps: number, threads: number}} run */
export const resnet50Bert = ({ batch, steps, threads }) =>
  recipe({
    title: 'bench',
    data: { image: image({ size: 224, flip: 0.5 }), text: text({ maxTokens: 64 }) },
    encoders: {
      image: resnet({ depth: 50 }),
      text: bert({ vocabularySize: 30522, attentionDropout: 0.1, dropout: 0.1 }),
    },
    heads: [
      linearProjection({ from: 'image.global', inputWidth: 2048, outputWidth: 512, bias: false }),
      linearProjection({ from: 'text.global', inputWidth: 768, outputWidth: 512, bias: false }),
    ],
    objectives: [globalContrast()],
    optimise: { optimiser: adamw(), schedule: constant(), lr: 1e-4, decay: 0.01 },
    train: { batch, steps, threads, loaderThreads: 1, device: 'cpu' },
    checkpoint: { everySteps: 0, everyMinutes: 0 },
  });
