/** What two numbers must have in common to be compared: the facts of a protocol, and where two protocols differ. */
import type { EvaluationEntry } from '../../config/evaluate.js';
import { inputGeometry } from '../maps/heat-map.js';
import { findPrompts } from '../prompts.js';
import type { TaskContext } from '../task.js';

/** By name: dataset, split, samples, and what the task adds (prompts, threshold, …). */
export type ProtocolFacts = Readonly<Record<string, string | number>>;

/** Of the model and not of the protocol: told beside a figure, never a reason not to compare different methods. */
export interface ModelFacts {
  /** Side of the pictures that the model sees, pixels. */
  resolution?: number | undefined;
  /** Which weights: 'checkpoint_final.pth as released'. */
  weights?: string | undefined;
  /** The recipe of ours that the weights are of. */
  recipe?: string | undefined;
}

/** The facts of one evaluation that was run. `samples`: how many were measured. */
export function protocolFacts(entry: EvaluationEntry, context: TaskContext, samples: number): ProtocolFacts {
  return { dataset: context.rows.name, split: entry.split, samples, ...ofTask(entry, context) };
}

/** Side of the pictures that the model sees, where it sees any. */
export function resolutionOf({ inputs = {} }: TaskContext): number | undefined {
  const input = Object.values(inputs).find((one) => one.input === 'image');
  return input && inputGeometry(input.options ?? {}).size;
}

function ofTask(entry: EvaluationEntry, context: TaskContext): ProtocolFacts {
  switch (entry.task) {
    case 'zero-shot': {
      const prompts = findPrompts(entry.prompts, entry.labels, context.rows.promptSets);
      return {
        [prompts.kind === 'softmax' ? 'classes' : 'findings']: prompts.classes.length,
        prompts: prompts.name,
        ensemble: entry.ensemble,
        ...(prompts.kind === 'softmax'
          ? { scores: entry.standardiseScores ? 'standardised over the rows' : 'as they are' }
          : { threshold: entry.threshold }),
      };
    }
    case 'head-scores':
      return { findings: Object.keys(entry.queries).length, threshold: entry.threshold };
    case 'retrieval':
      return {};
    case 'linear-probe':
      return { encoder: 'frozen', head: 'logistic regression' };
    case 'grounding':
    case 'pointing-game': {
      const { maps, smooth, interpolation, pixels } = entry;
      const shared = { maps: maps.of, smooth, interpolation, pixels };
      if (entry.task === 'pointing-game') return { ...shared, ties: entry.ties };
      return { ...shared, ...(entry.calledAbove === undefined ? {} : { calledAbove: entry.calledAbove }) };
    }
    case 'sentence-pairs':
      return { same: entry.same, different: entry.different, threshold: entry.threshold };
    case 'temporal-classification':
      return { encoder: 'frozen', head: 'logistic regression', folds: entry.folds };
    case 'segmentation-probe':
      return { encoder: 'frozen', head: 'linear' };
  }
}

/** Numbers of samples may differ by this share: a few unreadable pictures make no other protocol. */
const SAMPLES = 0.01;

const WORDS: Readonly<Record<string, string>> = {
  dataset: 'data set',
  samples: 'number of samples',
  calledAbove: 'threshold of the map',
  smooth: 'smoothing of the map',
  pixels: 'pixels that are measured',
};

/** Why two numbers may not be compared, one sentence a fact that differs; empty where they may. What theirs does not say is no reason. */
export function differences(ours: ProtocolFacts, theirs: ProtocolFacts): string[] {
  return Object.entries(theirs).flatMap(([name, published]) => {
    const own = ours[name];
    const same =
      name === 'samples' && typeof own === 'number' && typeof published === 'number'
        ? Math.abs(own - published) <= SAMPLES * published
        : own === published;
    if (same) return [];
    const word = WORDS[name] ?? name;
    return [`${word}: published ${shown(published)}, here ${own === undefined ? 'none' : shown(own)}`];
  });
}

const shown = (value: string | number) => (typeof value === 'number' ? value.toLocaleString('en') : `'${value}'`);
