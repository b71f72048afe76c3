/**
 * CLIP — global contrast of images and texts (Radford et al. 2021), open_clip's ViT-B/32 and training defaults.
 * run: gadolinium train clip --data DATA --run RUN
 */
import { retrieval } from '../config/evaluate.js';
import { recipe } from '../config/recipe.js';
import { adamw, clipText, cosine, globalContrast, image, text, vit } from '../native/generated.js';

export default recipe({
  title: 'CLIP: global image-text contrast, ViT-B/32',
  source:
    'Radford et al. 2021; defaults of mlfoundations/open_clip (params.py): AdamW 0.9/0.98/1e-6, decay 0.2, 5e-4, warm-up 10,000, 32 epochs',
  survey: { family: 'global contrast', domain: 'any' },
  data: {
    image: image({
      size: 224,
      channels: 3,
      cropScale: [0.9, 1],
      colour: true,
      mean: [0.48145466, 0.4578275, 0.40821073],
      deviation: [0.26862954, 0.26130258, 0.27577711],
    }),
    text: text({ maxTokens: 77 }),
  },
  encoders: {
    image: vit({
      keys: 'open-clip',
      imageSize: 224,
      patchSize: 32,
      width: 768,
      depth: 12,
      heads: 12,
      outputWidth: 512,
    }),
    text: clipText({ width: 512, depth: 12, heads: 8, outputWidth: 512 }),
  },
  objectives: [globalContrast({ temperature: 0.07, maximumScale: 100 })],
  optimise: {
    optimiser: adamw({ beta1: 0.9, beta2: 0.98, epsilon: 1e-6 }),
    schedule: cosine({ warmup: 10_000 }),
    lr: 5e-4,
    decay: 0.2,
  },
  train: { batch: 1024, epochs: 32, precision: 'bf16', evaluateEvery: 1000 },
  evaluate: [retrieval()],
});
