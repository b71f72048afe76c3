import type { SentencePairsEntry } from '../../config/evaluate.js';
import { GadoliniumError } from '../../errors.js';
import { putInterval } from '../classification.js';
import { aurocOf } from '../metrics/auroc.js';
import { averagePrecisionOf } from '../metrics/average-precision.js';
import { bestThreshold } from '../metrics/f1.js';
import { Ranking } from '../metrics/ranking.js';
import { folded } from '../probes/folds.js';
import { embedTexts, put, rowsOf, type TaskContext, type TaskResult } from '../task.js';
import { classTruth } from '../truth.js';
import { normalised } from '../vectors.js';

/**
 * Sentence similarity (Bannur et al. 2023, MS-CXR-T and RadNLI): the cosine of a row's two sentences tells pairs that say the same
 * from pairs that contradict each other. AUROC needs no threshold; the accuracy's comes from the other folds or from split `valid`.
 * `accuracy.best` is at the threshold that is best on the reported pairs themselves: an upper bound.
 */
export async function sentencePairs(entry: SentencePairsEntry, context: TaskContext): Promise<TaskResult> {
  const notes: string[] = [];
  const pairs = await scoredPairs(entry, context, entry.split, notes);
  const { scores, truth } = pairs;
  const N = truth.length;
  const ranking = new Ranking(scores, truth);
  const metrics: Record<string, number> = {};
  put(metrics, 'auroc', aurocOf(ranking));
  put(metrics, 'average-precision', averagePrecisionOf(ranking));
  const thresholds =
    entry.threshold === 'valid'
      ? new Float64Array(N).fill(middleThreshold(await scoredPairs(entry, context, 'valid', notes)))
      : foldThresholds(pairs, entry);
  const right = Float64Array.from(scores, (score, i) => Number(Number(score >= thresholds[i]!) === truth[i]));
  const accuracy = (weights?: ArrayLike<number>) => {
    let sum = 0;
    let all = 0;
    for (let i = 0; i < N; i++) {
      const weight = weights ? weights[i]! : 1;
      sum += weight * right[i]!;
      all += weight;
    }
    return all > 0 ? sum / all : undefined;
  };
  put(metrics, 'accuracy', accuracy());
  put(metrics, 'accuracy.best', bestThreshold(ranking, 'accuracy')?.value);
  putInterval(metrics, 'auroc', N, entry.bootstrap, (weights) => aurocOf(ranking, weights));
  putInterval(metrics, 'accuracy', N, entry.bootstrap, accuracy);
  const mean = (side: number) => {
    const own = scores.filter((_, i) => truth[i] === side);
    return own.length > 0 ? own.reduce((a, b) => a + b, 0) / own.length : '–';
  };
  const count = (side: number) => truth.filter((one) => one === side).length;
  return {
    metrics,
    samples: N,
    table: {
      columns: ['pairs', 'count', 'mean cosine'],
      rows: [
        [entry.same, count(1), mean(1)],
        [entry.different, count(0), mean(0)],
      ],
    },
    notes,
  };
}

interface Pairs {
  scores: Float64Array;
  truth: Int8Array;
}

async function scoredPairs(
  entry: SentencePairsEntry,
  context: TaskContext,
  split: string,
  notes: string[],
): Promise<Pairs> {
  const source = context.rows;
  const { rows, classes } = classTruth(
    source,
    entry.labels,
    [entry.different, entry.same],
    rowsOf(source, split),
    notes,
  );
  if (rows.length === 0) {
    throw GadoliniumError.expected(
      'nothing-to-evaluate',
      `pairs '${entry.same}' or '${entry.different}'`,
      `split '${split}'`,
      'none',
    );
  }
  const sentences = source.texts(rows).map((texts, i) => {
    if (texts.length === 2) return texts.map(({ body }) => body);
    const sample = source.sampleIds(rows.subarray(i, i + 1))[0];
    throw GadoliniumError.expected('bad-pair', 'two texts', `sample ${sample} of ${source.name}`, texts.length);
  });
  const words = [...new Set(sentences.flat())];
  const places = new Map(words.map((one, i) => [one, i]));
  const each = normalised(await embedTexts(context.embedder, words, entry.features), (i) => `the text '${words[i]}'`);
  const scores = Float64Array.from(sentences, ([first, second]) => {
    const [a, b] = [places.get(first!)! * each.width, places.get(second!)! * each.width];
    let sum = 0;
    for (let d = 0; d < each.width; d++) sum += each.data[a + d]! * each.data[b + d]!;
    return sum;
  });
  return { scores, truth: Int8Array.from(classes) };
}

/** For each pair the threshold that is most accurate on the pairs of the other folds. */
function foldThresholds({ scores, truth }: Pairs, { folds, seed }: SentencePairsEntry): Float64Array {
  // Folds hold their share of either class, as far as it divides.
  const fold = folded(
    Array.from(truth, (_, i) => String(i)),
    folds,
    seed,
    truth,
  );
  const out = new Float64Array(truth.length);
  for (let f = 0; f < folds; f++) {
    const others = truth.map((one, i) => (fold[i] === f ? -1 : one));
    const threshold = middleThreshold({ scores, truth: others });
    for (let i = 0; i < out.length; i++) if (fold[i] === f) out[i] = threshold;
  }
  return out;
}

/** The most accurate threshold, half-way to the next lower score, so that a score between the two classes falls to the nearer. */
function middleThreshold({ scores, truth }: Pairs): number {
  const best = bestThreshold(new Ranking(scores, truth), 'accuracy');
  if (!best) {
    throw GadoliniumError.expected(
      'nothing-to-evaluate',
      'pairs of both kinds',
      'choosing a threshold',
      'one kind alone',
    );
  }
  if (best.threshold === Number.POSITIVE_INFINITY) return best.threshold;
  let below = Number.NEGATIVE_INFINITY;
  for (const [i, score] of scores.entries())
    if (truth[i]! >= 0 && score < best.threshold) below = Math.max(below, score);
  return below === Number.NEGATIVE_INFINITY ? best.threshold : (best.threshold + below) / 2;
}
