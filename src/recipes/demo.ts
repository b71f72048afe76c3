/**
 * Demo — a small CLIP on the shipped sample of VQA-RAD: radiographs, CT and MR pictures of head, chest and abdomen with what
 * physicians asked and answered about them. Trains on two CPU cores in a few minutes.
 * run: npm run demo, or: gadolinium train demo --data DATA --run RUN
 */
import { retrieval, zeroShot } from '../config/evaluate.js';
import { recipe } from '../config/recipe.js';
import { adamw, bert, cosine, globalContrast, image, linearProjection, resnet, text } from '../native/generated.js';

export default recipe({
  title: 'Small CLIP for the CPU: ResNet-10 and a two-layer BERT',
  source: 'ours',
  survey: { family: 'global contrast', domain: 'radiology' },
  data: {
    image: image({ size: 96, channels: 1, cropScale: [0.5, 1], affine: 0.5, brightness: 0.5, contrast: 0.5 }),
    text: text({ kinds: ['caption', 'label_text'], maxTokens: 48 }),
  },
  encoders: {
    image: resnet({ depth: 10, width: 32, inputChannels: 1 }),
    text: bert({ width: 128, depth: 2, heads: 4, feedForward: 512, maxTokens: 64 }),
  },
  heads: [
    linearProjection({ from: 'image.global', inputWidth: 256, outputWidth: 128 }),
    linearProjection({ from: 'text.global', inputWidth: 128, outputWidth: 128 }),
  ],
  objectives: [globalContrast()],
  optimise: {
    optimiser: adamw({ beta2: 0.98 }),
    schedule: cosine({ warmup: 20 }),
    lr: 1e-3,
    decay: 0.1,
    clip: 1,
  },
  train: { batch: 32, epochs: 60, evaluateEvery: 200 },
  sampling: { order: 'apart' },
  evaluate: [zeroShot({ labels: 'organ' }), retrieval({ gallery: 12 })],
  checkpoint: { everySteps: 100, best: { metric: 'zero-shot organ/accuracy', mode: 'max' } },
});
