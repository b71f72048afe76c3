import type { ZeroShotEntry } from '../../config/evaluate.js';
import { GadoliniumError } from '../../errors.js';
import { classReport, findingReport, softmaxRows } from '../classification.js';
import type { FeatureMatrix } from '../embedder.js';
import { findPrompts, type PromptSet } from '../prompts.js';
import { embedRows, embedTexts, rowsOf, type TaskContext, type TaskResult } from '../task.js';
import { chosenThresholds } from '../thresholds.js';
import { classTruth, findingTruth, vocabularyOf } from '../truth.js';
import { normalised, products } from '../vectors.js';

/**
 * Zero-shot classification: a sample v is scored against the embedded prompts t of each class by the cosine v·t.
 *   classes (CLIP, Radford et al. 2021 §3.1):  p_k = softmax_k(scale · v·t_k), the prediction is the arg-max;
 *   findings (CheXzero, Tiu et al. 2022):      p = exp(scale · v·t⁺) / (exp(scale · v·t⁺) + exp(scale · v·t⁻)).
 */
export async function zeroShot(entry: ZeroShotEntry, context: TaskContext): Promise<TaskResult> {
  const prompts = findPrompts(entry.prompts, entry.labels, context.rows.promptSets);
  const names = prompts.classes.map(({ label }) => label);
  const vocab = vocabularyOf(context.rows, names, entry.labels, prompts.vocab);
  return prompts.kind === 'softmax'
    ? zeroShotClasses(entry, context, prompts, vocab)
    : zeroShotFindings(entry, context, prompts, vocab);
}

async function zeroShotClasses(
  entry: ZeroShotEntry,
  context: TaskContext,
  prompts: PromptSet,
  vocab: string,
): Promise<TaskResult> {
  const notes: string[] = [];
  const names = prompts.classes.map(({ label }) => label);
  const truth = classTruth(context.rows, vocab, names, rowsOf(context.rows, entry.split), notes);
  if (truth.rows.length === 0) throw nothing(entry.split, vocab);
  const samples = await embedRows(context, truth.rows, [entry.features.samples], notes);
  // Rows without the modality have gone: take the classes of those that stayed.
  const { classes } = classTruth(context.rows, vocab, names, samples.rows, []);
  const scores = await scoreTexts(
    entry,
    context,
    samples.features[entry.features.samples]!,
    prompts.classes.map((c) => c.texts),
  );
  const scale = scaleOf(entry, context);
  if (entry.standardiseScores) {
    standardiseColumns(scores, names.length);
    notes.push(
      "each class's scores were standardised over the reported rows: a row's prediction depends on the others",
    );
  }
  const probability = softmaxRows(scores, names.length, scale ?? 1);
  const report = classReport(probability, classes, {
    names,
    bootstrap: entry.bootstrap,
    calibrated: scale !== undefined && !entry.standardiseScores,
  });
  return { ...report, notes: [...notes, ...report.notes] };
}

async function zeroShotFindings(
  entry: ZeroShotEntry,
  context: TaskContext,
  prompts: PromptSet,
  vocab: string,
): Promise<TaskResult> {
  const notes: string[] = [];
  const names = prompts.classes.map(({ label }) => label);
  const evaluated = await pairProbabilities(entry, context, prompts, rowsOf(context.rows, entry.split), notes);
  const truth = findingTruth(context.rows, vocab, names, evaluated.rows, entry.uncertain);
  if (!truth.some((value) => value >= 0)) throw nothing(entry.split, vocab);
  const thresholds = await chosenThresholds(
    entry,
    names,
    { probability: evaluated.probability, truth },
    notes,
    async () => {
      const valid = await pairProbabilities(entry, context, prompts, rowsOf(context.rows, 'valid'), notes);
      return {
        probability: valid.probability,
        truth: findingTruth(context.rows, vocab, names, valid.rows, entry.uncertain),
      };
    },
  );
  const report = findingReport(evaluated.probability, truth, thresholds, {
    names,
    bootstrap: entry.bootstrap,
    calibrated: scaleOf(entry, context) !== undefined,
    strictAccuracy: entry.threshold === 'best-f1-of-reported',
  });
  return { ...report, notes: [...notes, ...report.notes] };
}

