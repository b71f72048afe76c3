/** The prompts of BioViL's own test of zero-shot classification (microsoft/hi-ml, hi-ml-multimodal). */
import type { PromptSet } from '../../src/data/adapter.js';

export const prompts: PromptSet[] = [
  {
    name: 'pneumonia',
    vocab: 'pneumonia',
    kind: 'pairs',
    classes: [
      {
        label: 'Pneumonia',
        texts: [
          'Findings consistent with pneumonia',
          'Findings suggesting pneumonia',
          'This opacity can represent pneumonia',
          'Findings are most compatible with pneumonia',
        ],
        negative: [
          'There is no pneumonia',
          'No evidence of pneumonia',
          'No evidence of acute pneumonia',
          'No signs of pneumonia',
        ],
      },
    ],
  },
];
