import type { EvaluationInput } from './evaluate.js';
import type {
  EncoderPart,
  HeadPart,
  InputPart,
  ObjectivePart,
  OptimiserPart,
  RelationPart,
  SchedulePart,
  SharedEncoder,
} from './parts.js';

/**
 * A method as data: what is read, how it is encoded, what belongs together, what is learned from. Reads like the method's
 * paragraph in the survey; `resolve` fills in defaults and checks it before anything starts.
 */
export interface Recipe {
  /** One line: what it is. */
  title: string;
  /** Where the method and its numbers come from: paper, equation, official file. */
  source?: string;
  /** Row of the survey *CLIP in medical imaging*. */
  survey?: { family: string; domain: string };
  /** Modality → input. Features are named after the modality: `image.pixels`, `text.ids`. */
  data: Record<string, InputPart>;
  /** Modality → encoder. Gives `<modality>.global` and further grains. */
  encoders: Record<string, EncoderPart | SharedEncoder>;
  /** Applied in order. */
  heads?: HeadPart[];
  /** Default: identity. */
  relation?: RelationPart;
  objectives: ObjectivePart[];
  optimise: Optimise;
  train: Train;
  sampling?: Partial<Sampling>;
  books?: Books;
  evaluate?: EvaluationInput[];
  checkpoint?: Partial<Checkpointing>;
}

/**
 * Vectors of texts that are constants of a run (parts with a `book`): encoded once, before the first step, by a text model that is
 * then let go. Kept in checkpoints.
 */
export interface Books {
  /** A file with a text model: a checkpoint, or what `gadolinium import` wrote. Empty: the vectors stay as drawn. */
  model?: string;
  /** The model's feature that is a text's vector; default text.global. */
  feature?: string;
  /** Longest text with its special tokens; the rest is cut off. Default 128. */
  maxTokens?: number;
  /** Whether an end token follows each text as the model's tokenizer has it. */
  endToken?: boolean;
  /**
   * By a name of its own: the part that they are for, heads.entities or objectives.position, and the texts in its order, or a file of
   * them: a JSON list, a JSON object whose values count in their order, or one a line. Relative paths begin at the working directory.
   */
  texts: Record<string, { into: string; from: readonly string[] | string }>;
}

export interface Optimise {
  optimiser: OptimiserPart;
  schedule: SchedulePart;
  /** Peak learning rate. */
  lr: number;
  /** Weight decay of matrices; norms and biases (tensors of at most one dimension) have none unless asked. */
  decay?: number;
  decayNormsAndBiases?: boolean;
  /** Patterns over parameter names (`*` = any run of characters); all that match apply, in order. */
  groups?: { match: string; rate?: number; decay?: number; frozen?: boolean }[];
  /** Modality → factor per layer below the top (BEiT's layer-wise decay); 1 = none. */
  layerDecay?: Record<string, number>;
  /** Bound on the gradient norm; 0 = no clipping. */
  clip?: number;
  /** Decay of the averaged weights (used by evaluation); 0 = none kept. */
  ema?: number;
  /** The evaluation metric that a plateau schedule watches: `<evaluation name>/<metric>`. */
  watch?: string;
  /** Steps skipped in a row for a non-finite loss or gradient before the run stops. */
  maximumSkipped?: number;
  /**
   * Several processes cut the optimiser's state among them: each keeps and updates its share. The same run, to rounding; a
   * checkpoint holds it whole, so any number of processes can go on, with this or without.
   */
  sharded?: boolean;
}

export interface Train {
  /** Samples of one optimiser step over all ranks: the number of negatives plus one. */
  batch: number;
  /** Give one of the two. */
  epochs?: number;
  steps?: number;
  /** Pieces that each tower's share is cut into, with all negatives kept (gradient caching). */
  accumulate?: number;
  precision?: 'fp32' | 'bf16' | 'fp16';
  seed?: number;
  /** cpu, cuda, cuda:1 … ; auto = a card where there is one. */
  device?: string;
  /** Threads of the arithmetic and of the data path; 0 = by the machine. */
  threads?: number;
  loaderThreads?: number;
  /** Evaluate every N steps, and after the last; 0 = after the last only. */
  evaluateEvery?: number;
}

export interface Sampling {
  /** Rows trained on. */
  split: string;
  /**
   * shuffle: every row once an epoch. apart: the same, and never two rows of one patient in a batch (they would be each other's
   * false negatives). balanced: classes of a label vocabulary drawn evenly.
   */
  order: 'shuffle' | 'apart' | 'balanced';
  /** Label vocabulary of `balanced`. */
  labels: string;
  /** Share of the split's rows that is trained on, drawn by the seed; a smaller share lies inside a larger. Default 1. */
  share: number;
}

export interface Checkpointing {
  /** Every N steps and every M minutes, whichever comes first; 0 = not by this. */
  everySteps: number;
  everyMinutes: number;
  /** Newest ones kept. */
  keep: number;
  /** Keep the best by this metric too: `<evaluation name>/<metric>`. */
  best: { metric: string; mode: 'max' | 'min' } | null;
}

/** Checks nothing at run time; gives the literal its type. */
export function recipe(definition: Recipe): Recipe {
  return definition;
}

type Deep<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: Deep<T[K]> } : T;

/** A variant: objects are merged, lists and parts of another kind are replaced. */
export function extend(base: Recipe, changes: Deep<Recipe>): Recipe {
  return merge(base, changes) as Recipe;
}

function merge(base: unknown, changes: unknown): unknown {
  if (!isPlain(base) || !isPlain(changes)) return changes === undefined ? base : changes;
  // Another kind of part: its options have nothing to do with those of the part that it replaces.
  for (const kind of ['encoder', 'input', 'optimiser', 'schedule', 'relation']) {
    if (typeof changes[kind] === 'string' && changes[kind] !== base[kind]) return changes;
  }
  const out: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(changes)) out[key] = merge(base[key], value);
  return out;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The encoder of another modality, weights and all: for a second view of the same kind. */
export function shared(modality: string, more: Omit<SharedEncoder, 'share'> = {}): SharedEncoder {
  return { share: modality, ...more };
}
