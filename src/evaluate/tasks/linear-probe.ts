import type { LinearProbeEntry } from '../../config/evaluate.js';
import { Draws } from '../../data/draws.js';
import { GadoliniumError } from '../../errors.js';
import { classReport, findingReport } from '../classification.js';
import type { FeatureMatrix } from '../embedder.js';
import { argmaxRows } from '../metrics/accuracy.js';
import { auroc } from '../metrics/auroc.js';
import { column, meanOfDefined } from '../metrics/per-class.js';
import { fitLogistic, type LinearClassifier, predict } from '../probes/logistic-regression.js';
import { trainingRows } from '../probes/training-rows.js';
import type { Vocabulary } from '../rows.js';
import { embedRows, rowsOf, type TaskContext, type TaskResult } from '../task.js';
import { classTruth, findingTruth } from '../truth.js';
import { takeRows } from '../vectors.js';

/** On the gradient: scikit-learn's default. A tighter one costs minutes at weak penalties and moves no prediction. */
const TOLERANCE = 1e-4;

/** Features and truth of one split: class numbers [N], or states [N, K] of findings (-1 unknown). */
interface Labelled {
  rows: Uint32Array;
  features: FeatureMatrix;
  truth: Int32Array | Int8Array;
}

/**
 * Linear probe: L2-penalised logistic regression on frozen features, with a share of the training labels. For each share the
 * penalty is the one of the grid that does best on the validation rows (accuracy of classes, macro AUROC of findings; of
 * equals the stronger penalty); the classifier that is scored on the evaluated split has seen training rows only.
 */
export async function linearProbe(entry: LinearProbeEntry, context: TaskContext): Promise<TaskResult> {
  const notes: string[] = [];
  const { vocabulary } = context.rows.labels(entry.labels, new Uint32Array(0));
  const { train, valid } = trainingRows(entry, context.rows, 'a linear probe', notes);
  const load = (rows: Uint32Array) => labelled(entry, context, vocabulary, rows, notes);
  const [training, validation, held] = [
    await load(train),
    await load(valid),
    await load(rowsOf(context.rows, entry.split)),
  ];
  if (entry.standardise) standardise(training.features, [validation.features, held.features]);

  const metrics: Record<string, number> = {};
  const table: (string | number)[][] = [];
  const main =
    vocabulary.kind === 'class'
      ? ['accuracy', 'accuracy.balanced', 'auroc.macro']
      : ['auroc.macro', 'average-precision.macro', 'f1.macro'];
  for (const fraction of entry.fractions) {
    const share = `${Number((fraction * 100).toPrecision(6))}%`;
    const drawn = subset(training, draw(training, vocabulary, fraction, entry.seed));
    const best = chooseC(entry, vocabulary, drawn, validation);
    const report = score(entry, vocabulary, best.fit, held);
    for (const [name, value] of Object.entries(report.metrics)) metrics[`${share}.${name}`] = value;
    table.push([share, drawn.rows.length, best.C, ...main.map((name) => report.metrics[name] ?? '–')]);
    for (const note of report.notes) if (!notes.includes(note)) notes.push(note);
    if (!best.fit.every((one) => one?.converged ?? true)) {
      notes.push(`with ${share} of the labels the fit stopped before its gradient vanished`);
    }
    for (const [k, one] of best.fit.entries()) {
      if (one === undefined)
        notes.push(
          `with ${share} of the labels finding '${vocabulary.names[k]}' has one kind of answer only: scored 0.5`,
        );
    }
  }
  return {
    metrics,
    samples: held.rows.length,
    table: { columns: ['labels', 'training rows', 'C', ...main], rows: table },
    notes,
  };
}

async function labelled(
  entry: LinearProbeEntry,
  context: TaskContext,
  vocabulary: Vocabulary,
  rows: Uint32Array,
  notes: string[],
): Promise<Labelled> {
  const wanted =
    vocabulary.kind === 'class' ? classTruth(context.rows, entry.labels, vocabulary.names, rows, notes).rows : rows;
  if (wanted.length === 0) {
    throw GadoliniumError.expected('nothing-to-evaluate', 'labelled rows', `linear probe on '${entry.labels}'`, 'none');
  }
  const present = await embedRows(context, wanted, [entry.features], notes, false);
  const truth =
    vocabulary.kind === 'class'
      ? classTruth(context.rows, entry.labels, vocabulary.names, present.rows, []).classes
      : findingTruth(context.rows, entry.labels, vocabulary.names, present.rows, entry.uncertain);
  return { rows: present.rows, features: present.features[entry.features]!, truth };
}

