/**
 * BioViL — global contrast of chest radiographs and report sections, with masked language modelling (Boecking et al. 2022).
 * run: gadolinium train biovil --data DATA --run RUN --set encoders.image.init=… --set encoders.text.init=…
 */
import { retrieval } from '../config/evaluate.js';
import { recipe, shared } from '../config/recipe.js';
import {
  adamw,
  bert,
  cosine,
  globalContrast,
  image,
  maskedLanguage,
  meanPool,
  mlpProjection,
  resnet,
  text,
} from '../native/generated.js';

export default recipe({
  title: 'BioViL: global contrast and masked language modelling, ResNet-50 and CXR-BERT',
  source:
    'Boecking et al. 2022. Layers, dropout 0.25 and image size as in microsoft/hi-ml and the released configurations; the training code is not public. ' +
    'From memory of the paper, not verified: temperature 0.5, weight 0.5 of the contrast (both directions summed), shuffled sentences, rotation 30, shear 15, ' +
    'brightness and contrast 0.2. Ours: optimiser, rates, batch, epochs, masking of word pieces instead of whole words',
  survey: { family: 'data-efficient contrast', domain: 'chest X-ray' },
  data: {
    // No mean and deviation: the models read grey levels in [0, 1].
    image: image({
      size: 480,
      mean: [0],
      deviation: [1],
      resize: 512,
      crop: 'random',
      affine: 1,
      rotate: 30,
      shear: 15,
      brightness: 1,
      brightnessAmount: 0.2,
      contrast: 1,
      contrastAmount: 0.2,
    }),
    text: text({ shuffle: true, maxTokens: 256 }),
    // The same texts with hidden words, for masked language modelling: the contrast reads whole ones.
    masked: text({ shuffle: true, maxTokens: 256, maskProbability: 0.15 }),
  },
  encoders: {
    image: resnet({ depth: 50 }),
    text: bert({ dropout: 0.25, attentionDropout: 0.25 }),
    masked: shared('text'),
  },
  heads: [
    // The global image feature is the mean of the projected patches, not the projection of their mean.
    mlpProjection(
      {
        from: 'image.patches',
        to: 'image.projected',
        inputWidth: 2048,
        hiddenWidth: 128,
        outputWidth: 128,
        norm: 'batch',
        hiddenBias: false,
      },
      { name: 'projector' },
    ),
    meanPool({ from: 'image.projected', to: 'image.global' }),
    mlpProjection(
      {
        from: 'text.global',
        inputWidth: 768,
        hiddenWidth: 128,
        outputWidth: 128,
        activation: 'gelu',
        normAfterActivation: true,
        norm: 'layer',
        normEps: 1e-12,
      },
      { name: 'cls_projection_head' },
    ),
  ],
  objectives: [
    // Ours averages the two directions where theirs sums them: 2 · 0.5.
    globalContrast({ temperature: 0.5, learnTemperature: false }, { weight: 1 }),
    maskedLanguage({ tokens: 'masked.tokens', targets: 'masked.targets', width: 768 }),
  ],
  optimise: { optimiser: adamw(), schedule: cosine({ warmup: 500 }), lr: 5e-5, decay: 0.01, clip: 1 },
  train: { batch: 128, epochs: 30, evaluateEvery: 1000 },
  evaluate: [retrieval({ split: 'valid' })],
});
