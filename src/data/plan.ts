import { GadoliniumError } from '../errors.js';
import { Draws } from './draws.js';

/** What decides the order of rows; everything else (rank, world, position) is asked per step. */
export interface PlanFacts {
  /** Rows trained on, ascending. */
  rows: Uint32Array;
  seed: number;
  /** Samples of a step over all ranks. */
  batch: number;
  /** Row streams: inputs on different streams see different rows in one batch (unpaired modalities). */
  streams: number;
  order: 'shuffle' | 'apart' | 'balanced';
  /** apart: a patient number for each of `rows` (-1 = nobody else's). */
  patients?: Int32Array;
  /** balanced: a class number for each of `rows` (-1 = no class, never drawn). */
  classes?: Int32Array;
}

/** Throws `bad-batch` for a batch that so many ranks cannot share. */
export function requireShares(batch: number, world: number): void {
  if (batch % world === 0) return;
  throw GadoliniumError.expected('bad-batch', `a multiple of the world size ${world}`, 'train.batch', batch);
}

/** The rows of some steps of one rank, stream-major within each step. */
export interface PlannedStep {
  rows: Uint32Array;
  epoch: number;
  /** Position of the step's first sample in its epoch, over all ranks. */
  first: number;
}

/**
 * The order of samples: a pure function of (rows, seed, epoch, rank, world, position). A resumed run recomputes it; another world
 * size reads the same global batches, each rank its slice; every rank has the same number of batches by construction.
 *
 * shuffle: the epochs' permutations one after the other, cut into batches; a batch may straddle two epochs, so that every row comes
 * exactly once an epoch, and the head of the new epoch is arranged so that no row is twice in such a batch. (Fewer rows than three
 * batches: whole batches only, the remainder is left out, another one each epoch.)
 * apart, balanced: whole batches, see below.
 */
export class Plan {
  readonly facts: PlanFacts;
  /** Samples of an epoch: all rows, or those of its whole batches. */
  readonly epochLength: number;
  readonly #orders = new Map<string, Uint32Array>();

  constructor(facts: PlanFacts) {
    this.facts = facts;
    const { rows, batch, order } = facts;
    if (rows.length < batch) {
      throw GadoliniumError.expected(
        'too-few-rows',
        `at least train.batch = ${batch} rows`,
        'the training split',
        rows.length,
        'lower train.batch',
      );
    }
    const carries = order === 'shuffle' && rows.length >= 3 * batch;
    this.epochLength = carries ? rows.length : Math.floor(rows.length / batch) * batch;
    if (order === 'balanced' && !facts.classes?.some((one) => one >= 0)) {
      throw GadoliniumError.expected('no-labels', 'labelled rows', 'sampling.order balanced', 'none');
    }
  }

  /** Optimiser steps of so many epochs, rounded up. */
  stepsOf(epochs: number): number {
    return Math.ceil((epochs * this.epochLength) / this.facts.batch);
  }

  /** Step number `step` (from 0) for a rank. */
  step(step: number, rank: number, world: number): PlannedStep {
    const { batch, streams } = this.facts;
    requireShares(batch, world);
    const share = batch / world;
    const start = step * batch;
    const rows = new Uint32Array(streams * share);
    for (let stream = 0; stream < streams; stream++) {
      // Runs of positions that lie in one epoch: one look-up and one copy each.
      for (let done = 0; done < share; ) {
        const position = start + rank * share + done;
        const epoch = Math.floor(position / this.epochLength);
        const within = position - epoch * this.epochLength;
        const run = this.#order(epoch, stream).subarray(within, within + share - done);
        rows.set(run, stream * share + done);
        done += run.length;
      }
    }
    const epoch = Math.floor(start / this.epochLength);
    return { rows, epoch, first: start - epoch * this.epochLength };
  }

  #order(epoch: number, stream: number): Uint32Array {
    const key = `${epoch}/${stream}`;
    const known = this.#orders.get(key);
    if (known) return known;
    const made = { shuffle: shuffled, apart: keptApart, balanced: balanced }[this.facts.order](
      this.facts,
      epoch,
      stream,
    );
    if (this.facts.order === 'shuffle' && this.epochLength === this.facts.rows.length && epoch > 0) {
      this.#separate(made, epoch, stream);
    }
    // Two epochs and two streams are in use at a time; older ones are never asked again.
    for (const old of this.#orders.keys()) if (Number(old.split('/')[0]) < epoch - 1) this.#orders.delete(old);
    this.#orders.set(key, made);
    return made;
  }

