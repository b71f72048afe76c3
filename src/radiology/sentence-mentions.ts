/**
 * Mentions from plain sentences, for reports that no RadGraph output exists for. **Ours**, and no replacement for it: words that MedKLIP's
 * entities and anatomy rules know, joined by where they stand, with lists of words that deny and that suspect.
 */
import { KNOWN_LEMMAS } from './entities.js';
import { lemmaOf } from './lemma.js';
import { POSITION_WORDS } from './positions.js';
import type { Mention, ObservationState } from './triplets.js';

const list = (words: string) => new Set(words.split(' '));

/** Words of place beside those that the rules name; "bilateral" belongs to whole strings of theirs. */
const PLACE_NOUNS = list(
  'base bases hemithorax thorax silhouette contour contours angle angles sulcus fissure lobes hilus midlung',
);
const PLACE_WORDS = list(
  'bilateral bibasilar both left right upper lower middle mid border borders lateral medial posterior anterior',
);
/** Of these the position rules know by name but they only tell sides and heights: alone they are no anatomy. */
const SIDE_WORDS = list(
  'left right upper lower middle mid border borders left-sided right-sided bilateral both lateral medial posterior anterior',
);
/** Abnormal words that are no entity of their own and end in the tail. */
const TAIL_WORDS = list(
  'hyperinflation hyperexpansion granuloma scoliosis bronchiectasis hemothorax hypoinflation cavitation cavity adenopathy lymphadenopathy',
);
/** Before another observation these say how it is, and not what is there. */
const QUALIFIERS = list(
  'stable low normal borderline enlarge increase prominent clear free sharp unremarkable nodular',
);
/** Sizes and changes: with another observation they are its modifiers. They are not read here. */
const EXCLUDED = list(
  'none unchanged change great similar large small moderate mild median decrease bad more constant worsen new improve improvement ' +
    'improved status position sternotomy cabg replacement postoperative assessment patient',
);

const VERBS = list(
  'is are was were be been remains remain appears appear seems seem demonstrates demonstrate demonstrated shows show has have contains ' +
    'measures',
);
const PREPOSITIONS = list(
  'in at of within along over involving throughout overlying projecting projects near about around affecting',
);
const PARTERS = list('but however although though while whereas except ;  :');
const DENIALS = list('no not without absent absence negative neither nor denies resolution resolved never lack');
const DENIED_BEFORE =
  /\b(?:not|longer|nor) (?:clearly |definitely |well |longer |otherwise )?(?:seen|identified|visuali[sz]ed|present|demonstrated|noted|evident|appreciated|detected|found|apparent)\b|\b(?:is|are|has|have) (?:been )?(?:absent|resolved|cleared)\b/u;
const SUSPICIONS = list(
  'may might could possible possibly probable probably likely suspected suspicious suggest suggests suggesting suggestive question ' +
    'questionable versus vs concerning concern presumably potentially unclear whether if',
);
const SUSPECTED_BEFORE =
  /\b(?:cannot|not) (?:be )?(?:entirely |completely )?(?:excluded|ruled)\b|\bis (?:possible|likely|suspected)\b/u;

interface Token {
  word: string;
  lemma: string;
  /** Of which anatomy of the clause it is a word; -1: of none. */
  place: number;
  observed: boolean;
}

/** Mentions of one sentence. @param sentence as `sentences()` cuts them, heading and enumeration included. */
export function sentenceMentions(sentence: string): Mention[] {
  return clausesOf(wordsOf(sentence)).flatMap(clauseMentions);
}

