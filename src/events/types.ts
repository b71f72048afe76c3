/**
 * Everything a run says, as one discriminated union on `type`. Lifecycle events are never lost; step events may be thinned
 * when nobody reads them in time, and a warning then says how many.
 */
export type TrainEvent =
  | DataFetch
  | RunStarted
  | Step
  | Evaluation
  | CheckpointWritten
  | Warning
  | RankLost
  | RunFinished;

interface EventBase {
  /** Milliseconds since the epoch. */
  time: number;
  rank: number;
}

/** How far the shards of an object store are, before the run starts; of this rank's machine. Silent where all are at hand. */
export interface DataFetch extends EventBase {
  type: 'data-fetch';
  /** s3://bucket/prefix, and the folder that the shards come into. */
  source: string;
  folder: string;
  /** What the run reads, and what of it is in the folder. */
  shards: { wanted: number; here: number };
  bytes: { wanted: number; here: number };
  /** Bytes that this process fetched, and seconds since it began. */
  fetched: number;
  seconds: number;
}

export interface RunStarted extends EventBase {
  type: 'run-started';
  recipe: string;
  /** The run folder. */
  run: string;
  /** Optimiser steps of the whole run and the step it starts from (0, or the checkpoint's). */
  steps: number;
  from: number;
  /** The checkpoint it goes on from. */
  resumed?: string;
  /** Parts that started from a file's tensors: which file, the prefix and hash of the tensors there, and what it was imported from. */
  initial?: { part: string; file: string; from: string; hash: string; source?: string | undefined }[];
  world: number;
  /** How negatives are formed, in words: "global batch of 256 in one process, exact gradient". */
  negatives: string;
  device: string;
  threads: number;
  precision: 'fp32' | 'bf16' | 'fp16';
  /** Samples of one optimiser step over all ranks, and the chunks each rank cuts its share into. */
  batch: number;
  accumulate: number;
  data: { folder: string; name: string; rows: number; training: number };
  parameters: { total: number; trainable: number; byTower: Record<string, number> };
  /** What the optimiser keeps beside them in this process: with `optimise.sharded` a share of the whole. */
  optimiserBytes: number;
  versions: { gadolinium: string; libtorch: string; node: string };
}

export interface Step extends EventBase {
  type: 'step';
  /** Number of the optimiser step just finished, from 1. */
  step: number;
  epoch: number;
  /** Samples seen since the start of training, over all ranks. */
  samples: number;
  /** The sum that was differentiated. */
  loss: number;
  /** Every term by name, reduced over ranks, weights applied. */
  losses: Record<string, number>;
  /** What objectives report beside: in-batch accuracy and the like. */
  measures: Record<string, number>;
  /** By parameter group. */
  learningRates: Record<string, number>;
  /** exp of the learned logit scale, where an objective has one. */
  logitScale?: number;
  /** Before clipping; `gradientNorms` by tower. */
  gradientNorm: number;
  gradientNorms: Record<string, number>;
  samplesPerSecond: number;
  milliseconds: {
    total: number;
    wait: number;
    transfer: number;
    forward: number;
    loss: number;
    backward: number;
    communication: number;
    optimiser: number;
  };
  /**
   * Model FLOPs of the global batch (native/profile: products of forward and backward, 2 a multiply-add, nothing that is computed
   * twice) over the time of the step, waits included.
   */
  flopsPerSecond?: number;
  /**
   * The same over the peak of all ranks: of a card what its maker says, of a processor the best of a few large matrix products
   * measured when the run began; absent where the peak is unknown.
   */
  mfu?: number;
  /** What one rank hands to the others in a step, by kind: all-reduce, all-gather …; absent in a process that trains alone. */
  collectives?: Record<string, { calls: number; bytes: number }>;
  /** Bytes: resident set on the CPU, allocator on a card. */
  memory: { now: number; peak: number };
  /** Batches decoded and waiting. */
  ready: number;
  /** Steps skipped so far because loss or gradient was not finite. */
  skipped: number;
}

export interface Evaluation extends EventBase {
  type: 'evaluation';
  step: number;
  /** The task's name in the recipe: "zero-shot organ". */
  name: string;
  /** Flat metric names to numbers: accuracy, auroc.macro, image-to-text.recall@1 … */
  metrics: Record<string, number>;
  samples: number;
  milliseconds: number;
  /** Per class or per query rows, for tables. */
  table?: { columns: string[]; rows: (string | number)[][] };
  /** Held-out images with their best and worst texts (report.html). */
  gallery?: GalleryItem[];
}

export interface GalleryItem {
  sample: string;
  /** data: URL of a small picture. */
  image: string;
  /** The sample's own text. */
  text: string;
  best: { text: string; score: number }[];
  worst: { text: string; score: number }[];
}

export interface CheckpointWritten extends EventBase {
  type: 'checkpoint';
  step: number;
  path: string;
  bytes: number;
  milliseconds: number;
  reason: 'steps' | 'minutes' | 'signal' | 'request' | 'end';
}

export interface Warning extends EventBase {
  type: 'warning';
  code: string;
  message: string;
  step?: number;
  count?: number;
}

/** Said by whoever watches the ranks, for the first cause alone: what follows from it in other ranks is only logged. */
export interface RankLost extends EventBase {
  type: 'rank-lost';
  /** The rank, its machine and process. */
  lost: number;
  host: string;
  pid: number;
  /** Its last whole step, and what it was doing: 'forward', 'evaluation' … */
  step: number;
  phase: string;
  /** Ended by itself with a status, by a signal, without a sign of life, or with an error that it told. */
  reason: 'exit' | 'signal' | 'hung' | 'failed';
  status?: number;
  signal?: string;
  /** Of the error that it told. */
  code?: string;
  /** The same in words: "was killed by SIGKILL". */
  message: string;
}

export interface RunFinished extends EventBase {
  type: 'run-finished';
  step: number;
  reason: 'done' | 'stopped' | 'failed';
  error?: { code: string; message: string; advice?: string };
  skipped: number;
  rejected: number;
  seconds: number;
}

/** A listener sees every event once, in order. It may be slow or throw: the run goes on and reports it. */
export interface EventListener {
  name: string;
  on(event: TrainEvent): void | Promise<void>;
  /** Called once after the last event. */
  close?(): void | Promise<void>;
}