  // The last rows of the epoch before share a batch with the first of this one: no row may be in both places. Conflicts are swapped
  // with places between that head and the tail, so that tails stay as shuffled and no epoch depends on more than the one before.
  #separate(order: Uint32Array, epoch: number, stream: number): void {
    const { batch, rows } = this.facts;
    const tail = (epoch * rows.length) % batch;
    if (tail === 0) return;
    const head = batch - tail;
    const before = new Set(shuffled(this.facts, epoch - 1, stream).subarray(rows.length - tail));
    let free = head;
    for (let i = 0; i < head; i++) {
      if (!before.has(order[i] as number)) continue;
      while (before.has(order[free] as number)) free++;
      const held = order[i] as number;
      order[i] = order[free] as number;
      order[free++] = held;
    }
  }
}

function shuffled({ rows, seed }: PlanFacts, epoch: number, stream: number): Uint32Array {
  return new Draws(seed, epoch, stream).shuffle(Uint32Array.from(rows));
}

/**
 * No two rows of one patient in a batch: rows are put patient by patient, in random order, and dealt over the epoch's batches like
 * cards, so a patient's rows go to different batches. Of a patient with more rows than there are batches some are left out, as is
 * the remainder of the division; others in each epoch.
 */
function keptApart({ rows, seed, batch, patients }: PlanFacts, epoch: number, stream: number): Uint32Array {
  const draws = new Draws(seed, epoch, stream);
  const places = draws.shuffle(Uint32Array.from(rows.keys()));
  const byPatient = new Map<number, number[]>();
  let lone = -1;
  for (const place of places) {
    const patient = patients?.[place] ?? -1;
    const key = patient < 0 ? lone-- : patient;
    const list = byPatient.get(key);
    if (list) list.push(place);
    else byPatient.set(key, [place]);
  }
  const batches = Math.floor(rows.length / batch);
  const dealt: number[][] = Array.from({ length: batches }, () => []);
  let next = 0;
  const spare: number[] = [];
  for (const list of byPatient.values()) {
    for (const [index, place] of list.entries()) {
      if (index >= batches) spare.push(place);
      else (dealt[next++ % batches] as number[]).push(place);
    }
  }
  const out = new Uint32Array(batches * batch);
  const order = draws.shuffle(Array.from(dealt.keys()));
  for (const [at, which] of order.entries()) {
    const hand = draws.shuffle(dealt[which] as number[]);
    // Only when one patient owns more rows than there are batches can hands be short; then its spare rows fill them.
    while (hand.length < batch) hand.push(spare.pop() as number);
    for (let i = 0; i < batch; i++) out[at * batch + i] = rows[hand[i] as number] as number;
  }
  return out;
}

/**
 * Classes in turn, each class in its own shuffled order, starting over when it is used up: every class fills the same share of every
 * batch. An epoch is as many draws as there are rows in whole batches.
 */
function balanced({ rows, seed, batch, classes }: PlanFacts, epoch: number, stream: number): Uint32Array {
  const byClass = new Map<number, number[]>();
  for (const [place, one] of (classes as Int32Array).entries()) {
    if (one < 0) continue;
    const list = byClass.get(one);
    if (list) list.push(place);
    else byClass.set(one, [place]);
  }
  const names = [...byClass.keys()].sort((a, b) => a - b);
  const length = Math.floor(rows.length / batch) * batch;
  const out = new Uint32Array(length);
  const cursors = names.map((name) => {
    const list = byClass.get(name) as number[];
    const draws = new Draws(seed, epoch, stream, name);
    return { list: draws.shuffle(list), at: 0, draws };
  });
  for (let i = 0; i < length; i++) {
    const cursor = cursors[i % cursors.length] as (typeof cursors)[number];
    if (cursor.at === cursor.list.length) {
      cursor.draws.shuffle(cursor.list);
      cursor.at = 0;
    }
    out[i] = rows[cursor.list[cursor.at++] as number] as number;
  }
  const draws = new Draws(seed, epoch, stream);
  for (let start = 0; start < length; start += batch) draws.shuffle(out.subarray(start, start + batch));
  return out;
}
