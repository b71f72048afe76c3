/** Mentions from a graph of RadGraph (Jain et al. 2021): entities of a report's tokens and the relations between them. */
import type { Mention, ObservationState } from './triplets.js';

export interface GraphEntity {
  tokens: string;
  label: string;
  start_ix: number;
  /** modify, located_at, suggestive_of → number of the other entity. */
  relations: ([string, string] | null)[];
}

export interface Graph {
  /** Tokens with blanks between. */
  text: string;
  entities: Record<string, GraphEntity>;
}

/** An entity with one of its relations, as many times as it has some; once without where it has none. */
interface Item {
  source: string;
  token: string;
  label: string;
  relation: string | undefined;
  target: string | undefined;
  sentence: number;
}

/**
 * Each observation at each anatomy that it is located at; one that is related to nothing is at `unspecified`, when its sentence names an anatomy
 * or not. A sentence ends at a token that is a full stop, a question mark or an exclamation mark (ours: the labels' makers counted the words of another
 * tokeniser over the same text, and so could be off by some).
 */
export function graphMentions(graph: Graph): Mention[] {
  const bySentence = new Map<number, Item[]>();
  for (const item of itemsOf(graph)) {
    const items = bySentence.get(item.sentence);
    if (items === undefined) bySentence.set(item.sentence, [item]);
    else items.push(item);
  }
  return [...bySentence.values()].flatMap(sentenceMentions);
}

function itemsOf({ text, entities }: Graph): Item[] {
  const sentences = sentenceOfTokens(text);
  return Object.entries(entities).flatMap(([source, { tokens, label, start_ix, relations }]): Item[] => {
    const one = { source, token: tokens.toLowerCase(), label, sentence: sentences[start_ix] ?? -1 };
    const related = relations.filter((relation) => relation !== null);
    if (related.length === 0) return [{ ...one, relation: undefined, target: undefined }];
    return related.map(([relation, target]) => ({ ...one, relation, target }));
  });
}

function sentenceOfTokens(text: string): number[] {
  let sentence = 0;
  return text.split(/\s+/u).map((token) => (/^[.?!]$/u.test(token) ? sentence++ : sentence));
}

function sentenceMentions(items: readonly Item[]): Mention[] {
  const anatomies = items.filter(({ label }) => label === 'ANAT-DP');
  const observations = items.filter(({ label }) => /^OBS-(?:DP|DA|U)$/u.test(label));
  const mention = (anatomy: string, { token, label }: Item): Mention => ({
    anatomy,
    observation: token,
    state: label as ObservationState,
  });
  const located = anatomies
    .filter(({ target }) => target === undefined)
    .flatMap((root) => {
      const parts = [root, ...anatomies.filter(({ target }) => target === root.source)];
      const sources = new Set(parts.map(({ source }) => source));
      const anatomy = parts.map(({ token }) => token).join('|');
      return observations
        .filter(({ relation, target }) => relation === 'located_at' && sources.has(target!))
        .map((observation) => mention(anatomy, observation));
    });
  const alone = observations.filter(({ target }) => target === undefined);
  return [...located, ...alone.map((observation) => mention('unspecified', observation))];
}
