// What the benches of the training step train, on 32 made-up rows: ResNet-50 + BERT-base, 224 px, 64 tokens.
import path from 'node:path';

const dist = process.env.GADOLINIUM_DIST ?? new URL('../../dist', import.meta.url).pathname;
const { adamw, bert, constant, globalContrast, image, linearProjection, recipe, resnet, text } = await import(
  path.join(dist, 'src/index.js')
);

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
