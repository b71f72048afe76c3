/**
 * MedCLIP's form — images and texts drawn apart; who belongs with whom is said by their labels (Wang et al. 2022).
 * run: gadolinium train medclip --data DATA --run RUN      (14 findings; another vocabulary: --set data.imageLabels.options.shape=[K] …)
 */
import { retrieval } from '../config/evaluate.js';
import { recipe } from '../config/recipe.js';
import {
  adamw,
  array,
  bert,
  cosine,
  globalContrast,
  image,
  labelOverlap,
  linearProjection,
  resnet,
  text,
} from '../native/generated.js';

export default recipe({
  title: 'MedCLIP: contrast of unpaired images and texts with label similarity as soft target',
  source:
    'Wang et al. 2022; constants of RyanWangZf/MedCLIP: batch 100, AdamW 2e-5, decay 1e-4, 10 % warm-up, 10 epochs, clip 1, 512 wide, ' +
    'dot product of labels. Ours: one data set with labels on every row instead of CheXpert and MIMIC-CXR; text is the mean over real tokens',
  survey: { family: 'data-efficient', domain: 'chest X-ray' },
  data: {
    // Stream 0: images and what their labels say. Stream 1: other rows, their texts and labels.
    image: image({
      size: 224,
      resize: 256,
      crop: 'random',
      flip: 0.5,
      affine: 1,
      translate: 0.0625,
      zoom: [0.8, 1.1],
      brightness: 1,
      contrast: 1,
      mean: [0.5862785803],
      deviation: [0.2795008897],
    }),
    imageLabels: array({ column: 'label_vec', shape: [14] }),
    text: text({ sentences: 1, maxTokens: 77, stream: 1 }),
    textLabels: array({ column: 'label_vec', shape: [14], stream: 1 }),
  },
  encoders: {
    image: resnet({ depth: 50 }),
    text: bert({ global: 'mean' }),
  },
  heads: [
    linearProjection({ from: 'image.global', inputWidth: 2048, outputWidth: 512, bias: false }),
    linearProjection({ from: 'text.global', inputWidth: 768, outputWidth: 512, bias: false }),
  ],
  relation: labelOverlap({ rows: 'imageLabels.values', columns: 'textLabels.values', similarity: 'dot' }),
  objectives: [globalContrast()],
  optimise: { optimiser: adamw(), schedule: cosine({ warmup: 2000 }), lr: 2e-5, decay: 1e-4, clip: 1 },
  train: { batch: 100, epochs: 10, evaluateEvery: 1000 },
  evaluate: [retrieval()],
});
