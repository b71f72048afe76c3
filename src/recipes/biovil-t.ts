/**
 * BioViL-T — an image beside the image of the study before, contrasted with the report (Bannur et al. 2023).
 * run: gadolinium train biovil-t --data DATA --run RUN --set encoders.image.init=… --set encoders.text.init=…
 *
 * DATA may have a column `prior_images`; a study without one is encoded alone, with a learned vector instead of what changed.
 *
 * Keys of the official image file and ours: encoder.* is encoders.image.* (without encoder.encoder.fc.*, which nothing calls),
 * projector.model.{0,1,3}.* is heads.projector.{0,1,3}.*. Text as in biovil.
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
  temporalResnet,
  text,
  wordRegionContrast,
} from '../native/generated.js';

export default recipe({
  title:
    'BioViL-T: global and local contrast with earlier images, masked language modelling, ResNet-50 with a temporal transformer and CXR-BERT',
  source:
    'Bannur et al. 2023. Layers, dropout 0.25 in text and 0.1 in the comparison, stochastic depth 0.25 and size 448 as in microsoft/hi-ml and the released ' +
    'configurations; the training code is not public. From memory of the paper, not verified: masking of 45 %, batch 240, 50 epochs, AdamW 2e-5 with linear ' +
    "warm-up. Ours: temperature and weights of the losses, the local loss with GLoRIA's scales and a projection of words of its own, masked words are " +
    'predicted from text alone where the paper lets them look at the image too, no [MLM] task token, an earlier image is left away in a tenth of the samples ' +
    "and takes the image's own crop and changes; augmentation as in biovil",
  survey: { family: 'data-efficient contrast', domain: 'chest X-ray' },
  data: {
    image: image({
      prior: 'prior_images',
      priorDrop: 0.1,
      size: 448,
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
    masked: text({ shuffle: true, maxTokens: 256, maskProbability: 0.45 }),
  },
  encoders: {
    image: temporalResnet(),
    text: bert({ dropout: 0.25, attentionDropout: 0.25 }),
    masked: shared('text'),
  },
  heads: [
    mlpProjection(
      {
        from: 'image.patches',
        to: 'image.projected',
        inputWidth: 512,
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
    mlpProjection(
      {
        from: 'text.tokens',
        to: 'text.words',
        inputWidth: 768,
        hiddenWidth: 128,
        outputWidth: 128,
        activation: 'gelu',
        normAfterActivation: true,
        norm: 'layer',
        normEps: 1e-12,
      },
      { name: 'word-projection' },
    ),
  ],
  objectives: [
    globalContrast({ temperature: 0.5, learnTemperature: false }, { weight: 1 }),
    wordRegionContrast({ regions: 'image.projected', words: 'text.words' }, { weight: 0.5 }),
    maskedLanguage({ tokens: 'masked.tokens', targets: 'masked.targets', width: 768 }),
  ],
  optimise: { optimiser: adamw(), schedule: cosine({ warmup: 1000 }), lr: 2e-5, decay: 0.01, clip: 1 },
  train: { batch: 240, epochs: 50, evaluateEvery: 1000 },
  evaluate: [retrieval({ split: 'valid' })],
});
