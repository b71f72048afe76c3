/** The tasks by name, and how one entry of a recipe is run. A new task is one file beside this one and one line here. */
import type { EvaluationEntry } from '../config/evaluate.js';
import type { Evaluation } from '../events/types.js';
import type { TaskContext, TaskResult } from './task.js';
import { grounding } from './tasks/grounding.js';
import { headScores } from './tasks/head-scores.js';
import { linearProbe } from './tasks/linear-probe.js';
import { pointingGame } from './tasks/pointing-game.js';
import { retrieval } from './tasks/retrieval.js';
import { segmentationProbe } from './tasks/segmentation-probe.js';
import { sentencePairs } from './tasks/sentence-pairs.js';
import { temporalClassification } from './tasks/temporal-classification.js';
import { zeroShot } from './tasks/zero-shot.js';

type Tasks = {
  [Name in EvaluationEntry['task']]: (
    entry: Extract<EvaluationEntry, { task: Name }>,
    context: TaskContext,
  ) => Promise<TaskResult>;
};

const TASKS: Tasks = {
  'zero-shot': zeroShot,
  retrieval,
  'linear-probe': linearProbe,
  grounding,
  'pointing-game': pointingGame,
  'head-scores': headScores,
  'sentence-pairs': sentencePairs,
  'temporal-classification': temporalClassification,
  'segmentation-probe': segmentationProbe,
};

/** The measured part of an evaluation event; the caller adds time, rank and step. */
export type Evaluated = Pick<Evaluation, 'name' | 'metrics' | 'samples' | 'milliseconds' | 'table' | 'gallery'> & {
  notes: string[];
};

/** Runs one entry. Throws a GadoliniumError where the data or the model lack what the entry asks for. */
export async function runTask(entry: EvaluationEntry, context: TaskContext): Promise<Evaluated> {
  const start = performance.now();
  const run = TASKS[entry.task] as (entry: EvaluationEntry, context: TaskContext) => Promise<TaskResult>;
  const result = await run(entry, context);
  return { name: entry.name, ...result, milliseconds: performance.now() - start };
}
