import type { HeadScoresEntry } from '../../config/evaluate.js';
import { GadoliniumError } from '../../errors.js';
import { findingReport } from '../classification.js';
import { embedRows, rowsOf, type TaskContext, type TaskResult } from '../task.js';
import { chosenThresholds, type ScoredFindings } from '../thresholds.js';
import { findingTruth, vocabularyOf } from '../truth.js';

/**
 * Findings by the scores that a head of the model gives its queries (MedKLIP, Wu et al. 2023: a decoder asks the patches for fixed
 * entities): p = softmax(absent, present)[present], or sigmoid of one logit. No text is embedded.
 */
export async function headScores(entry: HeadScoresEntry, context: TaskContext): Promise<TaskResult> {
  const notes: string[] = [];
  const names = Object.keys(entry.queries);
  const reported = await scored(entry, context, entry.split, notes);
  if (!reported.truth.some((value) => value >= 0)) {
    throw GadoliniumError.expected('nothing-to-evaluate', 'labelled rows', `split '${entry.split}'`, 'none');
  }
  const thresholds = await chosenThresholds(entry, names, reported, notes, () =>
    scored(entry, context, 'valid', notes),
  );
  const report = findingReport(reported.probability, reported.truth, thresholds, {
    names,
    bootstrap: entry.bootstrap,
    calibrated: true,
    strictAccuracy: entry.threshold === 'best-f1-of-reported',
  });
  return { ...report, notes: [...notes, ...report.notes] };
}

async function scored(
  entry: HeadScoresEntry,
  context: TaskContext,
  split: string,
  notes: string[],
): Promise<ScoredFindings> {
  const names = Object.keys(entry.queries);
  const { rows, features } = await embedRows(context, rowsOf(context.rows, split), [entry.features], notes, false);
  const { data, width } = features[entry.features]!;
  const logits = entry.activation === 'softmax' ? 2 : 1;
  const probability = new Float64Array(rows.length * names.length);
  for (const [k, name] of names.entries()) {
    const query = entry.queries[name]!;
    if ((query + 1) * logits > width || width % logits !== 0) {
      throw GadoliniumError.expected(
        'feature-width',
        `at least ${query + 1} queries of ${logits} logits`,
        `feature '${entry.features}', finding '${name}'`,
        `${width} numbers`,
      );
    }
    for (let i = 0; i < rows.length; i++) {
      const at = i * width + query * logits;
      // Of two logits only their difference counts.
      const logit = logits === 2 ? data[at + 1]! - data[at]! : data[at]!;
      probability[i * names.length + k] = 1 / (1 + Math.exp(-logit));
    }
  }
  return {
    probability,
    truth: findingTruth(context.rows, vocabularyOf(context.rows, names, entry.labels), names, rows, entry.uncertain),
  };
}
