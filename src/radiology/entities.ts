/**
 * Which words mean which of the 75 entities that MedKLIP asks a report for (Wu et al. 2023): words come as lemmas (lemma.ts) and are
 * joined by hand-made rules of the same source.
 */

import { ENTITIES } from '../config/chest-x-ray-terms.js';

const TAIL = ENTITIES.indexOf('tail_abnorm_obs');
const EXCLUDED = ENTITIES.indexOf('excluded_obs');

const EXCLUDED_WORDS = words(
  'none unchanged change great similar large small moderate mild median decrease bad more constant worsen new improve status ' +
    'position sternotomy cabg replacement postoperative assessment patient',
);

/** Lemma → the lemma that it is counted as. Some of these are no entity and end in the tail. */
const JOINED: Record<string, string> = {
  ...all('enlarge', 'enlargement', 'increase'),
  ...all('engorgement', 'engorge'),
  ...all('opacity', 'opacification', 'opacity-'),
  ...all('calcification', 'calcify'),
  ...all('effusion', 'effusion ;'),
  ...all('atelectasis', 'atelectatic', 'atelectasis ;', 'atelectase'),
  ...all('aerate', 'aeration'),
  ...all('distention', 'distend', 'distension'),
  ...all('widen', 'wide'),
  ...all('prominence', 'prominent'),
  ...all('haziness', 'haze'),
  ...all('mass', 'masse'),
  ...all('kyphosis', 'kyphotic'),
  ...all('degenerative', 'degenerate'),
  ...all('obscure', 'obscuration'),
  ...all('fibrosis', 'fibrotic'),
  ...all('nodule', 'nodular', 'nodularity'),
  ...all('ventilation', 'ventilate'),
  ...all('tortuous', 'tortuosity'),
  ...all('elongation', 'elongate'),
  ...all('elevation', 'elevate'),
  ...all('drainage', 'drain'),
  ...all('deviation', 'deviate'),
  ...all('consolidation', 'consolidative', 'consolidate'),
  ...all('dilation', 'dilate', 'dilatation'),
  ...all('pneumothorax', 'hydropneumothorax', 'pneumothoraces', 'pneumothorace'),
  ...all('improve', 'improvement', 'improved'),
  ...all('pacemaker', 'pacer'),
  ...all('pneumonia', 'infection', 'infectious', 'infectious process'),
};

const NUMBERS = new Map(ENTITIES.slice(0, TAIL).map((name, number) => [name, number]));

/** Number of the entity that an observation means; whatever is no entity and not excluded belongs to the tail. */
export function entityOf(lemma: string): number {
  const joined = JOINED[lemma] ?? lemma;
  return NUMBERS.get(joined) ?? (EXCLUDED_WORDS.includes(joined) ? EXCLUDED : TAIL);
}

/** Every lemma that means something here; what they are made of is in lemma.ts. */
export const KNOWN_LEMMAS: ReadonlySet<string> = new Set([
  ...NUMBERS.keys(),
  ...EXCLUDED_WORDS,
  ...Object.keys(JOINED),
  ...Object.values(JOINED),
]);

function words(list: string): string[] {
  return list.split(' ');
}

function all(name: string, ...variants: string[]): Record<string, string> {
  return Object.fromEntries(variants.map((variant) => [variant, name]));
}
