/**
 * CXR-BERT-general — masked language modelling from nothing, with a vocabulary of the domain (Boecking et al. 2022, phases I and II).
 * run: gadolinium train cxr-bert-general --data DATA --run RUN
 */
import { recipe } from '../config/recipe.js';
import { adamw, bert, maskedLanguage, polynomial, text } from '../native/generated.js';

export default recipe({
  title: 'CXR-BERT-general: masked language modelling on reports, BERT-base from random weights',
  source:
    'Boecking et al. 2022; layers as in the released model, random start and corpora (PubMed abstracts, MIMIC-III notes, MIMIC-CXR reports) by its model card. ' +
    'From memory of the paper, not verified: whole-word masking drawn anew each time, no next-sentence task (RoBERTa). ' +
    'Ours: 15 % of the words, one text a sample instead of packed sentences, optimiser, rate, batch, epochs, dropout 0.1. ' +
    'Prepare with --tokenizer train:30522, or the released vocab.txt',
  survey: { family: 'data-efficient contrast', domain: 'chest X-ray' },
  data: { text: text({ maxTokens: 512, maskProbability: 0.15, wholeWords: true }) },
  encoders: { text: bert() },
  objectives: [maskedLanguage({ width: 768 })],
  optimise: {
    optimiser: adamw({ beta2: 0.98, epsilon: 1e-6 }),
    schedule: polynomial({ warmup: 2000 }),
    lr: 2e-4,
    decay: 0.01,
    clip: 1,
  },
  train: { batch: 256, epochs: 40, precision: 'bf16' },
});
