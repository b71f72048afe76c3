/** Zero-shot prompts: how an image was made, and of what. Words of our own; papers use SLAKE for its questions. */
import type { PromptSet } from '../../src/data/adapter.js';

/** Brain_Tissue → brain tissue. */
export const wordsOf = (location: string) => location.replaceAll('_', ' ').toLowerCase();

const article = (word: string) => (/^(?:MRI|X-Ray|[aeiou])/iu.test(word) ? 'An' : 'A');

export function promptsFor(modalities: string[], locations: string[]): PromptSet[] {
  return [
    {
      name: 'modality',
      vocab: 'modality',
      kind: 'softmax',
      classes: modalities.map((label) => ({ label, texts: [`${article(label)} ${label} image.`, `${label}`] })),
    },
    {
      name: 'location',
      vocab: 'location',
      kind: 'softmax',
      classes: locations.map((label) => ({
        label,
        texts: [`An image of the ${wordsOf(label)}.`, `A radiology image of the ${wordsOf(label)}.`],
      })),
    },
  ];
}
