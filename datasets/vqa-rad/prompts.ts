/** Zero-shot prompts: which part of the body an image shows. */
import type { PromptSet } from '../../src/data/adapter.js';

const TEMPLATES = [
  (organ: string) => `Organ: ${organ}.`,
  (organ: string) => `The image shows the ${organ}.`,
  (organ: string) => `A radiology image of the ${organ}.`,
];

const ORGANS = { HEAD: 'head', CHEST: 'chest', ABDOMEN: 'abdomen' };

export const prompts: PromptSet[] = [
  {
    name: 'organ',
    vocab: 'organ',
    kind: 'softmax',
    classes: Object.entries(ORGANS).map(([label, word]) => ({
      label,
      texts: TEMPLATES.map((template) => template(word)),
    })),
  },
];