/** Brings the training features to mean 0 and deviation 1, and the others by the same numbers; a constant one stays 0. */
function standardise(training: FeatureMatrix, others: FeatureMatrix[]): void {
  const { rows: N, width: D } = training;
  const mean = new Float64Array(D);
  const square = new Float64Array(D);
  for (let i = 0; i < N; i++) for (let d = 0; d < D; d++) mean[d]! += training.data[i * D + d]! / N;
  for (let i = 0; i < N; i++) {
    for (let d = 0; d < D; d++) square[d]! += (training.data[i * D + d]! - mean[d]!) ** 2 / N;
  }
  for (const matrix of [training, ...others]) {
    const { data } = matrix;
    const scaled = new Float32Array(data.length);
    for (let p = 0; p < data.length; p++) {
      const deviation = Math.sqrt(square[p % D]!);
      scaled[p] = deviation > 0 ? (data[p]! - mean[p % D]!) / deviation : 0;
    }
    matrix.data = scaled;
  }
}

/**
 * Places of a share of the training rows, by a fixed seed; a smaller share lies inside a larger. Of classes each gives its own
 * share, at least one row: a class without a row could never be predicted.
 */
function draw({ truth, rows }: Labelled, vocabulary: Vocabulary, fraction: number, seed: number): Uint32Array {
  const order = new Draws(seed).shuffle(Uint32Array.from(rows, (_, i) => i));
  const groups =
    vocabulary.kind === 'class' ? vocabulary.names.map((_, k) => order.filter((i) => truth[i] === k)) : [order];
  const taken = groups.flatMap((group) => [...group.subarray(0, Math.ceil(fraction * group.length))]);
  return Uint32Array.from(taken).sort();
}

function subset({ rows, features, truth }: Labelled, places: Uint32Array): Labelled {
  const K = truth.length / rows.length;
  const kept = new (truth.constructor as Int8ArrayConstructor)(places.length * K);
  for (const [n, i] of places.entries()) kept.set(truth.subarray(i * K, (i + 1) * K), n * K);
  return {
    rows: Uint32Array.from(places, (i) => rows[i]!),
    features: takeRows(features, places),
    truth: kept,
  };
}

/** One classifier over all classes, or one a finding (undefined where its training rows hold one answer only). */
type Fit = (LinearClassifier | undefined)[];

function chooseC(
  entry: LinearProbeEntry,
  vocabulary: Vocabulary,
  training: Labelled,
  validation: Labelled,
): { fit: Fit; C: number } {
  let best: { fit: Fit; C: number; value: number } | undefined;
  let before: Fit | undefined;
  // From the strongest penalty on: the next fit starts from the last one.
  for (const C of entry.grid.toSorted((a, b) => a - b)) {
    const fit = fitAll(vocabulary, training, C, before);
    const value = quality(vocabulary, fit, validation);
    if (best === undefined || value > best.value) best = { fit, C, value };
    before = fit;
  }
  return best!;
}

function fitAll(vocabulary: Vocabulary, { features, truth }: Labelled, C: number, before: Fit | undefined): Fit {
  const K = vocabulary.names.length;
  if (vocabulary.kind === 'class')
    return [fitLogistic(features, truth, K, { C, tolerance: TOLERANCE, from: before?.[0] })];
  return vocabulary.names.map((_, k) => {
    const answers = column(truth as Int8Array, K, k);
    const known = Uint32Array.from(answers, (_, i) => i).filter((i) => answers[i]! >= 0);
    const own = answers.filter((answer) => answer >= 0);
    if (!own.includes(0) || !own.includes(1)) return undefined;
    const rows = known.length === answers.length ? features : takeRows(features, known);
    return fitLogistic(rows, own, 2, { C, tolerance: TOLERANCE, from: before?.[k] });
  });
}

/** Probabilities [N, K] of classes or findings. */
function probabilities(vocabulary: Vocabulary, fit: Fit, features: FeatureMatrix): Float64Array {
  if (vocabulary.kind === 'class') return predict(fit[0]!, features);
  const K = vocabulary.names.length;
  const out = new Float64Array(features.rows * K).fill(0.5);
  for (const [k, classifier] of fit.entries()) {
    if (!classifier) continue;
    const pairs = predict(classifier, features);
    for (let i = 0; i < features.rows; i++) out[i * K + k] = pairs[2 * i + 1]!;
  }
  return out;
}

function quality(vocabulary: Vocabulary, fit: Fit, { features, truth }: Labelled): number {
  const K = vocabulary.names.length;
  const probability = probabilities(vocabulary, fit, features);
  if (vocabulary.kind === 'class') {
    const right = argmaxRows(probability, K).reduce((sum, k, i) => sum + Number(k === truth[i]), 0);
    return right / truth.length;
  }
  const areas = vocabulary.names.map((_, k) => auroc(column(probability, K, k), column(truth as Int8Array, K, k)));
  return meanOfDefined(areas) ?? 0;
}

function score(entry: LinearProbeEntry, vocabulary: Vocabulary, fit: Fit, held: Labelled): TaskResult {
  const probability = probabilities(vocabulary, fit, held.features);
  const options = { names: vocabulary.names, bootstrap: entry.bootstrap, calibrated: true };
  if (vocabulary.kind === 'class') return classReport(probability, held.truth as Int32Array, options);
  return findingReport(
    probability,
    held.truth as Int8Array,
    vocabulary.names.map(() => 0.5),
    options,
  );
}
