/**
 * The dictionary form of an observation's words, by endings and a list of the forms that matter here. Ours: MedKLIP's labels were made
 * with a trained lemmatiser, which reads some words by their part of speech (thickening as a noun stays as it is; here it is thicken).
 */
import { KNOWN_LEMMAS } from './entities.js';

const IRREGULAR: Record<string, string> = {
  worse: 'bad',
  worst: 'bad',
  greater: 'great',
  larger: 'large',
  smaller: 'small',
  wider: 'wide',
  hazy: 'haze',
  ptx: 'pneumothorax',
};

/** Words joined by blanks → their lemmas, joined so. */
export const lemmaOf = (observation: string): string =>
  observation.toLowerCase().trim().split(/\s+/u).map(wordLemma).join(' ');

function wordLemma(word: string): string {
  if (KNOWN_LEMMAS.has(word)) return word;
  const irregular = IRREGULAR[word];
  if (irregular !== undefined) return irregular;
  const known = candidates(word).find((candidate) => KNOWN_LEMMAS.has(candidate));
  if (known !== undefined) return known;
  // Nothing known: only a plural is undone.
  if (/[^s]ies$/u.test(word)) return `${word.slice(0, -3)}y`;
  return /[^siu]s$/u.test(word) ? word.slice(0, -1) : word;
}

/** opacities → opacity, calcified → calcify, enlarged → enlarge, scarring → scar, obscuring → obscure, masses → mass. */
function candidates(word: string): string[] {
  const out: string[] = [];
  const without = (ending: string, ...instead: string[]) => {
    if (!word.endsWith(ending) || word.length < ending.length + 3) return;
    const stem = word.slice(0, -ending.length);
    for (const end of instead) out.push(stem + end);
    if (stem.at(-1) === stem.at(-2)) out.push(stem.slice(0, -1));
  };
  without('ies', 'y');
  without('ied', 'y');
  without('s', '');
  without('es', '');
  without('ed', '', 'e');
  without('ing', '', 'e');
  return out;
}
