/**
 * ConVIRT — contrast of chest radiographs and sentences of their reports (Zhang et al. 2022).
 * run: gadolinium train convirt --data DATA --run RUN
 */
import { retrieval } from '../config/evaluate.js';
import { recipe } from '../config/recipe.js';
import {
  adam,
  bert,
  globalContrast,
  image,
  maxPool,
  mlpProjection,
  plateau,
  resnet,
  text,
} from '../native/generated.js';

export default recipe({
  title: 'ConVIRT: global contrast of radiographs and report sentences, ResNet-50 and BERT-base',
  source:
    'Zhang et al. 2022; constants from philip-mueller/lovt (ConVIRT_100.yaml, scan_transforms.py) and edreisMD/ConVIRT-pytorch: tau 0.1, ' +
    'lambda 0.75, Adam 1e-4, decay 1e-6, batch 32, one sentence a draw; frozen lower half of BERT as lovt mirrors it. ' +
    'Ours: 200 epochs, plateau on the held-out contrast of retrieval, weights start at random unless a checkpoint is given',
  survey: { family: 'global contrast', domain: 'chest X-ray' },
  data: {
    image: image({
      size: 224,
      cropScale: [0.6, 1],
      flip: 0.5,
      flipText: 'ignore',
      affine: 1,
      rotate: 20,
      translate: 0.1,
      zoom: [0.95, 1.05],
      brightness: 1,
      brightnessAmount: 0.4,
      contrast: 1,
      contrastAmount: 0.4,
      blur: 0.5,
      blurSigma: [0.1, 3],
    }),
    text: text({ sentences: 1, maxTokens: 64 }),
  },
  encoders: {
    image: resnet({ depth: 50 }),
    text: bert(),
  },
  heads: [
    maxPool({ from: 'text.tokens', to: 'text.global', mask: 'text.mask' }),
    mlpProjection({ from: 'image.global', inputWidth: 2048, hiddenWidth: 2048, outputWidth: 512 }),
    mlpProjection({ from: 'text.global', inputWidth: 768, hiddenWidth: 768, outputWidth: 512 }),
  ],
  // lambda: the image is the anchor in three quarters of the loss.
  objectives: [globalContrast({ temperature: 0.1, learnTemperature: false, rowWeight: 0.75 })],
  optimise: {
    optimiser: adam(),
    schedule: plateau({ patience: 12, gamma: 0.5, mode: 'max' }),
    lr: 1e-4,
    decay: 1e-6,
    groups: [
      { match: 'encoders.text.embeddings.*', frozen: true },
      ...[0, 1, 2, 3, 4, 5].map((layer) => ({ match: `encoders.text.encoder.layer.${layer}.*`, frozen: true })),
    ],
    watch: 'retrieval/image-to-text.mean-reciprocal-rank',
  },
  train: { batch: 32, epochs: 200, evaluateEvery: 5000 },
  evaluate: [retrieval({ split: 'valid', name: 'retrieval' })],
});
