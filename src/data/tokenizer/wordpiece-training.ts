/**
 * Trains a small WordPiece vocabulary from a data set's own words, for when no published vocabulary is at hand. The pieces are
 * found by merging the most frequent neighbours (byte-pair merging, as common WordPiece trainers do, not the likelihood score
 * of the original paper); encoding is ordinary WordPiece, longest match first. Same words, same vocabulary, same order.
 */
export const SPECIAL_TOKENS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;

/** Characters kept; rarer ones become [UNK]. */
const ALPHABET = 1000;

/**
 * The pieces in the order of their ids: special tokens, characters (at the start of a word and, with ##, inside), merges.
 * @param words how often each word occurs, already normalised and split as the tokenizer will do it
 * @param size pieces wanted; fewer when no neighbours occur twice any more
 */
export function trainWordPiece(words: ReadonlyMap<string, number>, size: number): string[] {
  const ordered = [...words]
    .sort(([a], [b]) => compare(a, b))
    .map(([word, count]) => ({ pieces: charactersOf(word), count }));
  const alphabet = alphabetOf(ordered);
  const kept = ordered.filter(({ pieces }) => pieces.every((piece) => alphabet.has(piece)));
  const vocabulary = new Set<string>([...SPECIAL_TOKENS, ...[...alphabet].sort(compare)]);
  const pairs = new PairCounts(kept);
  while (vocabulary.size < size) {
    const best = pairs.best();
    if (best === undefined || best.count < 2) break;
    vocabulary.add(merged(best.left, best.right));
    pairs.merge(best.left, best.right);
  }
  return [...vocabulary];
}

interface Word {
  pieces: string[];
  count: number;
}

const charactersOf = (word: string) => [...word].map((character, i) => (i === 0 ? character : `##${character}`));
const merged = (left: string, right: string) => left + right.slice(2);
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function alphabetOf(words: Word[]): Set<string> {
  const counts = new Map<string, number>();
  for (const { pieces, count } of words)
    for (const piece of pieces) counts.set(piece, (counts.get(piece) ?? 0) + count);
  const frequent = [...counts].sort(([a, m], [b, n]) => n - m || compare(a, b)).slice(0, ALPHABET);
  return new Set(frequent.map(([piece]) => piece));
}

interface Pair {
  left: string;
  right: string;
  count: number;
}

/** How often two pieces stand side by side, kept up to date over merges; a heap finds the most frequent. */
class PairCounts {
  private readonly pairs = new Map<string, Pair & { words: Set<number> }>();
  private readonly heap = new Heap<Pair>(
    (a, b) => b.count - a.count || compare(a.left, b.left) || compare(a.right, b.right),
  );

  constructor(private readonly words: Word[]) {
    for (const index of words.keys()) this.count(index, 1);
    for (const { left, right, count } of this.pairs.values()) this.heap.push({ left, right, count });
  }

  /** Ties go to the pair first in code unit order. */
  best(): Pair | undefined {
    for (let top = this.heap.pop(); top !== undefined; top = this.heap.pop()) {
      // Entries are not removed when a count changes; an old one no longer agrees with the count.
      if (this.pairs.get(keyOf(top.left, top.right))?.count === top.count) return top;
    }
    return undefined;
  }

  merge(left: string, right: string): void {
    const touched = [...(this.pairs.get(keyOf(left, right))?.words ?? [])];
    const changed = new Set<string>();
    for (const index of touched) {
      for (const key of this.count(index, -1)) changed.add(key);
      const word = this.words[index]!;
      const pieces: string[] = [];
      for (let i = 0; i < word.pieces.length; i++) {
        if (word.pieces[i] === left && word.pieces[i + 1] === right) {
          pieces.push(merged(left, right));
          i++;
        } else pieces.push(word.pieces[i]!);
      }
      word.pieces = pieces;
      for (const key of this.count(index, 1)) changed.add(key);
    }
    for (const key of changed) {
      const pair = this.pairs.get(key)!;
      if (pair.count === 0) this.pairs.delete(key);
      else this.heap.push({ left: pair.left, right: pair.right, count: pair.count });
    }
  }

  /** Adds (1) or takes away (-1) the pairs of one word; the keys of those. */
  private count(index: number, sign: 1 | -1): string[] {
    const { pieces, count } = this.words[index]!;
    const keys: string[] = [];
    for (let i = 0; i + 1 < pieces.length; i++) {
      const [left, right] = [pieces[i]!, pieces[i + 1]!];
      const key = keyOf(left, right);
      let pair = this.pairs.get(key);
      if (pair === undefined) {
        pair = { left, right, count: 0, words: new Set() };
        this.pairs.set(key, pair);
      }
      pair.count += sign * count;
      if (sign > 0) pair.words.add(index);
      else pair.words.delete(index);
      keys.push(key);
    }
    return keys;
  }
}

const keyOf = (left: string, right: string) => `${left}\u0000${right}`;

class Heap<T> {
  private readonly items: T[] = [];
  constructor(private readonly order: (a: T, b: T) => number) {}

  push(item: T): void {
    let at = this.items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.order(this.items[at]!, this.items[parent]!) >= 0) break;
      this.swap(at, parent);
      at = parent;
    }
  }

  pop(): T | undefined {
    const top = this.items[0];
    const last = this.items.pop();
    if (this.items.length === 0 || last === undefined) return top;
    this.items[0] = last;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.items.length && this.order(this.items[child]!, this.items[least]!) < 0) least = child;
      }
      if (least === at) return top;
      this.swap(at, least);
      at = least;
    }
  }

  private swap(a: number, b: number): void {
    [this.items[a], this.items[b]] = [this.items[b]!, this.items[a]!];
  }
}
