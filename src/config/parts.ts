/**
 * A recipe's parts as plain data: exactly what the native engine reads. They are made by the typed functions of
 * src/native/generated.ts, one for each registered part.
 */
export type OptionValue = number | boolean | string | readonly number[] | readonly string[];
export type Options = Record<string, OptionValue>;

/** Where a part's tensors come from when a run starts. */
export interface InitialWeights {
  /**
   * Start from the tensors of a file instead of drawn ones: `FILE.safetensors` takes those below the part's own prefix
   * (`encoders.image`), `FILE.safetensors#encoders.frontal` those below another. Written by `gadolinium import`, or a checkpoint. Relative
   * paths start at the recipe's file, and with `--set` at the working directory.
   */
  init?: string;
}

export interface EncoderPart extends InitialWeights {
  encoder: string;
  options: Options;
  /** Activation checkpointing: blocks keep only their input. */
  recompute?: boolean;
  /** Pieces that this tower's share of the batch is cut into (gradient caching); default: train.accumulate. */
  chunks?: number;
}
/** Another modality's encoder with the same weights, e.g. for a second view. */
export interface SharedEncoder {
  share: string;
  /** The other modality's heads too, with the same weights: what they write of it, they write of this one. */
  heads?: boolean;
  recompute?: boolean;
  chunks?: number;
}
export interface HeadPart extends InitialWeights {
  head: string;
  /** Name in checkpoints; default: kind and number. */
  name?: string;
  options: Options;
}
export interface RelationPart {
  relation: string;
  options: Options;
}
export interface ObjectivePart extends InitialWeights {
  objective: string;
  /** Name in events and checkpoints; default: the kind. */
  name?: string;
  /** Factor on all its losses; default 1. */
  weight?: number;
  options: Options;
}
export interface OptimiserPart {
  optimiser: string;
  options: Options;
}
export interface SchedulePart {
  schedule: string;
  options: Options;
}
export interface InputPart {
  input: string;
  options: Options;
}

/** One option of a registered part, as the addon describes it. */
export interface OptionDescription {
  name: string;
  kind: 'number' | 'integer' | 'flag' | 'text' | 'choice' | 'feature' | 'output' | 'numbers' | 'texts';
  /** null: must be given. */
  fallback: OptionValue | null;
  help: string;
  choices?: readonly string[];
}
export interface PartDescription {
  help: string;
  options: readonly OptionDescription[];
  /** Grains of an encoder, fields of an input. */
  gives: readonly string[];
}
export type PartKind = 'encoders' | 'heads' | 'relations' | 'objectives' | 'optimisers' | 'schedules' | 'inputs';
export type Description = Readonly<Record<PartKind, Readonly<Record<string, PartDescription>>>>;