function wordsOf(sentence: string): string[] {
  return sentence.toLowerCase().match(/[\p{L}\p{N}]+(?:[-'/.][\p{L}\p{N}]+)*|[,;:]/gu) ?? [];
}

/** Words of a clause; what is longer was no sentence, and is cut so that its reading takes no longer than its length. */
const LONGEST = 100;

/** Cut where a new statement begins, so that "no effusion, heart is normal" does not deny the second. */
function clausesOf(words: readonly string[]): string[][] {
  const clauses: string[][] = [[]];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (PARTERS.has(word) || clauses.at(-1)!.length >= LONGEST) clauses.push([]);
    if (PARTERS.has(word)) continue;
    if ((word === ',' || word === 'and') && isStatement(clauses.at(-1)!) && statementFollows(words, i + 1))
      clauses.push([]);
    else clauses.at(-1)!.push(word);
  }
  return clauses.filter((clause) => clause.length > 0);
}

/** "The heart" of "the heart and lungs are normal" says nothing yet. */
const isStatement = (clause: readonly string[]) => clause.some((word) => VERBS.has(word) || isObserved(word));

/** Whether a subject and its verb follow, up to the next comma: "(the) heart size is …". */
function statementFollows(words: readonly string[], from: number): boolean {
  for (let i = from; i < words.length && i < from + 7; i++) {
    const word = words[i]!;
    if (VERBS.has(word))
      return i > from && words.slice(from, i).some((before) => isPlaceWord(before) || isObserved(before));
    if (PREPOSITIONS.has(word) || PARTERS.has(word) || word === ',' || word === 'and' || word === 'or') return false;
  }
  return false;
}

const isPlaceNoun = (word: string) =>
  (POSITION_WORDS.bases.has(word) && !SIDE_WORDS.has(word)) || PLACE_NOUNS.has(word);
const isPlaceWord = (word: string) => isPlaceNoun(word) || PLACE_WORDS.has(word) || POSITION_WORDS.others.has(word);

function isObserved(word: string): boolean {
  const lemma = lemmaOf(word);
  return !isPlaceNoun(word) && !EXCLUDED.has(lemma) && (KNOWN_LEMMAS.has(lemma) || TAIL_WORDS.has(lemma));
}

interface Place {
  from: number;
  to: number;
  anatomy: string;
}

function clauseMentions(words: readonly string[]): Mention[] {
  const places = placesOf(words);
  const tokens: Token[] = words.map((word, at) => ({
    word,
    lemma: lemmaOf(word),
    place: places.findIndex(({ from, to }) => from <= at && at < to),
    observed: isObserved(word),
  }));
  return tokens.flatMap((token, at) => {
    const next = tokens[at + 1];
    if (!token.observed || token.place >= 0) return [];
    if (QUALIFIERS.has(token.lemma) && next?.observed && next.place < 0) return [];
    const state = stateOf(words, at);
    const found = placesFor(tokens, places, at);
    const anatomies = found.length === 0 ? ['unspecified'] : found.map((place) => places[place]!.anatomy);
    return anatomies.map((anatomy) => ({ anatomy, observation: token.word, state }));
  });
}

/** Runs of words of place that have a noun; the noun comes first, then the others in their order. */
function placesOf(words: readonly string[]): Place[] {
  const places: Place[] = [];
  for (let from = 0; from < words.length; from++) {
    let to = from;
    while (to < words.length && isPlaceWord(words[to]!)) to++;
    if (to === from) continue;
    const run = words.slice(from, to);
    const noun =
      run.findLast((word) => POSITION_WORDS.bases.has(word) && isPlaceNoun(word)) ?? run.findLast(isPlaceNoun);
    if (noun !== undefined)
      places.push({ from, to, anatomy: [noun, ...run.filter((word) => word !== noun)].join('|') });
    from = to;
  }
  return places;
}

/** The places that an observation belongs to, in this order: right before it, right after it, behind a preposition, the subject. */
function placesFor(tokens: readonly Token[], places: readonly Place[], at: number): number[] {
  const before = adjacent(tokens, at, -1);
  if (before >= 0) return [before];
  const after = adjacent(tokens, at, 1);
  if (after >= 0) return [after];
  for (let i = at + 1; i < tokens.length; i++) {
    const { word } = tokens[i]!;
    if (word === ',' || VERBS.has(word)) break;
    if (!PREPOSITIONS.has(word)) continue;
    const named = tokens.slice(i + 1, i + 5).find(({ place }) => place >= 0);
    if (named !== undefined) return [named.place];
  }
  const verb = tokens.findLastIndex(({ word }, i) => i < at && VERBS.has(word));
  return places.flatMap(({ to }, place) => (to <= verb ? [place] : []));
}

/** A place up to two words away, with nothing between but words that say how. */
function adjacent(tokens: readonly Token[], at: number, step: 1 | -1): number {
  for (let i = at + step, gap = 0; gap < 3; i += step, gap++) {
    const token = tokens[i];
    if (token === undefined) return -1;
    if (token.place >= 0) return token.place;
    const { word } = token;
    if (word === ',' || /^(?:and|or|the|a|an|no|with|without|to|from|for|by|on)$/u.test(word)) return -1;
    if (
      VERBS.has(word) ||
      PREPOSITIONS.has(word) ||
      DENIALS.has(word) ||
      (token.observed && !QUALIFIERS.has(token.lemma))
    )
      return -1;
  }
  return -1;
}

function stateOf(words: readonly string[], at: number): ObservationState {
  const [before, after] = [words.slice(0, at), words.slice(at + 1).join(' ')];
  const suspected = before.some((word) => SUSPICIONS.has(word)) || SUSPECTED_BEFORE.test(after);
  if (suspected) return 'OBS-U';
  const freed = before.some((word, i) => /^(?:free|clear)$/u.test(word) && before[i + 1] === 'of');
  const denied = before.some((word) => DENIALS.has(word)) || freed || DENIED_BEFORE.test(after);
  return denied ? 'OBS-DA' : 'OBS-DP';
}
