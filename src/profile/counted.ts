/** What native/engine/count.cpp tells: a step's cost on a few small batches, from which that of any batch follows. */

export interface PartWork {
  /** Floating-point operations of one rank. */
  forward: number;
  backward: number;
  /** What is computed a second time. */
  again: number;
}

/** What one rank hands to a collective of the other ranks, all calls of a step together. */
export interface Collective {
  /** Whose: a part of the model, 'features' (the gathering before the loss), 'other'. */
  part: string;
  kind: string;
  calls: number;
  bytes: number;
}

/** Bytes at most, beyond what stays from step to step. */
export interface Peak {
  /** Alive after the forward. */
  held: number;
  /** Gradients included, as they come. */
  alone: number;
  /** Where gradients have their own place all the time. */
  besideGradients: number;
  /** False: allocations could not be followed one by one, and only their totals were carried on to this batch. */
  followed: boolean;
}

interface Sampled {
  /** Samples of this rank, and ranks. */
  batch: number;
  world: number;
  parts: Record<string, PartWork>;
  collectives: Collective[];
}

export interface Counted {
  /** Bytes of a sample's inputs on the device. */
  fields: number;
  /** Fields of a batch: pixels, token ids, masks … */
  inputs: number;
  rejects: string[];
  /** Bytes; `tensors` is the number of trainable ones, `owners` that of the towers and objectives that they belong to. */
  state: { parameters: number; buffers: number; trainable: number; tensors: number; owners: number };
  /** Two batches of one process, two of one of two. The first of each tells the memory by samples of a rank. */
  towers: (Sampled & { forwardCollectives: Collective[]; memory?: Record<string, Peak> })[];
  loss: (Sampled & { memory: number })[];
}
