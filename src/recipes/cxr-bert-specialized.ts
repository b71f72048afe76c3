/**
 * CXR-BERT-specialized — radiology section matching: findings and impression of a report belong together, beside masked language
 * modelling (Boecking et al. 2022, phase III).
 * run: gadolinium train cxr-bert-specialized --data DATA --run RUN --set encoders.text.init=cxr-bert-general.safetensors
 */
import { retrieval } from '../config/evaluate.js';
import { recipe, shared } from '../config/recipe.js';
import { adamw, bert, globalContrast, maskedLanguage, mlpProjection, polynomial, text } from '../native/generated.js';

export default recipe({
  title: 'CXR-BERT-specialized: matching of findings and impression, with masked language modelling',
  source:
    'Boecking et al. 2022; projection head and dropout 0.25 as in the released configuration; the training code is not public. ' +
    'From memory of the paper, not verified: temperature 0.5, both directions summed, weight 0.1 of masked language modelling, sentences shuffled inside each ' +
    'section, whole words masked. Reports without one of the sections take no part in the matching. Ours: 15 % of the words, optimiser, rate, batch, epochs. ' +
    'Before the joint stage with images, which is the recipe biovil',
  survey: { family: 'data-efficient contrast', domain: 'chest X-ray' },
  data: {
    text: text({ kinds: ['findings'], shuffle: true, maxTokens: 256 }),
    impression: text({ kinds: ['impression'], shuffle: true, maxTokens: 256 }),
    // Either section with hidden words: the matching reads whole ones.
    masked: text({
      kinds: ['findings', 'impression'],
      shuffle: true,
      maxTokens: 256,
      maskProbability: 0.15,
      wholeWords: true,
    }),
  },
  encoders: {
    text: bert({ dropout: 0.25, attentionDropout: 0.25 }),
    impression: shared('text', { heads: true }),
    masked: shared('text'),
  },
  heads: [
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
    // Ours averages the two directions where theirs sums them.
    globalContrast(
      { rows: 'text.global', columns: 'impression.global', temperature: 0.5, learnTemperature: false },
      { name: 'section-matching', weight: 2 },
    ),
    maskedLanguage({ tokens: 'masked.tokens', targets: 'masked.targets', width: 768 }, { weight: 0.1 }),
  ],
  optimise: { optimiser: adamw(), schedule: polynomial({ warmup: 500 }), lr: 2e-5, decay: 0.01, clip: 1 },
  train: { batch: 256, epochs: 15, precision: 'bf16', evaluateEvery: 1000 },
  evaluate: [retrieval({ between: ['text.global', 'impression.global'], split: 'valid' })],
});
