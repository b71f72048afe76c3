/**
 * GLoRIA's form — global contrast plus contrast of words with the image regions that they attend to (Huang et al. 2021).
 * run: gadolinium train gloria --data DATA --run RUN
 */
import { retrieval } from '../config/evaluate.js';
import { recipe } from '../config/recipe.js';
import {
  adam,
  bert,
  constant,
  globalContrast,
  image,
  linearProjection,
  resnet,
  text,
  wordRegionContrast,
} from '../native/generated.js';

export default recipe({
  title: 'GLoRIA: global and word-region contrast, ResNet-50 and BERT-base',
  source:
    'Huang et al. 2021; constants of marshuang80/gloria (configs/chexpert_pretrain_config.yaml): scales 4, 5, 10, batch 48, Adam 0.5/0.999, 5e-5, clip 0.25. ' +
    'Ours: regions are those of the last stage (theirs: of layer3 at 299 px), word pieces are not summed to words',
  survey: { family: 'multi-scale', domain: 'chest X-ray' },
  data: {
    image: image({ size: 224, resize: 256, crop: 'random', mean: [0.5], deviation: [0.5] }),
    // One sentence of the report an image.
    text: text({ sentences: 1, maxTokens: 97 }),
  },
  encoders: {
    image: resnet({ depth: 50 }),
    text: bert({ averageLast: 4, global: 'mean', maxTokens: 512 }),
  },
  heads: [
    linearProjection({ from: 'image.global', inputWidth: 2048, outputWidth: 768 }),
    linearProjection({ from: 'image.patches', inputWidth: 2048, outputWidth: 768, bias: false }),
  ],
  objectives: [
    // Both directions are summed there, ours are averaged: hence the factor 2.
    globalContrast({ temperature: 0.1, learnTemperature: false }, { weight: 2 }),
    wordRegionContrast(),
  ],
  optimise: { optimiser: adam({ beta1: 0.5 }), schedule: constant(), lr: 5e-5, decay: 1e-6, clip: 0.25 },
  train: { batch: 48, epochs: 50, evaluateEvery: 1000 },
  evaluate: [retrieval()],
});
