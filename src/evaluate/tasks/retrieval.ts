import type { RetrievalEntry } from '../../config/evaluate.js';
import { putInterval } from '../classification.js';
import type { Embedder, FeatureMatrix } from '../embedder.js';
import { makeGallery } from '../gallery.js';
import { meanRank, meanReciprocalRank, medianRank, precisionAt, recallAt } from '../metrics/retrieval.js';
import { embedRows, put, rowsOf, type TaskContext, type TaskResult, wordsOf } from '../task.js';
import { classTruth } from '../truth.js';
import { nearest, requireSameWidth, takeRows } from '../vectors.js';

/**
 * Retrieval in both directions among the samples of a split, by cosine:
 *   recall@k = share of queries whose partner is among the first k;  median, mean and mean reciprocal rank of the partner;
 *   precision@k by class = mean share of the first k candidates that are of the query's class (GLoRIA, Huang et al. 2021).
 * Many reports are word for word the same. Where that is so, a second set of numbers under `.merged` takes identical texts as one
 * candidate with several partners (the best counts); the plain numbers count only the sample's own.
 */
export async function retrieval(entry: RetrievalEntry, context: TaskContext): Promise<TaskResult> {
  const notes: string[] = [];
  const [left, right] = entry.between;
  const { rows, features } = await embedRows(context, rowsOf(context.rows, entry.split), [left, right], notes);
  const sides = { left: features[left]!, right: features[right]! };
  requireSameWidth(sides.left, sides.right);
  const [a, b] = sideNames(left, right);
  const metrics: Record<string, number> = {};
  const table: (string | number)[][] = [];
  const report = (name: string, ranks: Int32Array, candidates: number) => {
    for (const k of entry.at) put(metrics, `${name}.recall@${k}`, recallAt(ranks, k));
    put(metrics, `${name}.median-rank`, medianRank(ranks));
    put(metrics, `${name}.mean-rank`, meanRank(ranks));
    put(metrics, `${name}.mean-reciprocal-rank`, meanReciprocalRank(ranks));
    putInterval(metrics, `${name}.recall@${entry.at[0]}`, ranks.length, entry.bootstrap, (w) =>
      recallAt(ranks, entry.at[0]!, w),
    );
    table.push([
      name,
      ranks.length,
      candidates,
      ...entry.at.map((k) => recallAt(ranks, k)!),
      medianRank(ranks)!,
      meanReciprocalRank(ranks)!,
    ]);
  };

  const own = Int32Array.from(rows, (_, i) => i);
  const { embedder } = context;
  report(`${a}-to-${b}`, await ranksOf(embedder, sides.left, sides.right, own, own), rows.length);
  report(`${b}-to-${a}`, await ranksOf(embedder, sides.right, sides.left, own, own), rows.length);

  const words = wordsOf(context, rows);
  const merged = mergeIdentical(words);
  if (isText(right) && merged.first.length < rows.length) {
    const texts = takeRows(sides.right, merged.first);
    const numbers = Int32Array.from(merged.first, (_, g) => g);
    report(`${a}-to-${b}.merged`, await ranksOf(embedder, sides.left, texts, merged.groups, numbers), numbers.length);
    report(`${b}-to-${a}.merged`, await ranksOf(embedder, texts, sides.left, numbers, merged.groups), rows.length);
    notes.push(`${rows.length} samples have ${merged.first.length} different texts: see the merged numbers`);
  }
  if (entry.classes !== undefined) {
    classPrecision(entry, context, rows, sides, `${a}-to-${b}`, metrics, notes);
  }
  const result: TaskResult = {
    metrics,
    samples: rows.length,
    table: {
      columns: ['direction', 'queries', 'candidates', ...entry.at.map((k) => `R@${k}`), 'median rank', 'mean 1/rank'],
      rows: table,
    },
    notes,
  };
  if (entry.gallery > 0 && isText(right)) {
    result.gallery = await makeGallery({
      source: context.rows,
      rows,
      words,
      pictures: sides.left,
      texts: takeRows(sides.right, merged.first),
      textRows: merged.first,
      count: entry.gallery,
    });
  }
  return result;
}

function ranksOf(
  embedder: Embedder,
  queries: FeatureMatrix,
  candidates: FeatureMatrix,
  queryGroups: Int32Array,
  candidateGroups: Int32Array,
): Promise<Int32Array> {
  return embedder.ranks({ queries, candidates, queryGroups, candidateGroups });
}

function classPrecision(
  entry: RetrievalEntry,
  context: TaskContext,
  rows: Uint32Array,
  sides: { left: FeatureMatrix; right: FeatureMatrix },
  name: string,
  metrics: Record<string, number>,
  notes: string[],
): void {
  const vocab = entry.classes!;
  const { vocabulary } = context.rows.labels(vocab, rows.subarray(0, 0));
  const { kept, classes } = classTruth(context.rows, vocab, vocabulary.names, rows, notes);
  const largest = Math.max(...entry.precisionAt);
  const usable = entry.precisionAt.filter((k) => k <= kept.length);
  if (usable.length === 0) {
    notes.push(
      `precision at ${largest} needs as many candidates: only ${kept.length} samples carry a class of '${vocab}'`,
    );
    return;
  }
  const found = nearest(takeRows(sides.left, kept), takeRows(sides.right, kept), Math.max(...usable));
  for (const k of entry.precisionAt) {
    if (usable.includes(k))
      put(metrics, `${name}.precision@${k}`, precisionAt(found.candidates, found.k, k, classes, classes));
    else notes.push(`precision@${k} was left out: only ${kept.length} candidates carry a class of '${vocab}'`);
  }
}

/** `image` and `text` of `image.global` and `text.global`; the whole names where both sides are of one modality. */
function sideNames(left: string, right: string): [string, string] {
  const [a, b] = [left.split('.')[0]!, right.split('.')[0]!];
  return a === b ? [left, right] : [a, b];
}

function isText(feature: string): boolean {
  return feature.split('.')[0] === 'text';
}

/** Samples with word-for-word equal texts get one number; `first` is the first sample of each. */
function mergeIdentical(words: readonly string[]): { groups: Int32Array; first: Uint32Array } {
  const numbers = new Map<string, number>();
  const first: number[] = [];
  const groups = Int32Array.from(words, (text, i) => {
    let group = numbers.get(text);
    if (group === undefined) {
      group = first.length;
      numbers.set(text, group);
      first.push(i);
    }
    return group;
  });
  return { groups, first: Uint32Array.from(first) };
}