async function pairProbabilities(
  entry: ZeroShotEntry,
  context: TaskContext,
  prompts: PromptSet,
  rows: Uint32Array,
  notes: string[],
): Promise<{ rows: Uint32Array; probability: Float64Array }> {
  const samples = await embedRows(context, rows, [entry.features.samples], notes);
  const groups = prompts.classes.flatMap(({ label, texts, negative }) => {
    if (!negative?.length) {
      throw GadoliniumError.expected(
        'bad-prompts',
        'negative texts',
        `finding '${label}' of ${prompts.name}`,
        negative,
      );
    }
    return [texts, negative];
  });
  const scores = await scoreTexts(entry, context, samples.features[entry.features.samples]!, groups);
  // Each finding's two scores stand side by side, so the soft-max over pairs is one over rows of two.
  const pairs = softmaxRows(scores, 2, scaleOf(entry, context) ?? 1);
  return { rows: samples.rows, probability: pairs.filter((_, i) => i % 2 === 0) };
}

/** Scores [samples, groups]: each group of texts is one ensemble. */
async function scoreTexts(
  entry: ZeroShotEntry,
  { embedder }: TaskContext,
  samples: FeatureMatrix,
  groups: string[][],
): Promise<Float64Array> {
  const texts = groups.flat();
  const raw = await embedTexts(embedder, texts, entry.features.prompts);
  const named = (i: number) => `the prompt '${texts[i]}'`;
  if (entry.ensemble === 'mean-of-embeddings' || entry.ensemble === 'mean-of-raw-embeddings') {
    const each = entry.ensemble === 'mean-of-embeddings' ? normalised(raw, named) : raw;
    return products(
      samples,
      normalised(groupMeans(each, groups), (g) => `class ${g}`),
    );
  }
  const scores = products(samples, normalised(raw, named));
  return groupScores(scores, groups, entry.ensemble === 'max-of-scores');
}

function groupMeans({ data, width }: FeatureMatrix, groups: string[][]): FeatureMatrix {
  const out = new Float32Array(groups.length * width);
  let text = 0;
  for (const [g, { length }] of groups.entries()) {
    for (let n = 0; n < length; n++, text++) {
      for (let d = 0; d < width; d++) out[g * width + d]! += data[text * width + d]! / length;
    }
  }
  return { data: out, rows: groups.length, width };
}

/** Mean or maximum of the scores of each group's texts. */
function groupScores(scores: Float64Array, groups: string[][], maximum: boolean): Float64Array {
  const texts = groups.reduce((sum, { length }) => sum + length, 0);
  const N = scores.length / texts;
  const out = new Float64Array(N * groups.length);
  for (let i = 0; i < N; i++) {
    let text = i * texts;
    for (const [g, { length }] of groups.entries()) {
      const own = scores.subarray(text, text + length);
      out[i * groups.length + g] = maximum ? Math.max(...own) : own.reduce((a, b) => a + b, 0) / length;
      text += length;
    }
  }
  return out;
}

/** Each column of [N, K] to mean 0 and deviation 1 in place; a constant one becomes 0. */
function standardiseColumns(scores: Float64Array, K: number): void {
  const N = scores.length / K;
  for (let k = 0; k < K; k++) {
    let mean = 0;
    for (let i = 0; i < N; i++) mean += scores[i * K + k]! / N;
    let square = 0;
    for (let i = 0; i < N; i++) square += (scores[i * K + k]! - mean) ** 2 / N;
    const deviation = Math.sqrt(square);
    for (let i = 0; i < N; i++) scores[i * K + k] = deviation > 0 ? (scores[i * K + k]! - mean) / deviation : 0;
  }
}

function scaleOf(entry: ZeroShotEntry, { logitScale }: TaskContext): number | undefined {
  return entry.scale ?? logitScale;
}

function nothing(split: string, vocab: string): GadoliniumError {
  return GadoliniumError.expected(
    'nothing-to-evaluate',
    'labelled rows',
    `split '${split}' with labels '${vocab}'`,
    'none',
  );
}
