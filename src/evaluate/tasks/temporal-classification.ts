import type { TemporalClassificationEntry } from '../../config/evaluate.js';
import { GadoliniumError } from '../../errors.js';
import { putInterval } from '../classification.js';
import type { FeatureMatrix } from '../embedder.js';
import { accuracy, argmaxRows, balancedAccuracy } from '../metrics/accuracy.js';
import { confusion } from '../metrics/confusion.js';
import { meanOfDefined } from '../metrics/per-class.js';
import { folded } from '../probes/folds.js';
import { fitLogistic, predict } from '../probes/logistic-regression.js';
import { embedRows, put, rowsOf, type TaskContext, type TaskResult } from '../task.js';
import { classTruth } from '../truth.js';
import { takeRows } from '../vectors.js';

/** One finding: its samples, and what was predicted of each by a classifier that had not seen its patient. */
interface Predicted {
  finding: string;
  truth: Int32Array;
  predicted: Int32Array;
  classes: readonly string[];
}

/**
 * Temporal image classification (MS-CXR-T, Bannur et al. 2023): improving, stable or worsening for each finding, by multinomial
 * logistic regression on frozen features, cross-validated over patients. Macro-accuracy is the mean recall of the classes. In each
 * fold the next fold chooses the penalty; then all but the fold itself are fitted again.
 */
export async function temporalClassification(
  entry: TemporalClassificationEntry,
  context: TaskContext,
): Promise<TaskResult> {
  const notes: string[] = [];
  const rows = rowsOf(context.rows, entry.split);
  const present = await embedRows(context, rows, entry.features, notes, false);
  const features = sideBySide(entry.features.map((name) => present.features[name]!));
  const findings = entry.labels.map((vocab) =>
    crossValidated(entry, context, vocab, { rows: present.rows, features }, notes),
  );
  const matrixOf = ({ truth, predicted, classes }: Predicted) => confusion(truth, predicted, classes.length);
  const metrics: Record<string, number> = {};
  put(metrics, 'accuracy.macro', meanOfDefined(findings.map((one) => balancedAccuracy(matrixOf(one)))));
  for (const one of findings) {
    const { finding, truth, predicted, classes } = one;
    put(metrics, `accuracy.macro.${finding}`, balancedAccuracy(matrixOf(one)));
    putInterval(metrics, `accuracy.macro.${finding}`, truth.length, entry.bootstrap, (weights) =>
      balancedAccuracy(confusion(truth, predicted, classes.length, weights)),
    );
  }
  return {
    metrics,
    samples: findings.reduce((sum, { truth }) => sum + truth.length, 0),
    table: {
      columns: ['finding', 'samples', 'macro-accuracy', 'accuracy'],
      rows: findings.map((one) => [
        one.finding,
        one.truth.length,
        balancedAccuracy(matrixOf(one)) ?? '–',
        accuracy(matrixOf(one)) ?? '–',
      ]),
    },
    notes,
  };
}

function crossValidated(
  entry: TemporalClassificationEntry,
  { rows: source }: TaskContext,
  vocab: string,
  samples: { rows: Uint32Array; features: FeatureMatrix },
  notes: string[],
): Predicted {
  const { folds, seed } = entry;
  const { vocabulary } = source.labels(vocab, new Uint32Array(0));
  const labelled = classTruth(source, vocab, vocabulary.names, samples.rows, notes);
  const truth = labelled.classes;
  const features = takeRows(samples.features, labelled.kept);
  const patients = source.patients(labelled.rows).map((patient, i) => patient ?? `row ${i}`);
  if (new Set(patients).size < folds) {
    throw GadoliniumError.expected(
      'nothing-to-evaluate',
      `at least ${folds} patients`,
      `'${vocab}' of split '${entry.split}'`,
      new Set(patients).size,
    );
  }
  const fold = folded(patients, folds, seed, truth);
  const where = (wanted: (fold: number) => boolean) => Array.from(fold, (_, i) => i).filter((i) => wanted(fold[i]!));
  const predicted = new Int32Array(truth.length);
  for (let f = 0; f < folds; f++) {
    const next = (f + 1) % folds;
    const fit = (places: number[], C: number) => fitOn(features, truth, places, vocabulary.names.length, C);
    const [inner, chooser, held] = [
      where((n) => n !== f && n !== next),
      where((n) => n === next),
      where((n) => n === f),
    ];
    let best: { C: number; right: number } | undefined;
    for (const C of entry.grid.toSorted((a, b) => a - b)) {
      const said = fit(inner, C)(chooser);
      const right = said.reduce((sum, k, n) => sum + Number(k === truth[chooser[n]!]), 0);
      if (best === undefined || right > best.right) best = { C, right };
    }
    const said = fit(
      where((n) => n !== f),
      best!.C,
    )(held);
    for (const [n, i] of held.entries()) predicted[i] = said[n]!;
  }
  return { finding: vocab, truth, predicted, classes: vocabulary.names };
}

/** Fits on some samples (their features brought to mean 0 and deviation 1) and gives the classes of others. */
function fitOn(
  features: FeatureMatrix,
  truth: Int32Array,
  places: number[],
  classes: number,
  C: number,
): (places: number[]) => Int32Array {
  const own = takeRows(features, places);
  const { width: D } = own;
  const mean = new Float64Array(D);
  const square = new Float64Array(D);
  for (let p = 0; p < own.data.length; p++) mean[p % D]! += own.data[p]! / own.rows;
  for (let p = 0; p < own.data.length; p++) square[p % D]! += (own.data[p]! - mean[p % D]!) ** 2 / own.rows;
  const scaled = (matrix: FeatureMatrix): FeatureMatrix => ({
    ...matrix,
    data: matrix.data.map((value, p) => (square[p % D]! > 0 ? (value - mean[p % D]!) / Math.sqrt(square[p % D]!) : 0)),
  });
  const classifier = fitLogistic(
    scaled(own),
    places.map((i) => truth[i]!),
    classes,
    { C, tolerance: 1e-4 },
  );
  return (others) => argmaxRows(predict(classifier, scaled(takeRows(features, others))), classes);
}

function sideBySide(parts: readonly FeatureMatrix[]): FeatureMatrix {
  const rows = parts[0]!.rows;
  const width = parts.reduce((sum, part) => sum + part.width, 0);
  const data = new Float32Array(rows * width);
  let from = 0;
  for (const part of parts) {
    for (let i = 0; i < rows; i++) data.set(part.data.subarray(i * part.width, (i + 1) * part.width), i * width + from);
    from += part.width;
  }
  return { data, rows, width };
}
